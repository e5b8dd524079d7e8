"""The extent of a volume: what a copy of it must have to be equal."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from core.archive.store.ledger import Head
from core.archive.store.volume import Volume
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Extent:
    """The extent of a volume: the time of its seal (empty while it is open), last entry, the ids of last part and message."""

    sealed: str
    head: Head
    part: int
    message: int
    indexed: bool = field(compare=False)


async def extent(volume: Volume) -> Extent:
    """The extent of ``volume``, read in one statement."""
    message = "0" if volume.meta.is_old else "(SELECT max(id) FROM message)"
    row = await volume.database.one(
        f"SELECT (SELECT value FROM meta WHERE key = 'sealed'), last.seq, last.hash, (SELECT max(id) FROM part), {message} "
        "FROM (SELECT 1) LEFT JOIN (SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1) last"
    )
    assert row is not None
    head = volume.meta.previous if row[1] is None else Head(row[1], bytes(row[2]))
    return Extent(row[0] or "", head, row[3] or 0, row[4] or 0, volume.rows.indexed)


async def refuse_damaged(source: Path) -> None:
    """Raise ``DamagedError`` when opening a volume has shown that it is not whole."""
    volume = await Volume.open(source, read_only=True)
    try:
        if volume.fault is not None:
            raise volume.fault
        await extent(volume)
    finally:
        await volume.close()
