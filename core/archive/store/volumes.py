"""The volumes of one archive: their numbers, the one that is written to, and the reason why none can be. Knows no catalog.

They are opened on demand, and ``MOST_OPEN`` of them stay open: the least recently used one is closed for the next, but never
the one that is written to, nor one in use. A file that another process has replaced is opened anew. Unreadable parts are noted
once, and passed over where others can be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator
from contextlib import contextmanager, suppress

from core import files
from core.archive.store import lane_volumes, volume_file
from core.archive.store.entries.upkeep import ArchiveCreated
from core.archive.store.entry_numbers import FIRST_OF_LANES, number_of
from core.archive.store.folder_lock import locked
from core.archive.store.lane_chain import LaneEnd
from core.archive.store.ledger import ZERO_HASH, Draft, Entry, Head
from core.archive.store.message_rows import Locator
from core.archive.store.notices import Notices, Refusal
from core.archive.store.sealing import Finishing
from core.archive.store.stored_message import StoredMessage
from core.archive.store.volume import Volume
from core.archive.store.volume_format import LAST_SEQ, Meta
from core.config import IN_LANE, Home
from core.errors import DamagedError, HomeError, StorageError
from core.problems import volume as problems
from core.problems.home import REPLACED

#: Volume files that are open at once, however many there are; each takes a file, a thread and up to 4 MiB of pages.
MOST_OPEN = 16


class Volumes:
    """The volume files of ``home``.

    ``last``: the number of the one that is written to; ``archive_id``: the id in their tables meta; ``refusal``: the
    reason why nothing can be appended, None when appending works.
    """

    def __init__(self, home: Home, refusal: Refusal | None = None) -> None:
        self.home = home
        self.refusal = refusal
        self.archive_id = ""
        self.last = 0
        #: Gives the rows of a volume as far as the catalog knows them.
        self.locate: Callable[[int], Locator | None] = lambda number: None
        #: The other lanes, by number, as far as the catalog has applied them.
        self.lanes: dict[int, LaneEnd] = {}
        self._finishing = Finishing(home)
        self.notices = Notices()
        #: The open ones, the least recently used first.
        self._open: dict[int, Volume] = {}
        #: The seq before the first entry of each volume that was open, for ever the same.
        self._before: dict[int, int] = {}
        self._replaced: list[Volume] = []
        self._opening = asyncio.Lock()
        #: The files that damage may be in (``_places``), as they were when it was last found.
        self._seen: list[tuple[int, int, int]] = []

    # Refusal -------------------------------------------------------------------------------------------------------------

    @property
    def damage(self) -> DamagedError | None:
        """The damage that forbids appending; None when there is none."""
        return self.refusal if isinstance(self.refusal, DamagedError) else None

    def check_usable(self) -> None:
        """Raise ``DamagedError`` or ``StorageError`` when nothing can be appended, ``HomeError`` for a backup."""
        if self.refusal is not None:
            raise self.refusal

    def refuse(self, error: DamagedError | StorageError) -> None:
        """Forbid appending from now on; reading still works."""
        self.refusal = error
        self._seen = self._places()
        self.notices.note(error, "Until then nothing is added to the archive; all that is whole can be read.")

    # Opening and closing -------------------------------------------------------------------------------------------------

    async def make_first(self) -> None:
        """Make volume 1 of a new archive, if no other process has."""
        async with locked(self.home.volumes):
            if not self.home.volume(1).exists():
                from uuid import uuid4  # Loaded here alone: it asks much about the machine.

                await volume_file.create(self.home.volume(1), Meta(uuid4().hex, 1, Head(0, ZERO_HASH)))

    async def begin(self, actor: str) -> None:
        """Write the first entry of the ledger, if no other process has."""
        await self.upgrade()
        volume = await self.at(self.last)
        async with locked(self.home.volumes):
            if not (await volume.head()).seq:
                await volume.append([Draft(ArchiveCreated(volume.meta.archive_id), actor)])

    async def find(self, seen: int, seq: int) -> None:
        """Find the volumes on disk. ``seen``, ``seq``: the last volume and entry that the catalog has applied."""
        self.last = await self._find_last(seen, seq)
        there = set(self.home.all_volume_numbers())
        for number in self.numbers():
            if number not in there and number != self.last:
                self.notices.note(DamagedError(problems.MISSING(file=self.home.volume(number).name)))
        try:
            await self.at(self.last)
        except DamagedError as error:
            if self.refusal is None:
                self.refuse(error)

    async def _find_last(self, seen: int, seq: int) -> int:
        """The number of the volume that is written to.

        It is the last on disk, or a later one of which the catalog has applied entries.
        """
        last = (self.home.volume_numbers() or [1])[-1]
        if seen <= last:
            return last
        with suppress(DamagedError, StorageError):
            # A volume lost before its first entry is no loss.
            if (await (await self.at(last)).head()).seq >= seq:
                return last
        return seen

    def look(self) -> None:
        """Find volumes that another process has begun."""
        self.last = max((self.home.volume_numbers() or [1])[-1], self.last)

    async def at(self, number: int) -> Volume:
        """The volume of that number, open. Raises ``DamagedError``, ``StorageError``, ``HomeError``."""
        path = self.home.volume(number)
        found = self._open.get(number)
        if found is None or not found.is_at(path):
            async with self._opening:
                found = self._open.get(number)
                if found is None or not found.is_at(path):
                    if found is not None:
                        # Another task may be reading from it.
                        self._replaced.append(self._open.pop(number))
                    await self._make_room()
                    read_only = number != self.last or self.refusal is not None
                    found = await Volume.open(path, read_only=read_only, locate=self.locate(number))
                    self._open[number] = found
                    self._check_identity(found, number)
                    self._before[number] = found.meta.previous.seq
        # The caller uses it before any other task runs, so that it is not closed in between.
        self._open[number] = self._open.pop(number, found)
        return found

    async def _make_room(self) -> None:
        """Close for one more what is not needed: replaced volumes, and those used least recently."""
        idle = [number for number, volume in self._open.items() if number != self.last and not volume.is_used]
        closed = [self._open.pop(number) for number in idle[: max(len(self._open) + 1 - MOST_OPEN, 0)]]
        closed += [volume for volume in self._replaced if not volume.is_used]
        self._replaced = [volume for volume in self._replaced if volume.is_used]
        for volume in closed:
            await volume.close()

    def _check_identity(self, volume: Volume, number: int) -> None:
        """Raise ``DamagedError`` for a volume of another archive, or with another number."""
        name = self.home.volume(number).name
        if self.archive_id and volume.meta.archive_id != self.archive_id:
            reason = problems.OF_OTHER_ARCHIVE(file=name)
        elif volume.meta.number != number % IN_LANE:
            reason = problems.MISNUMBERED(file=name, number=volume.meta.number)
        elif not lane_volumes.is_of(self.lanes, volume.meta, number):
            reason = problems.REPLACED(file=name)
        else:
            return
        self._replaced.append(self._open.pop(number))
        raise DamagedError(reason)

    async def release(self) -> None:
        """Close all volume files, so that one of them can be replaced."""
        await self._finishing.end()
        volumes, self._open, self._before = list(self._open.values()), {}, {}
        for volume in volumes:
            await volume.close()

    async def close(self) -> None:
        """Close all files. Safe to call twice."""
        await self._finishing.end()
        volumes, self._open, self._replaced = [*self._open.values(), *self._replaced], {}, []
        for volume in volumes:
            await volume.close()

    def has_changed(self) -> bool:
        """True when a file with the damage may have changed since it was found, or last asked."""
        before, self._seen = self._seen, self._places()
        return self.damage is not None and self._seen != before

    def _places(self) -> list[tuple[int, int, int]]:
        """Inode, size and time of the file that is written to, and of those of all lanes: they are read to be anchored."""
        lanes = [number for number in self.home.all_volume_numbers() if number > IN_LANE]
        return [files.facts(self.home.volume(number)) for number in (self.last, *lanes)]

    def forget(self) -> None:
        """Forget all findings: files are opened anew. Those that are open can be read to the end."""
        self._replaced += self._open.values()
        self._open.clear()
        self._before.clear()
        self.refusal = None
        self.notices.clear()

    # Writing -------------------------------------------------------------------------------------------------------------

    async def next(self, volume: Volume) -> None:
        """Seal ``volume``; the next one, which another process may have begun."""
        number = volume.meta.number + 1
        async with locked(self.home.volumes):
            head = await volume.seal()
            if not volume.is_at(volume.path):
                # Another home may be in the place of this one.
                raise HomeError(REPLACED(home=str(self.home.path), file=str(volume.path)))
            if not self.home.volume(number).exists():
                await volume_file.create(self.home.volume(number), Meta(volume.meta.archive_id, number, head))
        self.last = number
        self._finishing.begin(self.last)

    async def upgrade(self) -> None:
        """Seal a volume of format 1, so that the next one has the present format; nothing of it is read."""
        volume = await self.at(self.last)
        if self.refusal is None and volume.meta.is_old and volume.fault is None:
            await self.next(volume)

    def finish_sealed(self) -> None:
        """Begin to finish the volumes that were sealed by a process that died then, once."""
        self._finishing.begin(self.last, once=True)

    # Reading -------------------------------------------------------------------------------------------------------------

    async def readable(self, first: int = 1) -> AsyncGenerator[Volume]:
        """All volumes from ``first`` on that can be read, the oldest first."""
        for number in range(first, self.last + 1):
            try:
                volume = await self.at(number)
            except (DamagedError, StorageError) as error:
                self.notices.note(error)
                continue
            yield volume

    def numbers(self) -> list[int]:
        """The numbers of all volumes that should be there."""
        return lane_volumes.numbers(self.home, self.last, self.lanes)

    async def unusable(self) -> list[int]:
        """The volumes that are missing, unreadable or damaged, as far as opening them shows."""
        return [number for number in self.numbers() if await self.is_unusable(number)]

    async def is_unusable(self, number: int) -> bool:
        """True when the volume is missing, unreadable or damaged."""
        try:
            return (await self.at(number)).fault is not None
        except (DamagedError, StorageError):
            return True

    async def is_listed_before(self, sha256: bytes, number: int) -> bool:
        """True when a volume before ``number`` has the message, as far as the volumes' tables can be read."""
        async for volume in self.readable():
            if volume.meta.number < number:
                with self._passing_over():
                    if await volume.lists(sha256):
                        return True
        return False

    async def raw(self, number: int, sha256: bytes) -> bytes:
        """A message of a volume, byte for byte, matched with its hash. Raises ``DamagedError``."""
        with self._of(sha256, number):
            return await (await self.at(number)).raw(sha256)

    async def message(self, number: int, sha256: bytes, *, prove: bool = True) -> bytes | StoredMessage:
        """The same; of a large message the reader, whose bytes are matched with the hash now or (not to ``prove``) later."""
        with self._of(sha256, number):
            return await (await self.at(number)).message(sha256, prove=prove)

    @contextmanager
    def _of(self, sha256: bytes, number: int) -> Iterator[None]:
        """Context that turns errors of reading a message into ``DamagedError``."""
        try:
            yield
        except KeyError:
            raise DamagedError(
                problems.MESSAGE_MISSING(message=sha256.hex()[:16], file=self.home.volume(number).name)
            ) from None
        except StorageError as error:
            raise DamagedError(problems.MESSAGE_UNREAD(message=sha256.hex()[:16], why=error.reason)) from error

    async def head(self) -> Head:
        """The end of the ledger. Raises ``DamagedError`` when that cannot be read."""
        return await (await self.at(self.last)).head()

    async def end_of(self, number: int) -> Head:
        """The last entry in a volume. Raises ``DamagedError`` when it cannot be read."""
        volume = await self.at(number)
        if volume.fault is not None:
            raise volume.fault
        return await volume.head()

    async def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        """Ledger entries of all volumes with a seq over ``after``, in order; unreadable ones become ``notices``."""
        async for volume in self.readable(await self._holder(after + 1) or 1):
            with self._passing_over():
                async for entry in volume.entries(after):
                    yield entry

    async def entries_before(self, seq: int | None, limit: int, kind: str = "") -> list[Entry]:
        """Up to ``limit`` ledger entries with a seq under ``seq`` (None: the last ones), the newest first, of all volumes.

        With ``kind`` only those of one kind; ``notices`` says what cannot be read of them.
        """
        found: list[Entry] = []
        newest = self.last if seq is None else await self._holder(seq - 1) or self.last
        for number in range(newest, 0, -1):
            if len(found) >= limit:
                break
            with self._passing_over():
                found += await (await self.at(number)).entries_before(seq, limit - len(found), kind)
        return found

    async def entry_seqs(self, kind: str, after: int = 0) -> list[int]:
        """The seqs over ``after`` of all ledger entries of one kind, in order, without unreadable ones."""
        found: list[int] = []
        async for volume in self.readable(await self._holder(after + 1) or 1):
            with self._passing_over():
                found += await volume.seqs(kind, after)
        return found

    async def entry_times(self, seqs: Collection[int]) -> dict[int, str]:
        """The times of ledger entries, by their numbers in the catalog, without unreadable ones."""
        found: dict[int, str] = {}
        for holder, lane, wanted in lane_volumes.of_entries(self.home, seqs):
            with self._passing_over():
                found |= {number_of(lane, seq): at for seq, at in (await (await self.at(holder)).times(wanted)).items()}
        left = sorted({seq for seq in seqs if seq < FIRST_OF_LANES})
        while left and (number := await self._holder(left[0])) is not None:
            with self._passing_over():
                found.update(await (await self.at(number)).times(left))
            end = LAST_SEQ if number == self.last else self._before[number + 1]
            left = [seq for seq in left if seq > end]
        if left:
            async for volume in self.readable():
                with self._passing_over():
                    found.update(await volume.times([seq for seq in left if seq not in found]))
        return found

    async def _holder(self, seq: int) -> int | None:
        """The number of the volume that has the entry ``seq`` if any has, by few openings.

        None when one of them fails, or shows a volume that begins before the one ahead of it.
        """
        low, high = 1, self.last
        try:
            while low < high:
                middle = (low + high + 1) // 2
                if await self._before_first(middle) < seq:
                    low = middle
                else:
                    high = middle - 1
            # Known too where the search ended without asking.
            near = [await self._before_first(number) for number in range(max(low - 1, 1), min(low + 2, self.last) + 1)]
        except (DamagedError, StorageError):
            return None
        # A damaged number leads the search astray: what has no place between its neighbours is not believed.
        return low if near == sorted(near) else None

    async def _before_first(self, number: int) -> int:
        if number not in self._before:
            self._before[number] = (await self.at(number)).meta.previous.seq
        return self._before[number]

    @contextmanager
    def _passing_over(self) -> Iterator[None]:
        """Context that notes the error of one volume and goes on, so that the others are read."""
        try:
            yield
        except (DamagedError, StorageError) as error:
            self.notices.note(error)
