"""Notes on groups that do not lead to all of their members, so that missing members are reported. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from core.problems import command_line, warning
from core.problems.code import Reason
from core.values import dataclass

#: Members listed by name.
NAMED = 5


class GroupLack(StrEnum):
    """The kind of gap in a group."""

    EMPTY = "empty"
    NOBODY = "nobody"
    FOREIGN = "foreign"
    STRANGE = "strange"
    DEEP = "deep"


@dataclass(frozen=True, slots=True)
class GroupNote:
    """A group of the settings, by the name that it has there, and what it lacks.

    ``count`` members are concerned, ``names`` are the first of them; ``via`` is a nested group, empty for the group itself.
    """

    group: str
    lack: GroupLack
    count: int = 0
    names: tuple[str, ...] = ()
    via: str = ""

    @property
    def reason(self) -> Reason:
        """The note as a warning."""
        group, count = self.group, self.count
        named = ", ".join(self.names[:NAMED]) + (", …" if count > NAMED else "")
        match self.lack:
            case GroupLack.EMPTY:
                return warning.GROUP_EMPTY(group=group)
            case GroupLack.NOBODY:
                return warning.GROUP_NOBODY(group=group)
            case GroupLack.FOREIGN if self.via:
                return warning.GROUP_FOREIGN_WITHIN(group=group, count=count, names=named, via=self.via)
            case GroupLack.FOREIGN:
                return warning.GROUP_FOREIGN(group=group, count=count, names=named)
            case GroupLack.STRANGE:
                return warning.GROUP_STRANGE(group=group, count=count, names=named)
            case GroupLack.DEEP:
                return warning.GROUP_DEEP(group=group, names=named)

    def sentence(self) -> str:
        """The note in a sentence."""
        return command_line.sentence(self.reason)

    def as_json(self) -> dict[str, Any]:
        return {
            "group": self.group,
            "lack": self.lack.value,
            "count": self.count,
            "names": list(self.names[:NAMED]),
            "via": self.via,
            "text": self.sentence(),
            **self.reason.as_json(),
        }
