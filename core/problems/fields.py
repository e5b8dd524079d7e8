"""Faults of settings files and of forms.

The first five are errors, the others are why. Such a sentence goes on after the name of the field and what stands there, and
its remedy says what may stand there, or what should be written.
"""

from __future__ import annotations

from core.problems.code import Code, Family, Setting

_FILE = "a file that exists, best with its whole path"

# By their sort --------------------------------------------------------------------------------------------------------

OF_UNKNOWN = Code("field-unknown", "{at}{field:field} {why:clause}.", "Allowed: {why:remedy}.{near}", Family.INPUT)
OF_MISSING = Code("field-missing", "{at}{field:field} {why:clause}.", "Write {why:remedy}.", Family.INPUT)
OF_WRONG = Code("field-not-allowed", "{at}{field:field} {given}{why:clause}.", "Allowed: {why:remedy}.", Family.INPUT)
OF_SURPLUS = Code("field-without-meaning", "{at}{field:field} {why:clause}.", "Allowed: {why:remedy}.", Family.INPUT)
OF_OTHERS = Code("field-of-others", "{at}{field:field} {why:clause}.", "Leave it out.", Family.INPUT)

# Names ----------------------------------------------------------------------------------------------------------------

UNKNOWN = Code("key-unknown", "is unknown", "{allowed}", Family.INPUT)
UNKNOWN_SECTION = Code("section-unknown", "is an unknown section", "{allowed}", Family.INPUT)
NO_SECTION = Code("key-as-section", "is no section", "{allowed}", Family.INPUT)

# What is missing ------------------------------------------------------------------------------------------------------

MISSING = Code("value-missing", "is missing or empty", "{allowed}", Family.INPUT)
MISSING_WITH = Code("value-missing-with", "is missing or empty with {other:setting}", "{allowed}", Family.INPUT)
NO_START = Code("schedule-without-start", "does not say when", "{allowed}", Family.INPUT)

# Values ---------------------------------------------------------------------------------------------------------------

NOT_ALLOWED = Code("value-not-allowed", "is not allowed", "{allowed}", Family.INPUT)
NO_HOST = Code(
    "value-no-host",
    "is not allowed",
    f"a host name or an IP address alone; a port belongs in {Setting('server.port')}",
    Family.INPUT,
)
FILE_NOT_THERE = Code("value-file-not-there", "there is no such file ({path})", _FILE, Family.INPUT)
FILE_IS_NONE = Code("value-no-file", "this is no file", _FILE, Family.INPUT)
FILE_NOT_FOUND = Code("value-file-not-found", "this cannot be found", _FILE, Family.INPUT)
FILE_REFUSED = Code("value-file-refused", "{said}", _FILE, Family.INPUT)
EMPTY_NAME = Code("value-empty-name", "has an empty name", "user names or addresses", Family.INPUT)
NO_FILTER = Code("value-no-filter", "is no LDAP filter: {said}", "{allowed}", Family.INPUT)

# Values together ------------------------------------------------------------------------------------------------------

NO_MEANING = Code("value-without-meaning", "has no meaning with {other:setting}", "{allowed}", Family.INPUT)
EXCLUDED = Code("values-exclude-each-other", "and {other:setting} contradict each other", "one of them", Family.INPUT)
FOR_KINDS = Code("value-for-other-kinds", "is for profiles of kind {kinds}", "{allowed}", Family.INPUT)
MASTER_FOR_MAILBOXES = Code("method-for-mailboxes", "is for kind mailboxes", "{allowed}", Family.INPUT)
NO_MASTER = Code(
    "method-without-master", "must open every mailbox with one password in kind mailboxes", "{allowed}", Family.INPUT
)
NOT_AFTER = Code(
    "day-not-after", f"is not after {Setting('filter.since')}, so nothing would be archived", "a later day", Family.INPUT
)
NOT_OVER = Code(
    "size-not-over", f"is not over {Setting('filter.larger_than')}, so nothing would be archived", "a larger size", Family.INPUT
)
ALL_USERS = Code(
    "selection-in-catch-all",
    "has no meaning in kind catchall: mail goes to all users whom it concerns",
    "{allowed}",
    Family.INPUT,
)
SECOND_START = Code("schedule-started-twice", "is given beside another one", "one of {allowed}", Family.INPUT)
FOR_DAILY = Code("weekdays-without-daily", "is for daily", "{allowed}", Family.INPUT)
NO_ZONE = Code("time-zone-without-time", "has no meaning with every", "{allowed}", Family.INPUT)
FOR_LDAP = Code("field-for-ldap", "is for LDAP", "{allowed}", Family.INPUT)
FIXED_ATTRIBUTES = Code("attributes-of-kerio", "is for LDAP; Kerio's users have fixed fields", "{allowed}", Family.INPUT)
NOT_POSSIBLE = Code("access-not-possible", "is not possible for {directory}", "{allowed}", Family.INPUT)
NO_USERNAME = Code("password-without-username", "is missing or empty beside a password", "{allowed}", Family.INPUT)

# Files as a whole -----------------------------------------------------------------------------------------------------

TOO_LARGE = Code(
    "settings-file-too-large", "{path} is too large for {what} (more than {size}).", "Is it another file?", Family.INPUT
)
NO_TEXT = Code("settings-file-no-text", "{file}, line {line}: this is not UTF-8 text.", "Save the file as UTF-8.", Family.INPUT)
NO_TOML = Code("settings-file-no-toml", "{file}{at}: {said}.", "The file must be TOML: {form}.", Family.INPUT)
