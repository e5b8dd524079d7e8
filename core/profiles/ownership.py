"""Ownership of a folder that a mailbox shows: its own, another user's, or public. Pure decisions.

Servers tell it by NAMESPACE (RFC 2342) and by MYRIGHTS (RFC 4314). Kerio Connect shows subscribed folders in the user's own
tree, below a folder with the owner's name, so that there names decide. A doubtful folder is archived, never deleted in, and
reported: no user's own mail is lost to a guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from core.model import User
from core.values import dataclass


class Standing(StrEnum):
    """The relation of a folder to the mailbox that shows it."""

    OWN = "own"
    DOUBTFUL = "doubtful"
    OTHERS = "others"
    SHARED = "shared"


class Evidence(StrEnum):
    """The source of the knowledge of a folder's owner."""

    NOTHING = ""
    NAMESPACE = "namespace"
    RIGHTS = "rights"
    NAME = "name"
    TWIN = "twin"


_DOUBTS = {
    Evidence.NAMESPACE: "it lies outside the namespaces that the server tells",
    Evidence.RIGHTS: "the rights there are less than those in INBOX",
    Evidence.NAME: "it is named like another mailbox",
    Evidence.TWIN: "another mailbox has the same folder",
}


@dataclass(frozen=True, slots=True)
class Whose:
    """The owner of a folder, and the evidence. ``owner`` is a name for display, empty when unknown.

    ``root`` is the path of the tree of foreign folders, empty when there is none: ``shared`` of ``shared/bob/INBOX``.
    """

    standing: Standing = Standing.OWN
    owner: str = ""
    evidence: Evidence = Evidence.NOTHING
    root: str = ""

    @property
    def depth(self) -> int:
        """The levels of the path that an inclusion must spell out to name this folder."""
        return self.root.count("/") + 1

    @property
    def own(self) -> bool:
        """True when it is the mailbox's own beyond doubt: only then mail is deleted there."""
        return self.standing is Standing.OWN

    @property
    def foreign(self) -> bool:
        """True for another user's folder, or a public one, which is left alone unless it is named."""
        return self.standing in (Standing.OTHERS, Standing.SHARED)

    @property
    def reason(self) -> str:
        """The reason why it is not archived here unless it is named; empty for one's own."""
        if self.standing is Standing.SHARED:
            return "a shared folder"
        if self.standing is Standing.OTHERS:
            return f"a folder of {self.owner}" if self.owner else "a folder of another user"
        return ""

    @property
    def doubt(self) -> str:
        """The reason why it may be another user's; empty without a doubt."""
        return _DOUBTS.get(self.evidence, "") if self.standing is Standing.DOUBTFUL else ""

    def place(self, path: str) -> str:
        """Its place below the mailbox's folder in the archive: a path that includes the owner."""
        levels = path.split("/")
        told = self.root if self.standing is Standing.SHARED else self.owner
        if not self.foreign or (told and told.casefold() in (self.root.casefold(), *map(str.casefold, levels))):
            return path
        top = "Shared folders" if self.standing is Standing.SHARED else "Folders of others"
        return "/".join([top, *([self.owner.replace("/", "\u2215")] if self.owner else []), path])

    def as_json(self) -> dict[str, Any]:
        return {"standing": self.standing.value, "owner": self.owner, "evidence": self.evidence.value}


OWN = Whose()


class UserNames:
    """The names of all users, casefolded, made once for all mailboxes: of ``people`` in their order.

    ``domains`` are those of all names.
    """

    def __init__(self, people: Iterable[User]) -> None:
        self._own: dict[str, set[str]] = {}
        #: By address or login with its domain, and by login alone: users by id, each with the name that is shown.
        self._full: dict[str, list[tuple[str, str]]] = {}
        self._logins: dict[str, list[tuple[str, str]]] = {}
        domains: set[str] = set()
        for user in people:
            own = self._own.setdefault(user.id, set())
            for name in (*user.addresses, *([user.login] if user.login else [])):
                key = name.casefold()
                login, at, domain = key.partition("@")
                # A mailbox is named by its address as well as by its login.
                own |= {key, login}
                domains.add(domain)
                if at:
                    _add(self._full, key, user.id, name)
                _add(self._logins, login if at else key, user.id, user.addresses[0] if user.addresses else name)
        self.domains = frozenset(domains - {""})

    def own(self, owner: str) -> frozenset[str]:
        """The names of the user with the id ``owner``."""
        return frozenset(self._own.get(owner, ()))

    def other(self, key: str, owner: str) -> str:
        """The name to be shown of another user than ``owner`` whose address, or login with its domain, is ``key``; or empty."""
        return next((shown for user, shown in self._full.get(key, ()) if user != owner), "")

    def other_login(self, key: str, owner: str) -> str | None:
        """The same by the login alone; None when there is none."""
        return next((shown for user, shown in self._logins.get(key, ()) if user != owner), None)


def _add(names: dict[str, list[tuple[str, str]]], key: str, user: str, shown: str) -> None:
    """Add the first name of each of the first two users: one of them may be the owner of the mailbox."""
    found = names.setdefault(key, [])
    if not found or (len(found) == 1 and found[0][0] != user):
        found.append((user, shown))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The ``names`` of all users, seen from the mailbox of ``owner``: its ``own`` names, and the ``domain`` of its login."""

    names: UserNames
    owner: str
    own: frozenset[str]
    domain: str

    @classmethod
    def of(cls, owner: str, login: str, names: UserNames) -> Neighbours:
        """The neighbours of the user with the id ``owner``, whose mailbox ``login`` opens."""
        name, _, domain = login.casefold().partition("@")
        return cls(names, owner, (names.own(owner) | {login.casefold(), name}) - {""}, domain)

    def named(self, top: str, *, mailbox: bool, sure: bool) -> Whose:
        """The owner of the top folder ``top``, by its name.

        ``mailbox``: it looks like the root of a mailbox. ``sure``: the server is known to show foreign folders in this way;
        elsewhere a name is only a doubt. A login alone counts only in its exact spelling: people write "Sales".
        """
        key = top.casefold()
        if key in self.own:
            return OWN
        doubt = Whose(Standing.DOUBTFUL, evidence=Evidence.NAME)
        if owner := self.names.other(key, self.owner):
            return Whose(Standing.OTHERS, owner, Evidence.NAME, top) if sure else doubt
        login = self.names.other_login(key, self.owner)
        _, at, domain = key.partition("@")
        if login is None and not (at and domain and (domain == self.domain or domain in self.names.domains)):
            return OWN
        if sure and mailbox and (at or top == key):
            return Whose(Standing.OTHERS, login or top, Evidence.NAME, top)
        # A folder called "sales" or "anna" is as often a folder of one's own.
        return doubt if sure or mailbox else OWN
