"""Lanes in the catalog: how far each was applied, and which entry of the archive's own lane made which of theirs part of it."""

from __future__ import annotations

from core.archive.store.entries.lanes import LaneOpened, LanesAnchored
from core.archive.store.entry_numbers import BITS, FIRST_OF_LANES, number_of
from core.archive.store.lane_chain import LaneEnd
from core.archive.store.ledger import Head
from core.db.database import Database, Transaction
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane as it was opened, and the ``end`` up to which the catalog has applied it."""

    name: str
    end: LaneEnd


async def opened(transaction: Transaction, said: LaneOpened) -> None:
    start = LaneEnd.start(said.number, said.lane)
    # A number stands for the lane that had it first.
    await transaction.execute(
        "INSERT OR IGNORE INTO lane (number, id, name, volume, seq, hash) VALUES (?, ?, ?, ?, ?, ?)",
        (said.number, said.lane, said.name, start.volume, start.head.seq, start.head.hash),
    )


async def anchored(transaction: Transaction, seq: int, said: LanesAnchored) -> None:
    """Record what the entry ``seq`` has anchored, and was applied before it."""
    await transaction.many(
        "INSERT OR IGNORE INTO anchor (lane, reached, seq) VALUES (?, ?, ?)",
        [(one.lane, number_of(one.lane, one.head.seq), seq) for one in said.heads],
    )


async def all_of(catalog: Database | Transaction) -> dict[int, Lane]:
    """All lanes by their numbers."""
    rows = await catalog.read("SELECT number, id, name, volume, seq, hash FROM lane ORDER BY number")
    return {
        number: Lane(name, LaneEnd(number, lane, volume, Head(seq, bytes(digest))))
        for number, lane, name, volume, seq, digest in rows
    }


async def reached(catalog: Database | Transaction, lane: int) -> int | None:
    """The seq up to which a lane was applied; None when it is not open."""
    found = await catalog.value("SELECT seq FROM lane WHERE number = ?", (lane,))
    return None if found is None else int(found)


async def move(transaction: Transaction, end: LaneEnd) -> None:
    """Record that a lane was applied up to ``end``."""
    await transaction.execute(
        "UPDATE lane SET volume = ?, seq = ?, hash = ? WHERE number = ?",
        (end.volume, end.head.seq, end.head.hash, end.number),
    )


def place(number: str) -> str:
    """The SQL expression of the entry of the archive's own lane at which the entry ``number``, a column, became part of it.

    NULL for one of another lane that was not anchored yet.
    """
    anchor = f"SELECT seq FROM anchor WHERE lane = {number} >> {BITS} AND reached >= {number} ORDER BY reached LIMIT 1"
    return f"iif({number} < {FIRST_OF_LANES}, {number}, ({anchor}))"
