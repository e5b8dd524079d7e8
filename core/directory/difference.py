"""The difference between a directory and the users: values for display, and their words. Pure."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Any

from core.model import User
from core.problems import command_line
from core.problems.code import Face, Reason
from core.problems.command_line import sentence
from core.problems.table import warned
from core.values import dataclass


class UserChangeKind(StrEnum):
    """The kind of a user's change."""

    CREATED = "created"
    ADOPTED = "adopted"
    BACK = "back"
    CHANGED = "changed"
    DISABLED = "disabled"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class UserChange:
    """A user before (None for a new one) and after."""

    what: UserChangeKind
    before: User | None
    after: User

    def details(self) -> list[str]:
        """The changed fields: ``name "ann" -> "anna"``."""
        before, after = self.before, self.after
        if before is None:
            return []
        pairs = [
            ("name", before.name, after.name),
            ("full name", before.full_name, after.full_name),
            ("addresses", ", ".join(before.addresses), ", ".join(after.addresses)),
            ("login", before.login, after.login),
        ]
        return [f'{what} "{old}" -> "{new}"' for what, old, new in pairs if old != new]

    def sentence(self) -> str:
        """The change in one line."""
        emails = ", ".join(self.after.addresses) or "no e-mail address"
        details = "; ".join(self.details())
        match self.what:
            case UserChangeKind.CREATED:
                return f"{self.after.name}: new, {emails}"
            case UserChangeKind.ADOPTED:
                return f"{self.after.name}: was known already, comes from this directory now{'; ' + details if details else ''}"
            case UserChangeKind.BACK:
                return f"{self.after.name}: back in the directory{'; ' + details if details else ''}"
            case UserChangeKind.DISABLED:
                return f"{self.after.name}: left the directory, is disabled; the archive stays"
            case UserChangeKind.REMOVED:
                return f"{self.after.name}: left the directory, is removed; the archive stays"
        return f"{self.after.name}: {details or 'nothing but which addresses come from the directory'}"

    def as_json(self) -> dict[str, Any]:
        return {
            "what": self.what.value,
            "before": self.before.as_json() if self.before else None,
            "after": self.after.as_json(),
            "details": self.details(),
        }

    @property
    def essence(self) -> tuple[UserChangeKind, User | None, User]:
        """The change without the id of a new user, which is drawn anew each time."""
        return self.what, self.before, self.after if self.before else replace(self.after, id="")


@dataclass(frozen=True, slots=True)
class Conflict:
    """A part of an entry that could not be followed, with the reason. ``who`` is the name in the directory."""

    who: str
    why: Reason

    def told(self, face: Face) -> str:
        """Name, sentence and remedy."""
        return f"{self.who}: {self.why.sentence(face)} {self.why.remedy(face)}"

    def as_json(self) -> dict[str, str]:
        return {"who": self.who, "text": command_line.told(self.why), "code": self.why.code.word}


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of a synchronisation. ``left`` are all known users missing in the directory.

    ``withheld`` is the reason why ``kept`` are not disabled or removed. ``notes`` report skipped entries.
    """

    changes: tuple[UserChange, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    left: tuple[User, ...] = ()
    unchanged: int = 0
    entries: int = 0
    withheld: Reason | None = None
    kept: tuple[User, ...] = ()
    notes: tuple[Reason, ...] = ()

    def of(self, what: UserChangeKind) -> tuple[UserChange, ...]:
        return tuple(change for change in self.changes if change.what is what)

    def counts(self) -> dict[str, int]:
        """Numbers, as in the ledger's entry."""
        return {
            **{what.value: len(self.of(what)) for what in UserChangeKind},
            "left": len(self.left),
            "conflicts": len(self.conflicts),
            "unchanged": self.unchanged,
            "withheld": int(bool(self.withheld)),
        }

    def as_json(self) -> dict[str, Any]:
        return {
            **self.counts(),
            "entries": self.entries,
            "withheld": sentence(self.withheld) if self.withheld else "",
            "code": self.withheld.code.word if self.withheld else "",
            "values": self.withheld.as_json()["values"] if self.withheld else {},
            "changes": [change.as_json() for change in self.changes],
            "conflict_list": [conflict.as_json() for conflict in self.conflicts],
            "left_users": [user.name for user in self.left],
            **warned(self.notes, "note"),
        }
