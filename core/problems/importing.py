"""Mail that is imported from files, folders, exports and Kerio Connect's store."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_WHOSE = f"{Do.CHOOSE_OWNER}"
_STORE = "Give the folder with DOMAIN/USER, a mailbox, or the folder with the backups."

NOT_THERE = Code("import-not-there", "There is no {path}.", "Give a file or a folder with mail.", Family.INPUT)
WITHIN_HOME = Code(
    "import-within-home", "{path} is in the archive's own folder.", "Nothing there is to be imported.", Family.INPUT
)
AROUND_HOME = Code(
    "import-around-home",
    "The archive's own folder lies in {path}.",
    "Give the file or the folder with the mail itself.",
    Family.INPUT,
)
NO_MAIL = Code("import-without-mail", "There is no mail at {path}.", f"{Do.CHOOSE_FORMAT}", Family.INPUT)
OTHER_FILES = Code("import-of-other-files", "There is no mail at {path}.", "No mail is in {file}.", Family.INPUT)
NO_FOLDER_NAME = Code(
    "import-no-folder-name",
    '"{folder}" cannot be a folder.',
    "Give its path with / between the levels.",
    Family.INPUT,
)
CONTROL_CHARACTER = Code(
    "import-control-character", "The folder's name holds a control character.", "Give another one.", Family.INPUT
)
SEVERAL_ARCHIVES = Code("export-of-several", "The export at {path} holds the archives of: {owners}.", _WHOSE, Family.INPUT)
NO_ARCHIVE = Code("export-of-nobody", "The export at {path} holds nobody's archive.", "Choose another export.", Family.INPUT)
SEVERAL_MAILBOXES = Code("store-of-several", "The store at {path} holds the mailboxes of: {owners}.", _WHOSE, Family.INPUT)
NO_MAILBOX = Code("store-without-mailbox", "There is no mailbox of Kerio Connect at {path}.", _STORE, Family.INPUT)
MAILBOX_UNUSABLE = Code(
    "store-without-usable-mailbox",
    "There is no mailbox of Kerio Connect at {path}. {file}: {why:clause}.",
    _STORE,
    Family.INPUT,
)
