"""Whose a folder is that a mailbox shows: its own, somebody else's, everybody's. Pure decisions.

Servers tell it by NAMESPACE (RFC 2342) and by MYRIGHTS (RFC 4314). Kerio Connect shows what a user has subscribed to in that
user's own tree, below a folder that carries the owner's name, so that there names decide. What cannot be told for sure is
archived, never deleted, and said: nobody's own mail is lost to a guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.model import User


class Standing(StrEnum):
    """The standing of a folder in the mailbox that shows it."""

    OWN = "own"
    DOUBTFUL = "doubtful"
    OTHERS = "others"
    SHARED = "shared"


class Evidence(StrEnum):
    """The source of the knowledge whose a folder is."""

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
    """Whose a folder is, and how that is known. ``owner`` is a name for people, empty when it is not told.

    ``root`` is the path of what holds all that is not the mailbox's own, empty when nothing does: ``shared`` of
    ``shared/bob/INBOX``.
    """

    standing: Standing = Standing.OWN
    owner: str = ""
    evidence: Evidence = Evidence.NOTHING
    root: str = ""

    @property
    def depth(self) -> int:
        """How many levels of the path an inclusion must spell out to mean this folder, and not just anything."""
        return self.root.count("/") + 1

    @property
    def own(self) -> bool:
        """Is it the mailbox's own beyond doubt? Only there anything is deleted."""
        return self.standing is Standing.OWN

    @property
    def foreign(self) -> bool:
        """Is it somebody else's, or everybody's, so that it is left alone unless it is named?"""
        return self.standing in (Standing.OTHERS, Standing.SHARED)

    @property
    def reason(self) -> str:
        """Why it is not archived here unless it is named; empty for what is not foreign."""
        if self.standing is Standing.SHARED:
            return "a shared folder"
        if self.standing is Standing.OTHERS:
            return f"a folder of {self.owner}" if self.owner else "a folder of another user"
        return ""

    @property
    def doubt(self) -> str:
        """Why it may be somebody else's; empty when there is no doubt."""
        return _DOUBTS.get(self.evidence, "") if self.standing is Standing.DOUBTFUL else ""

    def place(self, path: str) -> str:
        """Where it goes below the mailbox's folder in the archive: a path that says whose it is."""
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
    """The names by which the owner of a mailbox and other users are known; all of them case folded.

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
                # By its address a mailbox is called as well as by its login.
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
        """Whose the top folder ``top`` is by its name.

        ``mailbox``: it looks like the root of a mailbox. ``sure``: the server is known to show the folders of others in this
        way; where it is not, a name is a doubt and no more. A login alone counts only as it is spelled: people write "Sales".
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
