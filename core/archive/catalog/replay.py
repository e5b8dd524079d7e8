"""The ledger of a home's volumes applied to a separate catalog, as that of a copy, up to a given entry."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from core.archive.catalog import catalog, details, digests
from core.archive.catalog.details import DetailsOf
from core.archive.catalog.lane_following import LaneFollower
from core.archive.store import lane_chain
from core.archive.store.entries.lanes import LaneOpened, LanesAnchored
from core.archive.store.entries.upkeep import Salvaged
from core.archive.store.ledger import ZERO_HASH, Entry, Head
from core.archive.store.volume import Volume
from core.config import Home
from core.db.database import Database
from core.errors import BusyError, DamagedError
from core.problems import archive as busy
from core.problems import ledger as problems

#: Entries, and messages named by them, that are applied in one transaction: a page that all change is written once.
ENTRIES, MESSAGES = 500, 5_000


async def replay(
    database: Database, home: Home, last: int, known: Database | None, details_of: DetailsOf = details.of_entries
) -> Head:
    """Apply what the volumes of ``home`` have after the position of the catalog, up to entry ``last``; the position reached.

    ``known``: a catalog that has applied more, asked for the rows of messages where a volume has no index of them;
    ``details_of``: gives the details of new messages. Ends early where the volumes do. Raises ``DamagedError`` when they do not
    go on from there or cannot be read, ``BusyError`` when another process applies entries too.
    """
    row = await database.one("SELECT volume, seq, hash FROM applied")
    first, head = (row[0], Head(row[1], bytes(row[2]))) if row else (1, Head(0, ZERO_HASH))
    for number in home.volume_numbers():
        if number < first or head.seq >= last:
            continue
        locate = digests.VolumeRows(known, number) if known is not None else None
        volume = await Volume.open(home.volume(number), read_only=True, locate=locate)
        lanes = LaneFollower(database, home, lane_chain.files_of(home), volume.meta.archive_id, details_of=details_of)
        try:
            async with aclosing(_pieces(volume.entries(after=head.seq), last)) as pieces:
                async for piece in pieces:
                    await lanes.follow(piece[0])
                    head = await _apply(database, volume, piece, head, details_of)
        finally:
            await volume.close()
    return head


async def _pieces(entries: AsyncIterator[Entry], last: int) -> AsyncGenerator[list[Entry]]:
    """The entries up to ``last``, those of one transaction at a time: an anchor of lanes begins one, after what it anchors.

    A salvage is one by itself: what it takes out of the catalog may be new again in the entry behind it.
    """
    piece: list[Entry] = []
    messages = 0
    async for entry in entries:
        if entry.seq > last:
            break
        if piece and entry.kind in (LaneOpened.kind, LanesAnchored.kind, Salvaged.kind):
            yield piece
            piece, messages = [], 0
        piece.append(entry)
        messages += len(entry.digests())
        if len(piece) >= ENTRIES or messages >= MESSAGES or entry.kind == Salvaged.kind:
            yield piece
            piece, messages = [], 0
    if piece:
        yield piece


async def _apply(database: Database, volume: Volume, entries: list[Entry], before: Head, details_of: DetailsOf) -> Head:
    """Apply consecutive entries of ``volume`` that come after ``before``; the position reached."""
    head = before
    for entry in entries:
        if not entry.follows(head):
            raise DamagedError(problems.NOT_FOLLOWING(entry=entry.seq, before=head.seq))
        head = Head(entry.seq, entry.hash)
    async with database.transaction() as transaction:
        if await catalog.applied(transaction) != before:
            raise BusyError(busy.CATALOG_BEING_MADE())
        found = await details_of(transaction, volume, entries)
        await catalog.apply_all(transaction, entries, volume.meta.number, found)
    return head
