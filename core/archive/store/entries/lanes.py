"""Statements about lanes: writers beside the archive's own, each with volumes and a chain of entries of its own.

They stand in the archive's own chain. What a lane wrote is part of the archive from the anchor on that names it.
"""

from __future__ import annotations

from typing import ClassVar, Self, get_args

from core.archive.store.entries import reading
from core.archive.store.entries.everybody import Filed, Left
from core.archive.store.entries.mail import AnyMail
from core.archive.store.entries.reading import Fields, Payload, Row, Unreadable
from core.archive.store.entries.statement import Event
from core.archive.store.entries.values import Head
from core.text.format import counted
from core.values import dataclass

#: Lanes and their entries have numbers below these.
MOST_LANES, MOST_ENTRIES = 1_000_000, 1 << 40
#: The kinds of entries that a lane may have: about the mail of mailboxes, and nothing of users, profiles or the archive.
LANE_KINDS = {one.kind for one in (*get_args(AnyMail), Filed, Left)}


@dataclass(frozen=True, slots=True)
class LaneOpened(Event):
    """A lane that may write from now on.

    Payload: {lane, number, name}

    lane: its id, 32 hexadecimal digits, which its volumes have; number: the one by which this archive knows it, from 1 on.
    """

    kind: ClassVar[str] = "lane.opened"
    title: ClassVar[str] = "lanes opened"
    lane: str
    number: int
    name: str

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(fields.text("lane"), _lane(fields.raw("number")), fields.text("name"))

    def payload(self) -> Payload:
        return {"lane": self.lane, "number": self.number, "name": self.name}

    def sentence(self) -> str:
        return f"Lane {self.number} was opened for {self.name} (id {self.lane})."


@dataclass(frozen=True, slots=True)
class AnchoredHead:
    """The entries of a lane that an anchor makes part of the archive: those after ``after``, up to ``head``."""

    lane: int
    after: int
    head: Head

    @classmethod
    def of_row(cls, value: object) -> Self:
        lane, after, seq, digest = reading.columns(value, 4)
        return cls(_lane(lane), _seq(after), Head(_seq(seq), reading.digest(digest)))

    def row(self) -> Row:
        return [self.lane, self.after, self.head.seq, self.head.hash.hex()]

    def sentence(self) -> str:
        return f"{counted(self.head.seq - self.after, 'entry', 'entries')} of lane {self.lane}, up to entry {self.head.seq}"


@dataclass(frozen=True, slots=True)
class LanesAnchored(Event):
    """Entries of lanes that are part of the archive from here on, in the order of ``heads``.

    Payload: {heads: [[lane, after, seq, hash]]}

    lane: its number; after, seq: the last entry that was part of the archive before, and the one that is the last now.
    """

    kind: ClassVar[str] = "lanes.anchored"
    title: ClassVar[str] = "entries of lanes anchored"
    heads: tuple[AnchoredHead, ...]

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(tuple(map(AnchoredHead.of_row, fields.rows("heads"))))

    def payload(self) -> Payload:
        return {"heads": [one.row() for one in self.heads]}

    def sentence(self) -> str:
        return f"Anchored {'; '.join(one.sentence() for one in self.heads) or 'nothing'}."


def _lane(value: object) -> int:
    return _below(MOST_LANES, 1, value)


def _seq(value: object) -> int:
    return _below(MOST_ENTRIES, 0, value)


def _below(most: int, least: int, value: object) -> int:
    found = reading.number(value)
    if not least <= found < most:
        raise Unreadable(f"{found} is no number of a lane or of its entries")
    return found


#: Statements about lanes.
AnyLane = LaneOpened | LanesAnchored
