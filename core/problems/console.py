"""Refusals of the console alone: incomplete drafts, and typed text."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

_PASSWORD = f"{Do.TYPE_PASSWORD}"

NOT_TRIED = Code("draft-not-tried", "This cannot be tried yet.", "Go back and correct: {place}.", Family.INPUT)
NOT_SAVED = Code("draft-not-saved", "This cannot be saved yet.", "Go back and correct: {place}.", Family.INPUT)
DIRECTORY_NOT_TRIED = Code("directory-not-tried", "This cannot be tried yet.", "Correct first: {field:field}.", Family.INPUT)
NO_USER_SELECTED = Code(
    "no-user-to-try", "No user is selected whose mailbox could be tried.", f"{Do.NAME_TRIED_USER}", Family.INPUT
)
USER_WITHOUT_ADDRESS = Code(
    "tried-user-without-address", "{user} has no e-mail address.", f"Try with another one. {Do.NAME_TRIED_USER}", Family.INPUT
)
PASSWORD_NEEDED = Code("password-needed", "The password is needed.", _PASSWORD, Family.INPUT)
PASSWORD_UNKNOWN = Code("password-unknown", "The password is not known.", _PASSWORD, Family.INPUT)
PASSWORD_REMOVED = Code(
    "password-removed",
    "{profile} was removed or renamed meanwhile, and its password with it, so the password is needed.",
    _PASSWORD,
    Family.INPUT,
)
PASSWORD_NOT_KEPT = Code("password-not-kept", "No password is kept, so it is needed.", _PASSWORD, Family.INPUT)
OTHER_SERVER = Code(
    "password-of-other-server", "The server is another one now, so the password is needed.", _PASSWORD, Family.INPUT
)
OTHER_ACCOUNT = Code(
    "password-of-other-account", "The account is another one now, so the password is needed.", _PASSWORD, Family.INPUT
)
OTHER_ENCRYPTION = Code(
    "password-of-other-encryption",
    "The encryption is weaker or another one now, so the password is needed.",
    _PASSWORD,
    Family.INPUT,
)
NO_DIRECTORY_PASSWORD = Code("directory-password-needed", "The password is needed.", "Type it, then try again.", Family.INPUT)
KEYMAP_THERE = Code("keymap-there", "There is a {file} already.", "It is left as it is.", Family.INPUT)
NO_FOLDER_NAMED = Code("no-folder-named", "No folder was named.", "Name a folder on this machine.", Family.INPUT)
HIDDEN_CHARACTERS = Code(
    "address-with-hidden-characters",
    "This address has characters that cannot be seen, so no user can have it.",
    f"{Do.IGNORE_ADDRESS}",
    Family.INPUT,
)
