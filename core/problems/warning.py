"""Warnings of a run, of a profile and of the directory: what should be known, though nothing failed because of it."""

from __future__ import annotations

from core.problems.code import Code, Do, Family, Setting

_NOTHING = "Nothing is to be done."


def _warning(word: str, sentence: str, remedy: str = _NOTHING) -> Code:
    return Code(word, sentence, remedy, Family.WARNING)


# Settings of profiles ----------------------------------------------------------------------------------------------------

_CHECKED = f"Better give the server's authority as {Setting('server.ca_file')}, and have certificates checked."
_TLS = f"If the server speaks TLS, use {Setting('server.access', 'imap-ssl')} or {Setting('server.access', 'imap-tls')}."
ALL_CERTIFICATES = _warning(
    "all-certificates-accepted",
    "{profile} accepts all certificates: anyone in between can read the mail and the password.",
    _CHECKED,
)
ALL_CERTIFICATES_MASTER = _warning(
    "all-certificates-accepted-for-master",
    "{profile} accepts all certificates: anyone in between can read the mail and the master password, which opens every "
    "mailbox.",
    _CHECKED,
)
NO_TLS = _warning("connects-without-tls", "{profile} connects without TLS: password and mail cross the network readable.", _TLS)
NO_TLS_MASTER = _warning(
    "connects-without-tls-for-master",
    "{profile} connects without TLS: password and mail cross the network readable, and with that password every mailbox can "
    "be opened.",
    _TLS,
)
_SHARED = f"If that is not wanted, leave this out of its rule: {Setting('delete.shared', 'false')}."
DELETES_PUBLIC = _warning(
    "deletes-in-public-folders", "{profile} deletes mail in public folders too, which are everybody's.", _SHARED
)
DELETES_SHARED = _warning(
    "deletes-in-shared-folders",
    "{profile} deletes mail in folders of others and shared ones too, if they are archived.",
    _SHARED,
)
_PLAIN = "If the login is refused, choose one of plain letters, digits and signs."
MASTER_NOT_ASCII = _warning(
    "master-password-not-ascii",
    "The master password has characters outside ASCII: servers may read them another way.",
    _PLAIN,
)
MASTER_LONG = _warning(
    "master-password-long",
    "The master password is longer than {most} characters, and old versions of Kerio Connect count no more of it.",
    "Both forms are tried.",
)
OTHER_CASE = _warning(
    "folders-of-other-case",
    'Files into {template}, while mailboxes are archived into "{path}": that differs only by case, and makes two folders.',
    "Spell it alike.",
)

# Users of a profile ------------------------------------------------------------------------------------------------------

USERS_GONE = _warning(
    "listed-users-gone", "The profile lists users who are no more: {names}.", f"Take them out of it. {Do.CHANGE_SELECTION}"
)
NO_ADDRESS = _warning(
    "users-without-address",
    "Without an e-mail address, so not archived: {names}.",
    f"Give them an address. {Do.CHANGE_ADDRESS}",
)
SAME_LOGIN = _warning(
    "users-of-one-login",
    "{names} have the same login name ({login}): the same mailbox would go into each of their archives.",
    f"Give each the name of their own mailbox. {Do.CHANGE_LOGIN_NAME}",
)
NOT_DELETED_SHARED = _warning(
    "shared-mailboxes-not-deleted",
    "In mailboxes that several users have nothing is deleted: the others would never get it.",
    f"To have it deleted, archive each mailbox for one user. {Do.CHANGE_LOGIN_NAME}",
)
NOBODY = _warning(
    "nobody-selected",
    "No user with an e-mail address is selected, so there was nothing to archive.",
    f"Select users, or give them addresses. {Do.CHANGE_SELECTION}",
)

# Servers -----------------------------------------------------------------------------------------------------------------

OTHER_CERTIFICATE = _warning(
    "other-certificate",
    "{server} shows another certificate than before (SHA-256 {digest}…).",
    "If it was not renewed, something else may answer in its place.",
)
OTHER_SERVER = _warning(
    "other-server",
    "{server} is a different server behind the same name: it calls itself {called}, and was {before}. Every folder is listed "
    "whole and compared.",
    "If it was not exchanged or updated, find out who answers in its place.",
)
INEXACT = _warning(
    "inexact-sizes",
    "{server} announces other sizes than its messages have ({differing:number} of {all:message}): they are kept as sent. "
    "Nothing is deleted on it in this run.",
    "Nothing is to be done: the next run deletes there as its rule says.",
)
RECOMPUTED = _warning(
    "sizes-computed-anew",
    "{server} names other sizes or dates than before for known messages that are the same: it has computed them anew. Headers "
    "were compared instead.",
)

# Folders -----------------------------------------------------------------------------------------------------------------

_PUT_BACK = "If nobody meant to remove them, a restore puts them back."
FOLDER_SHRUNK = _warning(
    "folder-shrunk",
    "{folder} had {before:message} when it was last looked at, and has {left:number} on the server now. What was archived "
    "is kept.",
    _PUT_BACK,
)
VIEW_NOT_DELETED = _warning(
    "views-not-deleted",
    "Nothing is deleted in {folders}, which shows what lies in other folders. On Gmail a message that is deleted in another "
    "folder loses its label there, and stays in the folder of all mail.",
)
NOT_LOOKED_AT = _warning(
    "others-not-looked-at",
    "Nothing is deleted yet in {folders}: other mailboxes of the profile were not looked at before, and the server does not "
    "tell whose folders are.",
    "The next run deletes there.",
)
_WHOSE = "archived here, and nothing is deleted there"
_NAMED = f"If all of them are of this mailbox, and mail is to be deleted there too: {Setting('delete.shared', 'true')}."
OUTSIDE_NAMESPACE = _warning(
    "doubtful-by-namespace",
    f"{{folders}}: may be somebody else's, since it lies outside the namespaces that the server tells; {_WHOSE}.",
    _NAMED,
)
FEWER_RIGHTS = _warning(
    "doubtful-by-rights",
    f"{{folders}}: may be somebody else's, since the rights there are less than those in INBOX; {_WHOSE}.",
    _NAMED,
)
NAMED_LIKE_OTHER = _warning(
    "doubtful-by-name",
    f"{{folders}}: may be somebody else's, since it is named like another mailbox; {_WHOSE}.",
    _NAMED,
)
SAME_FOLDER = _warning(
    "doubtful-by-twin",
    f"{{folders}}: may be somebody else's, since another mailbox has the same folder; {_WHOSE}.",
    _NAMED,
)
IN_TRASH = _warning(
    "deleted-mail-in-trash",
    "{count:message that was deleted here lies|messages that were deleted here lie} in the trash, and stays there. Who put it "
    "there was not seen, as after a broken-off deletion.",
    f"Look at it, and remove it there by hand: {Setting('delete.trash_too')} leaves it.",
)

# Catch-all mailboxes -----------------------------------------------------------------------------------------------------

TO_BE_FILED = _warning(
    "mail-to-be-filed",
    "{count:message waits|messages wait} to be filed to users who are known by now.",
    f"{Do.FILE_MAIL}",
)
UNKNOWN_ADDRESSES = _warning(
    "unknown-addresses",
    "Addresses in our domains that no user has: {names}. They are listed as unknown addresses.",
    f"{Do.LIST_UNKNOWN}",
)
LEFT = _warning(
    "left-in-mailbox",
    "{count:message stays|messages stay} in the mailbox, not archived: no user has any of the addresses.",
    f"{Do.LIST_UNKNOWN}",
)
HELD = _warning(
    "held-for-unknown-addresses",
    "{count:message is|messages are} archived and not deleted on the server yet: unknown addresses ({names}).",
    f"{Do.LIST_UNKNOWN}",
)

# The clock ---------------------------------------------------------------------------------------------------------------

_WAITS = "Rules that go by age wait for the next run."
_CLOCK = "If the clock is wrong, set it before that."
CLOCK_BACK = _warning("clock-went-back", f"The clock went back by {{by:day}}: it says {{at}} UTC. {_WAITS}", _CLOCK)
CLOCK_FORWARD = _warning(
    "clock-jumped-forward", f"The clock jumped forward by {{by:day}}: it says {{at}} UTC. {_WAITS}", _CLOCK
)
CLOCK_UNKNOWN = _warning(
    "clock-not-certain",
    "By the clock ({at} UTC) the machine was off for {by:day}; whether that is so, or it was set forward, cannot be told. "
    f"{_WAITS}",
    _CLOCK,
)

# The directory -----------------------------------------------------------------------------------------------------------

NOT_SYNCHRONISED = _warning(
    "users-not-synchronised",
    "Users were not synchronised with the directory, so those that are known are archived: {why}",
    "{why:remedy}",
)
DIRECTORY_ALL_CERTIFICATES = _warning(
    "directory-not-checked",
    "The directory's certificate is not checked: anyone in between can read the password, and make up users.",
    _CHECKED,
)
DIRECTORY_NO_TLS = _warning(
    "directory-without-tls",
    "The directory is reached without TLS: password and answer cross the network readable.",
    f"If it speaks TLS, use {Setting('server.access', 'ldap-ssl')} or {Setting('server.access', 'ldap-tls')}.",
)
_GROUPS = f"If somebody is missing, look at {Setting('search.groups')} and at the group."
GROUP_EMPTY = _warning("group-empty", 'The group "{group}" is empty: no users come of it.', _GROUPS)
GROUP_NOBODY = _warning(
    "group-without-users",
    'The group "{group}" leads to no users: none of its members is one whom the search finds.',
    _GROUPS,
)
GROUP_FOREIGN = _warning(
    "group-of-other-domain",
    'The group "{group}" has {count:member} of another domain, which is not read: {names}.',
    _GROUPS,
)
GROUP_FOREIGN_WITHIN = _warning(
    "group-within-of-other-domain",
    'The group "{group}" has {count:member} of another domain, which is not read (in {via}): {names}.',
    _GROUPS,
)
GROUP_STRANGE = _warning(
    "group-members-not-found",
    'Of the group "{group}" {count:member} cannot be found by the search, or are no users: {names}.',
    _GROUPS,
)
GROUP_DEEP = _warning(
    "group-too-deep",
    'The group "{group}" holds groups within groups too deeply; these were not read: {names}.',
    _GROUPS,
)

# The result --------------------------------------------------------------------------------------------------------------

NOT_IN_LEDGER = _warning(
    "result-not-in-ledger",
    "The ledger could not take this result: {why}",
    "{why:remedy}",
)
DELETED_AGAIN = _warning(
    "restored-mail-deleted-again",
    "The next run of {profile} deletes {count:number} of these messages on the server again, by its deletion rule.",
    "Change the rule first, if they are to stay.",
)

# Restores ------------------------------------------------------------------------------------------------------------------

RESTORED_BELOW_INBOX = _warning(
    "restored-below-inbox", "{below} is meant for {path} if the server makes no folders beside INBOX."
)
BECOMES_BELOW_INBOX = _warning("becomes-below-inbox", "{path} becomes {below} if the server makes no folders beside INBOX.")
MADE_HIDDEN = _warning(
    "made-but-not-subscribed",
    "{path} was made, but mail programs may not show it: {why}",
    "Subscribe to it in the mail program.",
)
KEPT_WITH_OTHER_SIZE = _warning(
    "restored-with-other-size",
    "{folder}: message {message:number} was restored, and the server keeps it with {there:number} bytes instead of "
    "{size:number}.",
    "Compare the message there with the one in the archive.",
)

# Synchronisations ----------------------------------------------------------------------------------------------------------

MAILBOX_OF_PROFILE = _warning(
    "entry-is-catch-all-mailbox",
    "{address} is the mailbox of the profile {profile} and gets everybody's mail: it is nobody's user.",
)

# The archive ---------------------------------------------------------------------------------------------------------------

SPACE_LOW = _warning(
    "space-low",
    "Only {free:bytes} of {total:bytes} are free on the archive's disk.",
    "Make space, or runs will fail when it is full.",
)
FULL_SOON = _warning(
    "disk-full-soon",
    "The archive's disk will be full in {days:day}, as it has grown in the last weeks: {free:bytes} are free, and "
    "{daily:bytes} more are taken each day.",
    "Make space, or put the archive on a larger disk.",
)
_MENDS = "This mends it: {command}"
EXPOSED = _warning("file-exposed", "{path} (mode {mode}) is open to other accounts of this machine.", _MENDS)
EXPOSED_MORE = _warning(
    "files-exposed", "{path} (mode {mode}), and {more:number} more, are open to other accounts of this machine.", _MENDS
)
SHELTERED = _warning("file-sheltered", "{path} (mode {mode}) is kept from other accounts only by a folder above.", _MENDS)
SHELTERED_MORE = _warning(
    "files-sheltered",
    "{path} (mode {mode}), and {more:number} more, are kept from other accounts only by a folder above.",
    _MENDS,
)

NEVER_VERIFIED = _warning("never-verified", "The archive was never verified, and does not verify itself.", f"{Do.VERIFY_NOW}")
VERIFIED_LONG_AGO = _warning(
    "verified-long-ago",
    "The archive was last verified {age:day} ago, and does not verify itself.",
    f"{Do.VERIFY_NOW}",
)
VERIFIED_AHEAD = _warning(
    "verified-ahead",
    "The last verification was made at {at:moment}, which is still to come: the clock was set back since, and nobody knows how "
    "old it is.",
    f"{Do.VERIFY_NOW}",
)
VERIFICATION_OVERDUE = _warning(
    "verification-overdue",
    "A verification is due since {since:moment}: no service stays to do it.",
    f"{Do.START_SERVICE}",
)
NO_DIRECTORY = _warning(
    "profile-without-directory",
    "{profile} is to synchronise users before each run, and no directory is set up.",
    f"{Do.SET_UP_DIRECTORY}",
)
LEFT_OUT = _warning(
    "profile-leaves-out-users",
    "{profile} leaves out {count:user} without an e-mail address: {names}.",
    f"{Do.CHANGE_ADDRESS}",
)
LEFT_OUT_MORE = _warning(
    "profile-leaves-out-more-users",
    "{profile} leaves out {count:user} without an e-mail address: {names} and {more:number} more.",
    f"{Do.CHANGE_ADDRESS}",
)
UNKNOWN_SINCE = _warning(
    "addresses-unknown-since", "{count:address is|addresses are} unknown since {since:moment}.", f"{Do.LIST_UNKNOWN}"
)

# Seals ---------------------------------------------------------------------------------------------------------------------

SEAL_BROKEN = _warning("seal-broken", "DAMAGED: {why}", "{why:remedy}")
_AGAIN = "It is tried again. {why:remedy}"
SEAL_NOT_SENT = _warning("seal-not-sent", "No seal reaches {place}: {why}", _AGAIN)
_SERVICE = f"A service sends them by itself. {Do.SHOW_SERVICE} {Do.SEND_SEAL}"
SEAL_NEVER = _warning("place-never-sent-to", "No seal was sent to {place} yet: no service is running that does it.", _SERVICE)
SEAL_OVERDUE = _warning("seal-overdue", "No seal was sent to {place} for days: no service is running that does it.", _SERVICE)

# Stored volumes ------------------------------------------------------------------------------------------------------------

NOT_YET_STORED = _warning(
    "volumes-not-yet-stored",
    "{count:volume waits|volumes wait} for the line to the storage since {since:moment}, {bytes:bytes}; {until:moment} at the "
    "present rate.",
    f"{_NOTHING} {Do.SHOW_STORAGE}",
)
NEVER_STORED = _warning(
    "volumes-wait-for-line",
    "{count:volume waits|volumes wait} for the line to the storage since {since:moment}, {bytes:bytes}; it cannot be told "
    "when they will be there.",
    f"{Do.SHOW_STORAGE}",
)
NOT_STORED = _warning(
    "volumes-not-stored",
    "{count:volume waits|volumes wait} for the storage since {since:moment}: {why}",
    "It is tried again by the service. {why:remedy}",
)
SEALS_NOT_STORED = _warning(
    "seals-not-stored",
    "No seal could be put into the storage since {since:moment}: {why}",
    "It is tried again by the service. {why:remedy}",
)

# Ledger and workers ------------------------------------------------------------------------------------------------------

NOT_NOTED = _warning("not-noted", "This could not be noted in the ledger: {why}", "{why:remedy}")
WORKER_LOST = _warning(
    "worker-lost", "The worker {worker} was lost: {why:clause}. Its mailboxes are visited again.", f"{Do.SHOW_CLUSTER}"
)
RUN_WAITS = _warning(
    "run-waits-for-cluster", "The run waits since {seconds:second}: {why:clause}. It goes on by itself.", "{why:remedy}"
)
NO_WORKER = _warning(
    "no-worker", "No worker has taken a mailbox for {seconds:second}; the run waits.", f"Start one. {Do.SHOW_CLUSTER}"
)
