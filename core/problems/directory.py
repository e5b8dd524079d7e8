"""Problems of a directory (LDAP, or Kerio's administration) without a usable answer."""

from __future__ import annotations

from core.problems import connection
from core.problems.code import Code, Do, Family, Setting

_RIGHTS = "Give the account the right to administer accounts."
_LOG = "See the server's log."
_ADMINISTRATION = "Is {port} the port of Kerio Connect's administration? Usually it is 4040."

# Connecting -----------------------------------------------------------------------------------------------------------

NO_LDAP = Code(
    "no-ldap",
    "{host} answered with something that is no LDAP.",
    f"Is {{port}} its port, and does {Setting('server.access')} fit it?",
)
NO_STARTTLS = Code(
    "no-ldap-starttls",
    "{host} does not offer StartTLS on port {port}.",
    f"Use {Setting('server.access', 'ldap-ssl')} (port 636), or switch TLS on there.",
)
NO_LDAP_TLS = Code(
    "no-ldap-tls",
    connection.NO_TLS.sentence,
    f"Port {{port}} does not seem to speak TLS from the first byte: use {Setting('server.access', 'ldap-tls')} with port "
    f"389, or {Setting('server.access', 'ldap-ssl')} with port 636.",
)
NO_ADMINISTRATION_TLS = Code("no-administration-tls", connection.NO_TLS.sentence, _ADMINISTRATION)
LATE = Code(
    "directory-late", "{host} did not answer {method} in time.", f"For a slow server raise {Setting('server.timeout')}."
)
LDAP_LOST = Code(
    "ldap-lost",
    "The connection to the directory {host} was lost ({kind}).",
    f"See that it runs; for one that is only slow, raise {Setting('server.timeout')}.",
)
LOST = Code("directory-lost", "The connection to {host} was lost ({kind}).", "See that the server runs.")
LOGIN_REFUSED = Code(
    "directory-login-refused",
    "{host} refused the login of {login}{said}.",
    f"Compare {Setting('directory.login.username')} (a DN, for Active Directory also user@domain) and password with the "
    "directory's.",
)
LOGIN_FAILED = Code("directory-login-failed", "{host} refused the login of {login}{said}.", "See the directory's log.")
EMPTY_PASSWORD = Code(
    "directory-password-empty", "The password of {login} is empty.", "Directories take that for no login at all."
)
NO_PASSWORD_WITHOUT_TLS = Code(
    "directory-no-password-without-tls",
    "{host} takes no password without TLS.",
    f"Use {Setting('server.access', 'ldap-tls')} or {Setting('server.access', 'ldap-ssl')}.",
)
ADMINISTRATION_REFUSED = Code(
    "administration-refused",
    "{host} refused the login of {login}: {said}",
    "Compare user name and password with the server's; the account needs the right to read the administration.",
)
NO_TOKEN = Code("no-token", "{host} gave no token for the session.", "Is it Kerio Connect's administration?")
NO_ADMINISTRATION = Code(
    "no-administration", "{host} does not answer as Kerio Connect's administration (HTTP {status}).", _ADMINISTRATION
)

# Answers --------------------------------------------------------------------------------------------------------------

REFUSED = Code("directory-refused", "{host} refused {method}: {said}", _LOG)
REFUSED_SILENTLY = Code("directory-refused-silently", "{host} refused {method}.", _LOG)
FORBIDDEN = Code("directory-forbidden", "{host} refused {method}: {said}", _RIGHTS)
WRONG_PARAMETERS = Code(
    "directory-speaks-otherwise",
    "{host} refused {method}: {said}",
    "This version of the server speaks otherwise: please report it with the server's version.",
)
DOMAINS_REFUSED = Code(
    "domains-refused",
    "{host} refused to list its domains: {said}",
    "The account may not list domains (an Auditor may not): give it the right to administer accounts.",
)
NO_LIST = Code("directory-without-list", "{host} answered {method} with no list.", "Is it Kerio Connect's administration?")
NO_ID = Code("directory-without-id", "{host} answered {method} with an item without id.", _LOG)
CHANGING = Code("directory-changing", "{host} changed its list of {what} while it was read, twice.", "Try again in a moment.")
IN_PART = Code(
    "directory-in-part",
    "{host} gave only {got:number} of {all:number} {what}: with a part nobody is changed.",
    _LOG,
)
NO_DOMAIN = Code("no-domain", '{host} has no domain "{domain}".', f"Domains: {{there}}. Correct {Setting('search.domains')}.")
EMPTY_GROUPS = Code(
    "empty-groups",
    "{host} has nobody in a group {groups}: with that nobody is changed.",
    f"Groups with members: {{there}}. Correct {Setting('search.groups')}.",
)
NO_GROUPS = Code("no-groups", "{host} has no group {groups}.", f"Correct {Setting('search.groups')}; a DN is always clear.")
SEVERAL_GROUPS = Code(
    "several-groups",
    '{host} has {count:number} groups called "{group}".',
    f"Correct {Setting('search.groups')}; a DN is always clear.",
)
NO_BASE = Code("no-base", "{host} does not say where its entries begin.", f"Give {Setting('search.base_dn')}.")
WRONG_BASE = Code("wrong-base", '{host} has nothing under "{base}".', f"Correct {Setting('search.base_dn')}, or leave it out.")
REFERRAL = Code(
    "referral",
    '{host} names another server for "{base}".',
    f"Use that one as {Setting('server.host')}: referrals are not followed.",
)
ATTRIBUTE_IN_PART = Code(
    "attribute-in-part",
    '{host} gave only a part of "{attribute}" of "{dn}": with a part nobody is changed.',
    "See the directory's log.",
)
USERS_IN_PART = Code(
    "users-in-part",
    "{host} gave only a part of its users{said}: with a part nobody is changed.",
    f"Raise the limit for this account there, or narrow {Setting('search.filter')}.",
)
SEARCH_FAILED = Code(
    "search-failed",
    "{host} did not answer the search{said}.",
    f"See {Setting('search.filter')} and the directory's log.",
)
NO_PERMANENT_ID = Code(
    "no-permanent-id",
    '{host} gives the entry "{dn}" no permanent id ({ids}).',
    "The account must be allowed to read these attributes: without them a rename looks like another person.",
)
NOBODY = Code(
    "nobody-in-directory",
    "The directory {host} has nobody whom the settings look for: with that nobody is changed.",
    f"Look at {Setting('search.filter')} and {Setting('search.base_dn')}: it asked for {{filter}}.",
)
NOBODY_IN_KERIO = Code(
    "nobody-in-administration",
    "The directory {host} has nobody whom the settings look for: with that nobody is changed.",
    f"Look at {Setting('search.domains')} and {Setting('search.groups')}.",
)
NO_ADDRESSES = Code(
    "no-addresses",
    "The directory {host} gives nobody an e-mail address: with that nobody is changed.",
    f"Look at {Setting('attributes.email')} ({{attributes}}), and see that the account may read that.",
)
NO_ADDRESSES_IN_KERIO = Code(
    "no-addresses-in-administration",
    "The directory {host} gives nobody an e-mail address: with that nobody is changed.",
    "See that the account may read them.",
)
TOO_MANY_LEAVE = Code(
    "too-many-leave",
    "{going:number} of {known:number} users would go, which is more than {guard} %: none of them was disabled or removed.",
    f"{Do.FORCE_SYNCHRONISATION} Else look at what is searched for, and at the directory.",
)

# Settings -------------------------------------------------------------------------------------------------------------

NOT_SET_UP = Code("no-directory", "No directory is set up.", f"{Do.SET_UP_DIRECTORY}", Family.INPUT)
NO_PASSWORD = Code(
    "no-directory-password",
    "No password is stored for the directory.",
    f"{Do.ENTER_DIRECTORY_PASSWORD}",
    Family.INPUT,
)
CHANGED = Code(
    "directory-settings-changed",
    "Somebody else changed the directory's settings meanwhile, so nothing was saved.",
    "Leave without saving, open them again to see what they are now, and change that.",
    Family.INPUT,
)
NOT_KERIO = Code(
    "directory-not-kerio",
    "The directory is not Kerio Connect, and only its administration can be asked.",
    f"It needs {Setting('directory.type', 'kerio')}. {Do.SET_UP_DIRECTORY}",
    Family.INPUT,
)

# Entries that cannot be followed -----------------------------------------------------------------------------------------

_LEFT_OUT = "It is left out."
CATCH_ALL_ADDRESS = Code(
    "entry-with-catch-all-address",
    "{address} is the mailbox of the profile {profile} and gets everybody's mail.",
    _LEFT_OUT,
    Family.ITEM,
)
WRONG_FIELD = Code("entry-with-wrong-field", "{why}", _LEFT_OUT, Family.ITEM)
NAME_TWICE = Code(
    "entry-name-twice", "The user name {name} stands in the directory twice.", "Give one of them another there.", Family.ITEM
)
NAME_OF_REMOVED = Code(
    "entry-name-of-removed",
    "The user name {name} belongs to a removed user, whose archive goes to nobody by itself.",
    f"{Do.BRING_BACK_USER} The next synchronisation takes it over.",
    Family.ITEM,
)
NAME_OF_ENTRY = Code(
    "entry-name-of-other-entry",
    "The user name {name} belongs to another entry of the directory.",
    f"If it is the same person: {Do.KEEP_BY_HAND} The next synchronisation takes the user over.",
    Family.ITEM,
)
NAME_OF_USER = Code(
    "entry-name-of-other-user",
    "The user name {name} belongs to a user with other addresses.",
    "If it is the same person, add one of the directory's addresses to that user, and the next synchronisation takes it over.",
    Family.ITEM,
)
NAME_NOT_FREE = Code(
    "entry-name-not-free",
    "The user name {name} is still somebody else's.",
    "The next synchronisation tries again.",
    Family.ITEM,
)
ADDRESS_OF_USER = Code("entry-address-of-user", "{address} belongs to {user}.", _LEFT_OUT, Family.ITEM)
ADDRESS_OF_ENTRY = Code(
    "entry-address-of-other-entry", "{address} belongs to somebody else in the directory too.", _LEFT_OUT, Family.ITEM
)
