"""Notes on groups that do not lead to all of their members, so that missing members are reported. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.text.format import counted

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

    def sentence(self) -> str:
        """The note in a sentence."""
        named = ", ".join(self.names[:NAMED]) + (", …" if self.count > NAMED else "")
        inside = f" (in {self.via})" if self.via else ""
        members = counted(self.count, "member")
        match self.lack:
            case GroupLack.EMPTY:
                return f'The group "{self.group}" is empty: no users come of it.'
            case GroupLack.NOBODY:
                return f'The group "{self.group}" leads to no users: none of its members is one whom the search finds.'
            case GroupLack.FOREIGN:
                return f'The group "{self.group}" has {members} of another domain, which is not read{inside}: {named}.'
            case GroupLack.STRANGE:
                return f'Of the group "{self.group}" {members} cannot be found by the search, or are no users: {named}.'
        return f'The group "{self.group}" holds groups within groups too deeply; these were not read: {named}.'

    def as_json(self) -> dict[str, Any]:
        return {
            "group": self.group,
            "lack": self.lack.value,
            "count": self.count,
            "names": list(self.names[:NAMED]),
            "via": self.via,
            "text": self.sentence(),
        }
