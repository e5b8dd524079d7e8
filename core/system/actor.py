"""Accounts by the kernel: the actor of a ledger entry.

An entry's actor is one text, ``cli:root uid=0 login=1000/anna sudo=anna``: the channel with the account's name, the user id
that the process was started with, the login uid where the kernel keeps one (it survives su and sudo, see
pam_loginuid(8)), and what ``SUDO_USER`` says, which is a remark and no proof. Entries of older versions have a channel, and
at most a name. All of it is asked of the kernel; no variable of the environment names an account.
"""

from __future__ import annotations

import os
import pwd
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from core.text.patterns import pattern
from core.values import dataclass

#: Channels used by a person, who may have come by sudo.
PERSONAL = ("cli", "console")
#: The kernel's login uid of a process without a login: 2**32 - 1.
_NOBODY = 0xFFFFFFFF
_LOGIN_UID = Path("/proc/self/loginuid")
_LONGEST_NAME = 64
_FIELDS = pattern(r"uid=(?P<uid>[0-9]{1,10})(?: login=(?P<login>[0-9]{1,10})/(?P<name>[^ ]*))?(?: sudo=(?P<sudo>[^ ]+))?")


@dataclass(frozen=True, slots=True)
class Actor:
    """The actor of an entry. ``channel``: cli, console, service, directory, ... or archivar for the program itself.

    ``uid`` is the account that started the process, ``login_uid`` the one that had logged in; None where unknown. ``sudo_user``
    is the value of ``SUDO_USER``.
    """

    channel: str
    account: str = ""
    uid: int | None = None
    login_uid: int | None = None
    login_account: str = ""
    sudo_user: str = ""

    @classmethod
    def present(cls, channel: str) -> Actor:
        """This very process, by the kernel's present answer."""
        uid, login = started_by(), _login_uid()
        sudo = os.environ.get("SUDO_USER", "")[:_LONGEST_NAME] if channel in PERSONAL else ""
        return cls(channel, _name(uid), uid, login, _name(login) if login is not None else "", sudo)

    @classmethod
    def of(cls, text: str) -> Actor:
        """The actor of an entry, by any version of the program; an unreadable text is taken for a channel."""
        who, _, rest = text.partition(" ")
        found = _FIELDS.fullmatch(rest)
        if found is None:
            channel, _, account = text.partition(":")
            return cls(channel, account)
        channel, _, account = who.partition(":")
        login = int(found["login"]) if found["login"] else None
        return cls(
            channel, unquote(account), int(found["uid"]), login, unquote(found["name"] or ""), unquote(found["sudo"] or "")
        )

    def __str__(self) -> str:
        """The text in the ledger."""
        if self.uid is None:
            return f"{self.channel}:{self.account}" if self.account else self.channel
        parts = [f"{self.channel}:{_quoted(self.account)}" if self.account else self.channel, f"uid={self.uid}"]
        if self.login_uid is not None:
            parts.append(f"login={self.login_uid}/{_quoted(self.login_account)}")
        if self.sudo_user:
            parts.append(f"sudo={_quoted(self.sudo_user)}")
        return " ".join(parts)

    def short(self) -> str:
        """The account with its channel, for a column: ``cli:anna``, ``cli:anna>root`` after a login as anna."""
        account = self.account or (str(self.uid) if self.uid is not None else "")
        if self.login_uid is not None and self.login_uid != self.uid:
            account = f"{self.login_account or self.login_uid}>{account}"
        return f"{self.channel}:{account}" if account else self.channel

    def sentence(self) -> str:
        """All that is known: ``cli: root (uid 0), logged in as anna (uid 1000)``."""
        if self.uid is None:
            name = f": {self.account}" if self.account else ""
            return f"{self.channel}{name} (by an older version, which did not ask the kernel)"
        parts = [f"{self.channel}: {self.account or 'an account without a name'} (uid {self.uid})"]
        if self.login_uid is not None:
            parts.append(f"logged in as {self.login_account or 'an account without a name'} (uid {self.login_uid})")
        if self.sudo_user:
            parts.append(f"SUDO_USER said {self.sudo_user}")
        return ", ".join(parts)

    def as_json(self) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "account": self.account,
            "uid": self.uid,
            "login_uid": self.login_uid,
            "login_account": self.login_account,
            "sudo_user": self.sudo_user,
        }


def signed(text: str) -> str:
    """An actor for the ledger: the channel of ``text`` with this process's account, whatever account ``text`` has."""
    return str(Actor.present(Actor.of(text).channel))


@lru_cache(maxsize=1)
def started_by() -> int:
    """The user id that started this process; read for the first time before the program changes its account."""
    return os.getuid()


def _login_uid() -> int | None:
    try:
        value = int(_LOGIN_UID.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if value == _NOBODY else value


@lru_cache(maxsize=16)
def _name(uid: int) -> str:
    """The account's name; empty when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return ""


def _quoted(name: str) -> str:
    return quote(name, safe="@.+$", errors="replace")
