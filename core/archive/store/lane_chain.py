"""The entries of a lane in their order, each proved to follow from the one before, and of a kind that a lane may have."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

from core.archive.store import volume_file
from core.archive.store.entries.lanes import LANE_KINDS
from core.archive.store.ledger import ZERO_HASH, Entry, Head
from core.archive.store.message_rows import Locator
from core.archive.store.volume import Volume
from core.config import IN_LANE, Home
from core.errors import DamagedError
from core.problems import lane as problems
from core.values import dataclass

#: Entries that are given out together.
TOGETHER = 16
#: Gives a volume by its number, open for as long as the context lasts.
Opener = Callable[[int], AbstractAsyncContextManager[Volume]]


@dataclass(frozen=True, slots=True)
class LaneEnd:
    """A lane, and how far it was read: its number, its id, the number of the volume (``Home.volume``) and the last entry."""

    number: int
    id: str
    volume: int
    head: Head

    @classmethod
    def start(cls, number: int, lane: str) -> LaneEnd:
        """The end of a lane of which nothing was read."""
        return cls(number, lane, number * IN_LANE + 1, Head(0, ZERO_HASH))

    def at(self, volume: int, head: Head) -> LaneEnd:
        """The same lane, read up to another entry."""
        return LaneEnd(self.number, self.id, volume, head)


@dataclass(frozen=True, slots=True)
class LaneEntries:
    """Consecutive entries of a lane in one volume, and the end that they lead to."""

    volume: Volume
    entries: list[Entry]
    end: LaneEnd


def files_of(home: Home, locate: Callable[[int], Locator | None] | None = None) -> Opener:
    """Gives the volumes of ``home`` one by one, each closed after its use. ``locate``: what is known of their rows."""

    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[Volume]:
        known = locate(number) if locate is not None else None
        volume = await Volume.open(home.volume(number), read_only=True, locate=known)
        try:
            yield volume
        finally:
            await volume.close()

    return opened


async def read(
    home: Home, opened: Opener, start: LaneEnd, archive_id: str, last: int | None = None
) -> AsyncGenerator[LaneEntries]:
    """Yield the entries of a lane after ``start``, some at a time, up to the seq ``last`` (None: to the present end).

    Raises ``DamagedError`` at the first one that is missing, does not follow, or has a kind that no lane may have; with
    ``StorageError`` for a volume that cannot be read.
    """
    reached, number = start, start.volume
    while last is None or reached.head.seq < last:
        if not volume_file.is_there(home.volume(number)):
            # Of a lane that had entries the volume of the last one must be there.
            is_next = number > start.volume or not start.head.seq
            if last is None and is_next and number not in range(*_extent(home, start.number)):
                return
            raise DamagedError(problems.ENTRY_MISSING(lane=start.number, entry=reached.head.seq + 1))
        async with opened(number) as volume:
            _check(volume, reached, number, archive_id)
            async with aclosing(_pages(volume, reached.head.seq)) as pages:
                async for page in pages:
                    wanted = [entry for entry in page if last is None or entry.seq <= last]
                    if not wanted:
                        break
                    reached = _follow(reached, wanted, number)
                    yield LaneEntries(volume, wanted, reached)
        number += 1


def _extent(home: Home, lane: int) -> tuple[int, int]:
    """The first and one after the last of the numbers of the lane's volumes."""
    numbers = home.volumes_of(lane)
    return lane * IN_LANE + 1, (numbers[-1] if numbers else 0) + 1


async def _pages(volume: Volume, after: int) -> AsyncGenerator[list[Entry]]:
    page: list[Entry] = []
    async with aclosing(volume.entries(after)) as entries:
        async for entry in entries:
            page.append(entry)
            if len(page) == TOGETHER:
                yield page
                page = []
    if page:
        yield page


def _check(volume: Volume, reached: LaneEnd, number: int, archive_id: str) -> None:
    """Raise ``DamagedError`` when the volume is not the one that goes on with the lane."""
    if volume.fault is not None:
        raise volume.fault
    meta, name = volume.meta, volume.path.name
    if archive_id and meta.archive_id != archive_id:
        raise DamagedError(problems.OTHER_ARCHIVE(lane=reached.number, file=name))
    if meta.lane != reached.id or meta.number != number % IN_LANE:
        raise DamagedError(problems.OTHER_VOLUME(lane=reached.number, file=name))
    begins = number == reached.volume and meta.previous.seq <= reached.head.seq
    if not begins and meta.previous != reached.head:
        raise DamagedError(problems.NOT_JOINED(lane=reached.number, file=name, entry=reached.head.seq))


def _follow(reached: LaneEnd, entries: list[Entry], number: int) -> LaneEnd:
    """The end after ``entries``. Raises ``DamagedError``."""
    head = reached.head
    for entry in entries:
        if entry.seq != head.seq + 1:
            raise DamagedError(problems.ENTRY_MISSING(lane=reached.number, entry=head.seq + 1))
        if not entry.follows(head):
            raise DamagedError(problems.ENTRY_CHANGED(lane=reached.number, entry=entry.seq))
        if entry.kind not in LANE_KINDS:
            raise DamagedError(problems.KIND(lane=reached.number, entry=entry.seq, kind=entry.kind))
        head = Head(entry.seq, entry.hash)
    return reached.at(number, head)
