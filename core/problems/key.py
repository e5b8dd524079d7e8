"""The key of the archive, which stored passwords are encrypted with."""

from __future__ import annotations

from core.problems.code import Code, Do, Family

UNFIT = Code(
    "key-unfit",
    "The stored password of {whose} cannot be decrypted with {file}.",
    f"Enter the password again. {Do.ENTER_PASSWORDS}",
    Family.INPUT,
)
MISSING = Code(
    "key-missing",
    "{file} is missing, so stored passwords cannot be read.",
    "A backup may be made without it: copy the key of the archive to {path} (mode 0600), or enter the passwords again. "
    f"{Do.ENTER_PASSWORDS}",
    Family.INPUT,
)
UNREAD = Code("key-unread", "{path} cannot be read: {said}.", "Correct its owner and mode (0600).", Family.INPUT)
DAMAGED = Code(
    "key-damaged",
    "{file} is damaged ({bytes} bytes instead of {needed}).",
    f"Put it back from the backup; or delete it and enter the passwords again. {Do.ENTER_PASSWORDS}",
    Family.INPUT,
)
PASSWORDS_UNREADABLE = Code(
    "stored-passwords-unreadable",
    "{file} is missing, so {count:stored password} cannot be read.",
    f"Copy the key of the archive to {{path}} (mode 0600), or enter the passwords again. {Do.ENTER_PASSWORDS}",
    Family.INPUT,
)
