"""Ownership of a folder that a mailbox shows: its own, another user's, or public. Pure decisions.

Servers tell it by NAMESPACE (RFC 2342) and by MYRIGHTS (RFC 4314). Kerio Connect shows subscribed folders in the user's own
tree, below a folder with the owner's name, so that there names decide. A doubtful folder is archived, never deleted in, and
reported: no user's own mail is lost to a guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.model import User


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


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The names of a mailbox's owner and of other users, casefolded.

    ``others``: by address or login with its domain; ``logins``: by login alone; each with the name that is shown.
    """

    own: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    others: tuple[tuple[str, str], ...] = ()
    logins: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, owner: str, login: str, people: Iterable[User]) -> Neighbours:
        """The neighbours of the user with the id ``owner``, whose mailbox ``login`` opens."""
        own = {login.casefold(), login.casefold().partition("@")[0]}
        domains = {login.casefold().partition("@")[2]}
        others: dict[str, str] = {}
        logins: dict[str, str] = {}
        for user in people:
            names = [*user.addresses, *([user.login] if user.login else [])]
            domains |= {name.casefold().partition("@")[2] for name in names}
            if user.id == owner:
                # A mailbox is named by its address as well as by its login.
                own |= {name.casefold() for name in names} | {name.casefold().partition("@")[0] for name in names}
                continue
            for name in names:
                if "@" in name:
                    others.setdefault(name.casefold(), name)
                    logins.setdefault(name.casefold().partition("@")[0], user.addresses[0] if user.addresses else name)
                else:
                    logins.setdefault(name.casefold(), user.addresses[0] if user.addresses else name)
        return cls(
            frozenset(own - {""}), frozenset(domains - {""}), tuple(sorted(others.items())), tuple(sorted(logins.items()))
        )

    def named(self, top: str, *, mailbox: bool, sure: bool) -> Whose:
        """The owner of the top folder ``top``, by its name.

        ``mailbox``: it looks like the root of a mailbox. ``sure``: the server is known to show foreign folders in this way;
        elsewhere a name is only a doubt. A login alone counts only in its exact spelling: people write "Sales".
        """
        key = top.casefold()
        if key in self.own:
            return OWN
        doubt = Whose(Standing.DOUBTFUL, evidence=Evidence.NAME)
        if owner := dict(self.others).get(key):
            return Whose(Standing.OTHERS, owner, Evidence.NAME, top) if sure else doubt
        login = dict(self.logins).get(key)
        _, at, domain = key.partition("@")
        if login is None and not (at and domain in self.domains):
            return OWN
        if sure and mailbox and (at or top == key):
            return Whose(Standing.OTHERS, login or top, Evidence.NAME, top)
        # A folder called "sales" or "anna" is as often a folder of one's own.
        return doubt if sure or mailbox else OWN
