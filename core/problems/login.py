"""Logging in to a mail server, with a mailbox's own password or a master account."""

from __future__ import annotations

from core.problems.code import Code, Do, Setting

_SECURE = f"Use {Setting('server.access', 'imap-tls')} or {Setting('server.access', 'imap-ssl')}"
_OTHER_METHOD = f"choose another way to log in ({Setting('login.method')})"

LINE_BREAK_IN_NAME = Code("line-break-in-name", "The user name holds a line break.", "Enter it again, on one line.")
LINE_BREAK_IN_PASSWORD = Code("line-break-in-password", "The password holds a line break.", "Enter it again, on one line.")
NO_PASSWORD_WITHOUT_TLS = Code("no-password-without-tls", "{host} takes no password without TLS.", f"{_SECURE}.")
NO_PLAIN = Code(
    "no-plain",
    "{host} does not offer AUTHENTICATE PLAIN.",
    f"To use one account for all mailboxes, {_OTHER_METHOD}.",
)
NO_PLAIN_WITHOUT_TLS = Code(
    "no-plain-without-tls",
    "{host} does not offer AUTHENTICATE PLAIN without TLS.",
    f"{_SECURE}, or {_OTHER_METHOD}.",
)
REFUSED = Code(
    "login-refused",
    "{host} refused the login of {login} ({said}).",
    f"Check user name and password, and that the account may use IMAP. {Do.ENTER_PASSWORD}",
)
_MASTER_ACCOUNT = f"Check the master account, its password, and that the server knows this login name. {Do.ENTER_PASSWORD}"
MASTER_USER_REFUSED = Code(
    "master-user-refused", "{host} refused the master user {master} for {login} ({said}).", _MASTER_ACCOUNT
)
ACCOUNT_REFUSED = Code("account-refused", "{host} refused the account {master} for {login} ({said}).", _MASTER_ACCOUNT)
BROKEN_OFF = Code(
    "login-broken-off",
    "{host} broke off the login ({said}).",
    "It may be busy or have too many connections: try again later; the next run does that by itself. See the server's log. If "
    f"it comes back, lower {Setting('server.connections')}.",
)
UNREADABLE = Code(
    "login-unreadable",
    "{host} sent something in the login that cannot be read ({kind}).",
    "See the server's log. It is tried again in the next run.",
)
_KERIO = (
    "On Kerio Connect: Configuration > Advanced Options > Master Authentication. There are three causes: master authentication "
    "is switched off there, the master password is wrong, or the address of this machine is outside the IP group that "
    f"may use it. {Do.READ_MASTER_GUIDE} {Do.ENTER_PASSWORD}"
)
MASTER_REFUSED = Code("master-refused", "{host} refused the master login ({said}).", _KERIO)
MASTER_UNKNOWN = Code(
    "master-unknown",
    "{host} does not know Kerio's master authentication ({said}).",
    f"It may be no Kerio Connect: then use {Setting('login.method', 'master-user')} or "
    f"{Setting('login.method', 'plain-authzid')}. {_KERIO}",
)
MAILBOX_REFUSED = Code(
    "mailbox-refused",
    "{host} does not open the mailbox of {login} ({said}).",
    "The master login works, but not for this mailbox. Check the user's login name (with its domain), and that the account is "
    f"enabled. {Do.CHANGE_LOGIN_NAME} If the account is disabled or no more, leave the user out of the profile.",
)
_RENAMED_ACCOUNT = (
    f"If the server has renamed the account too, change the user name of the profile to {{now}}. {Do.CHANGE_PROFILE} "
    "Otherwise: {why:remedy}"
)
_FORMER_ACCOUNT = (
    f"If the server still knows the account as {{former}}, give the user that login name. {Do.CHANGE_LOGIN_NAME} "
    "Otherwise: {why:remedy}"
)
_FORMER = "{why} That is the former e-mail address of {user}, which was {address} until {until}"
_FOLLOWS = "{why} This login name follows the e-mail address of {user}, which was {address} until {until}"
#: The login name, refused as in ``why``, is related to a renamed address.
FORMER_ADDRESS = Code("login-of-former-address", f"{_FORMER} and is {{now}} now.", _RENAMED_ACCOUNT)
FORMER_ADDRESS_IN_DIRECTORY = Code(
    "login-of-address-renamed-by-directory",
    f"{_FORMER}, when the directory renamed it, and is {{now}} now.",
    _RENAMED_ACCOUNT,
)
RENAMED_ADDRESS = Code("login-of-renamed-user", f"{_FOLLOWS} and is {{now}} now.", _FORMER_ACCOUNT)
RENAMED_ADDRESS_IN_DIRECTORY = Code(
    "login-of-user-renamed-by-directory",
    f"{_FOLLOWS}, when the directory renamed it, and is {{now}} now.",
    _FORMER_ACCOUNT,
)
