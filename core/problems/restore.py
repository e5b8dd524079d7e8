"""Restoring mail from the archive to a server."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_FOLDER = f"A folder is named by its path on the server, with / between its levels. {Do.CHOOSE_FOLDER}"

NOBODYS_OWN = Code(
    "restore-through-catch-all",
    "{profile} is for a catch-all mailbox, which is nobody's own, so nothing is restored through it.",
    "Name a profile that archives the user's mailbox.",
    Family.INPUT,
)
WHOSE = Code(
    "restore-whose",
    "{profile} is for many mailboxes: say whose is meant.",
    f"{Do.CHOOSE_MAILBOX}",
    Family.INPUT,
)
NOT_AMONG_USERS = Code(
    "restore-not-among-users",
    "{user} is not among the users of {profile}, or has no e-mail address.",
    f"{Do.SHOW_PROFILE_USERS}",
    Family.INPUT,
)
NO_FOLDER_NAME = Code("restore-no-folder-name", '"{folder}" cannot be a folder.', _FOLDER, Family.INPUT)
CONTROL_CHARACTER = Code(
    "restore-control-character", "The name of the folder holds a control character.", _FOLDER, Family.INPUT
)
NO_FOLDER_THERE = Code(
    "restore-no-folder-there",
    "{folder} of {user} was no folder of the mailbox {mailbox}.",
    f"{Do.CHOOSE_TARGET_FOLDER}",
    Family.INPUT,
)
UNDER_WAY = Code(
    "mailbox-in-use",
    "A restore into the mailbox {mailbox}, or the repair of its archive, is under way.",
    "Wait for its end.",
    Family.BUSY,
)
READ_ONLY = Code(
    "restore-read-only",
    "The server lets us only read this folder.",
    "Give the account the right to put mail there, or choose another folder.",
)
FOLDER_CHANGED = Code(
    "restore-folder-changed",
    "The folder was made anew on the server (UIDVALIDITY changed) while it was being filled.",
    "Begin the restore again: what is there already is not put there twice.",
)
NO_SUCH_NAME = Code(
    "restore-no-such-name",
    'The server can have no folder of this name, since it parts levels by "{delimiter}". Choose another folder for it.',
    f"{Do.CHOOSE_TARGET_FOLDER}",
)
NO_LEVELS = Code(
    "restore-no-levels",
    "The server can have no folder within another one. Choose another folder for it.",
    f"{Do.CHOOSE_TARGET_FOLDER}",
)
FOREIGN = Code(
    "restore-foreign-folder",
    "On this server that would be {whose}, which is not made: others would read the mail. Choose another folder for it.",
    f"{Do.CHOOSE_TARGET_FOLDER}",
)
NOT_ASKED = Code(
    "restore-not-asked",
    "Nothing was restored: there is no terminal to ask at.",
    "Give {yes}, or {dry_run} to look first.",
    Family.INPUT,
)
NOT_CONFIRMED = Code(
    "restore-not-confirmed", "Nothing was restored.", "It was answered with no; begin it again to be asked again.", Family.INPUT
)
NO_PROFILE = Code(
    "restore-without-profile",
    "There is no profile through which mail could be put back into a mailbox.",
    f"Make one for the mailbox. {Do.ADD_PROFILE} A catch-all mailbox is nobody's own.",
    Family.INPUT,
)

# Messages ----------------------------------------------------------------------------------------------------------------

NOT_ARCHIVED = Code("restore-of-nothing", "it is not in the archive", f"{Do.VERIFY}", Family.ITEM)
TOO_LARGE = Code(
    "restore-too-large",
    "it has {size:bytes}, and the server takes {limit:bytes} at most (APPENDLIMIT)",
    "Let the server take larger messages, or restore it to another server.",
    Family.ITEM,
)
ALWAYS_BROKEN = Code(
    "restore-always-broken",
    "the connection broke whenever it was sent; the server may not take it",
    "Look into the server's log at that time.",
    Family.ITEM,
)
