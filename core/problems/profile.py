"""Profiles: which there are, what they must be, and their passwords."""

from __future__ import annotations

from core.problems.code import Code, Do, Family, Setting

_FILE = (
    f"The file that {Setting('login.password_file')} names must be there, have the password in its first line, and be readable "
    "for the account of the service."
)

NO_PASSWORD = Code(
    "no-password-stored",
    "No password is stored for {profile}.",
    f"{Do.ENTER_PASSWORD} Or name a file that holds it: {Setting('login.password_file')}.",
    Family.INPUT,
)
PASSWORD_FILE_NO_TEXT = Code("password-file-no-text", "The password file {path} is not UTF-8 text.", _FILE, Family.INPUT)
PASSWORD_FILE_UNREAD = Code("password-file-unread", "The password file {path} cannot be read: {said}.", _FILE, Family.INPUT)
PASSWORD_FILE_EMPTY = Code("password-file-empty", "The password file {path} is empty.", _FILE, Family.INPUT)
