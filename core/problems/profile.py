"""Profiles: existence, validity, passwords."""

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
UNKNOWN = Code("no-profile", 'There is no profile "{profile}".', f"Profiles: {{there}}. {Do.ADD_PROFILE}", Family.INPUT)
NO_SCHEDULE = Code(
    "no-schedule",
    "{profile} has no schedule, so it cannot be started automatically.",
    f"{Do.ADD_SCHEDULE}",
    Family.INPUT,
)
TAKEN = Code(
    "profile-name-taken",
    "There is a profile {profile} already.",
    "Choose another name, or remove that one first.",
    Family.INPUT,
)
GONE = Code(
    "profile-gone",
    "{profile} was removed or renamed meanwhile, so nothing was saved.",
    "Make it anew, if it is still wanted.",
    Family.INPUT,
)
CHANGED = Code(
    "profile-changed",
    "Somebody else changed {profile} meanwhile, so nothing was saved.",
    "Leave without saving, open it again to see what it is now, and change that.",
    Family.INPUT,
)
RUNNING = Code("profile-running", "{profile} is being run (run {run}).", f"Wait for its end. {Do.CANCEL_RUN}", Family.INPUT)
NO_SUCH_USERS = Code(
    "profile-users-not-there",
    "There is no user {names} of those whom the profile selects.",
    f"Users: {{there}}. Correct the list, or add the user. {Do.ADD_USER}",
    Family.INPUT,
)
SHARED_LOGIN = Code(
    "login-shared",
    "{shared} What is deleted for one of them the others would never get.",
    f"Give each user a login of their own, select only one of them, or delete never. {Do.CHANGE_LOGIN_NAME}",
    Family.INPUT,
)
OWN_ADDRESS = Code(
    "address-of-everybodys-mailbox",
    "{address} is the address of the mailbox that gets everybody's mail, and belongs to the user {user}.",
    f"Take it from {{user}}, or archive another mailbox. {Do.CHANGE_USER}",
    Family.INPUT,
)
NO_MAILBOX = Code(
    "profile-without-mailbox",
    "{profile} comes to no mailbox: no user with an e-mail address is selected.",
    f"Give a user an address, or add one. {Do.ADD_USER} Or change who is selected. {Do.CHANGE_SELECTION}",
    Family.INPUT,
)
NO_CATCH_ALL = Code(
    "profile-no-catch-all",
    "{profile} is no catch-all profile.",
    "Only mail of those is filed by its addresses.",
    Family.INPUT,
)
NOT_CONFIRMED = Code(
    "profile-not-confirmed",
    "Nothing was saved.",
    f"With {Setting('delete.when', 'never')} it can be saved and tried first.",
    Family.INPUT,
)
NO_NAME = Code(
    "profile-no-name",
    "{name} cannot be the name of a profile.",
    "Allowed: one line of text, up to {longest} characters, all of them visible, not beginning with -.",
    Family.INPUT,
)
OWN_ADDRESS_UNKNOWN = Code(
    "own-address-unknown",
    "The mailbox's own address is not known, so it counts as one of an unknown person.",
    f"Name it as {Setting('catchall.own_addresses')}.",
    Family.ITEM,
)
