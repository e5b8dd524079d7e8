"""Lanes of an archive: opened, and anchored, which makes what they wrote part of the archive."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing

from core import files
from core.archive.archive import Archive
from core.archive.catalog import digests, lanes
from core.archive.catalog.lanes import Lane
from core.archive.store import lane_chain
from core.archive.store.entries.lanes import AnchoredHead, LaneOpened, LanesAnchored
from core.archive.store.entries.statement import Erased, Newer
from core.archive.store.lane_chain import LaneEnd, LaneEntries
from core.archive.store.lane_writer import LaneIdentity
from core.archive.store.ledger import Draft, Entry
from core.config import IN_LANE, Home
from core.errors import BusyError, DamagedError, HomeError, InputError, StorageError
from core.problems import lane as problems
from core.problems.code import Reason
from core.text.patterns import pattern
from core.values import dataclass

_ID = pattern(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Anchored:
    """The result of anchoring: what was added to the archive, and the lanes of which nothing was, each with the reason."""

    heads: tuple[AnchoredHead, ...]
    refused: dict[int, Reason]


async def all_of(archive: Archive) -> dict[int, Lane]:
    """All lanes of the archive, by number."""
    return await lanes.all_of(archive.database)


async def anchored_entries(archive: Archive, anchor: LanesAnchored) -> AsyncGenerator[Entry]:
    """Yield the entries of lanes that an anchor made part of the archive. Raises ``DamagedError``, ``StorageError``."""
    for head in anchor.heads:
        for number in archive.home.volumes_of(head.lane):
            async with lane_chain.files_of(archive.home)(number) as volume, aclosing(volume.entries(head.after)) as entries:
                async for entry in entries:
                    if entry.seq > head.head.seq:
                        break
                    yield entry


async def open_lane(archive: Archive, name: str, lane: str = "", *, after: int = 0, actor: str = "archivar") -> LaneIdentity:
    """Open a lane for the writer ``name``, with a new id if ``lane`` is empty. Raises ``InputError``.

    ``after``: a number of a lane that has had its writer, and that a later state of this archive knew.
    """
    lane = lane or uuid.uuid4().hex
    if not _ID.fullmatch(lane):
        raise InputError(problems.BAD_ID(id=lane))
    async with archive.changing():
        there = await lanes.all_of(archive.database)
        if any(one.end.id == lane for one in there.values()):
            raise InputError(problems.EXISTS(id=lane))
        number = max(*there, after, 0) + 1
        await archive.append([Draft(LaneOpened(lane, number, name), actor)])
    return LaneIdentity(archive.archive_id, lane, number)


async def anchor(archive: Archive, wanted: Collection[int] = (), *, actor: str = "archivar") -> Anchored:
    """Make part of the archive what lanes have written since they were anchored last: all, or those of the numbers ``wanted``.

    A lane that is damaged, of another archive, or has entries that no lane may have, is refused and keeps nothing from the
    others. The order of the lanes in the entry is that of ``wanted``. Raises ``InputError`` for an unknown number.
    """
    async with archive.changing():
        there = await lanes.all_of(archive.database)
        for number in wanted:
            if number not in there:
                raise InputError(problems.UNKNOWN(lane=number))
        heads: list[AnchoredHead] = []
        refused: dict[int, Reason] = {}
        for number in wanted or there:
            end = there[number].end
            try:
                found = await _checked(archive, end)
            except (DamagedError, StorageError, HomeError, BusyError) as error:
                refused[number] = error.reason
                continue
            if found.head.seq > end.head.seq:
                heads.append(AnchoredHead(number, end.head.seq, found.head))
        if heads:
            await archive.append([Draft(LanesAnchored(tuple(heads)), actor)])
    return Anchored(tuple(heads), refused)


async def _checked(archive: Archive, end: LaneEnd) -> LaneEnd:
    """The present end of a lane. Raises ``DamagedError`` when one of its entries may not be anchored."""
    reached = end
    opened = lane_chain.files_of(archive.home, archive.volumes.locate)
    async with aclosing(lane_chain.read(archive.home, opened, end, archive.archive_id)) as pages:
        async for page in pages:
            for entry in page.entries:
                # An entry that cannot be applied would stop the archive at its anchor.
                if isinstance(entry.value, Newer | Erased):
                    raise DamagedError(problems.KIND(lane=end.number, entry=entry.seq, kind=entry.kind))
            await _check_messages(archive, end, page)
            reached = page.end
    await asyncio.to_thread(_sync, archive.home, end, reached)
    return reached


def _sync(home: Home, start: LaneEnd, end: LaneEnd) -> None:
    """Have what is about to be anchored on the disk: files that came from elsewhere may be in the system's memory alone."""
    if end.head.seq > start.head.seq:
        for number in range(start.volume, end.volume + 1):
            files.durable(home.volume(number))
        files.durable(home.lane(start.number))
        files.durable(home.volumes)


async def _check_messages(archive: Archive, start: LaneEnd, page: LaneEntries) -> None:
    """Raise ``DamagedError`` when neither the lane nor the archive has a message that entries name."""
    named = list(dict.fromkeys(sha256 for entry in page.entries for sha256 in entry.digests()))
    left = _without(named, await digests.ids(archive.database, named))
    left = _without(left, await page.volume.records(left)) if left else left
    # What earlier entries stored that are not part of the archive yet.
    number = page.end.volume - 1
    while left and number >= start.volume and number > start.number * IN_LANE:
        async with lane_chain.files_of(archive.home, archive.volumes.locate)(number) as volume:
            left = _without(left, await volume.records(left))
        number -= 1
    if left:
        raise DamagedError(problems.MESSAGE_MISSING(lane=start.number, message=left[0].hex()[:16]))


def _without(wanted: Sequence[bytes], known: Collection[bytes]) -> list[bytes]:
    return [sha256 for sha256 in wanted if sha256 not in known]
