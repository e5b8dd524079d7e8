"""The writer of a lane: appends entries and messages to volumes of its own, which have their own chain. Knows no catalog.

Nothing of it is part of the archive before an entry of the archive's own lane anchors it. So a writer that dies leaves what it
has committed, and the next one goes on after that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager

from core import files
from core.archive.store import intake, sealing, volume_file
from core.archive.store.entries.lanes import LANE_KINDS
from core.archive.store.intake import PreparedMessage, StoredPart
from core.archive.store.ledger import ZERO_HASH, Draft, Entry, Head
from core.archive.store.volume import Volume
from core.archive.store.volume_format import Meta
from core.archive.store.volume_rows import AppendedRows, Incomplete
from core.config import IN_LANE, Home
from core.errors import BusyError, DamagedError, InputError
from core.problems import lane as problems
from core.values import dataclass

#: The size in bytes at which a volume of a lane is sealed, when none is given.
VOLUME_BYTES = 4 * 1024**3
#: Parts of the open volume that are remembered for messages that share them.
MOST_PARTS = 100_000


@dataclass(frozen=True, slots=True)
class LaneIdentity:
    """The lane of a writer: the id of the archive, the lane's own, its number in that archive."""

    archive_id: str
    id: str
    number: int

    def meta(self, number: int, previous: Head) -> Meta:
        """The meta of a new volume."""
        return Meta(self.archive_id, number, previous, lane=self.id)


class LaneWriter:
    """The one writer of a lane, whose volumes are in a folder of ``home``, which needs to have nothing else (``Home.lane``)."""

    def __init__(self, home: Home, lane: LaneIdentity, volume: Volume, volume_bytes: int) -> None:
        self._home = home
        self._lane = lane
        self._volume = volume
        self._volume_bytes = volume_bytes
        #: Ids of parts in the open volume, by SHA-256.
        self._parts: dict[bytes, int] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls, home: Home, lane: LaneIdentity, *, volume_bytes: int = VOLUME_BYTES, anchored: int = 0
    ) -> AsyncIterator[LaneWriter]:
        """Context of the writer. Raises ``BusyError`` while another process writes, ``DamagedError``, ``StorageError``.

        ``anchored``: the last entry of the lane that the archive has; a lane that ends before it has lost a volume.
        """
        folder = home.lane(lane.number)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.durable(folder.parent)
        with files.lock(folder) as held:
            if not held:
                raise BusyError(problems.BEING_WRITTEN(lane=lane.number))
            numbers = home.volumes_of(lane.number)
            first = lane.number * IN_LANE + 1
            if not numbers:
                await volume_file.create(home.volume(first), lane.meta(1, Head(0, ZERO_HASH)))
            await sealing.finish_all(home, numbers[:-1])
            writer = cls(home, lane, await _opened(home, lane, numbers[-1] if numbers else first), volume_bytes)
            try:
                if (end := (await writer.head()).seq) < anchored:
                    raise DamagedError(problems.ENTRY_MISSING(lane=lane.number, entry=end + 1))
                yield writer
            finally:
                await writer._volume.close()

    async def head(self) -> Head:
        """The last entry of the lane."""
        return await self._volume.head()

    async def append(self, drafts: Sequence[Draft], raws: Sequence[bytes] = (), known: Collection[bytes] = ()) -> list[Entry]:
        """Store the messages ``raws`` and append ``drafts``, in one durable transaction.

        ``known``: SHA-256 of messages that the archive has, or earlier entries of this lane: they are named, and not stored
        again. Raises ``InputError`` for a kind of entry that no lane may have, ``StorageError``; then nothing was written.
        """
        prepared = await asyncio.to_thread(intake.prepare_all, raws)
        return (await self.write(drafts, prepared, None, known)).entries

    async def write(
        self,
        drafts: Sequence[Draft],
        messages: Sequence[PreparedMessage],
        parts: Iterable[StoredPart] | None = None,
        known: Collection[bytes] = (),
    ) -> AppendedRows:
        """The same with messages that are prepared; the rows that were written.

        ``parts``: those of ``messages`` that the volume ``last`` may lack; None: they are made here. Raises as ``append`` does.
        """
        for draft in drafts:
            if draft.value.kind not in LANE_KINDS:
                raise InputError(problems.STRANGE_KIND(kind=draft.value.kind))
        forms = {message.sha256: message.canonical for message in messages if message.canonical}
        fresh = list({message.sha256: message for message in messages if message.sha256 not in known}.values())
        if await self._volume.takes_no_more(self._volume_bytes):
            await self.seal()
            parts = None
        shared = intake.shared(fresh)
        there = {sha256: self._parts[sha256] for sha256 in shared if sha256 in self._parts}
        told = [draft.told(forms) for draft in drafts]
        try:
            appended = await self._volume.append(told, fresh, _wanted(fresh, parts or ()), there)
        except Incomplete:
            # Parts that were made for another volume, or for none.
            whole = await asyncio.to_thread(intake.parts_of, fresh, there)
            appended = await self._volume.append(told, fresh, whole, there)
        if len(self._parts) < MOST_PARTS:
            self._parts |= {sha256: number for sha256, number in appended.parts.items() if sha256 in shared}
        return appended

    @property
    def last(self) -> int:
        """The number of the volume that is written to (``Home.volume``)."""
        return self._lane.number * IN_LANE + self._volume.meta.number

    async def is_empty(self) -> bool:
        """True when the open volume has no entry."""
        return (await self._volume.head()).seq == self._volume.meta.previous.seq

    async def seal(self) -> Head:
        """Seal the open volume and begin the next one; the last entry of the lane."""
        volume, number = self._volume, self._lane.number * IN_LANE + self._volume.meta.number + 1
        head = await volume.seal()
        if not self._home.volume(number).exists():
            await volume_file.create(self._home.volume(number), self._lane.meta(number % IN_LANE, head))
        await sealing.finish_all(self._home, [number - 1])
        self._volume, self._parts = await _opened(self._home, self._lane, number), {}
        await volume.close()
        return head


def _wanted(messages: Sequence[PreparedMessage], parts: Iterable[StoredPart]) -> Iterable[StoredPart]:
    """Those of ``parts`` that ``messages`` need."""
    needed = {piece.sha256 for message in messages for piece in message.pieces}
    return (part for part in parts if part.sha256 in needed)


async def _opened(home: Home, lane: LaneIdentity, number: int) -> Volume:
    """The volume, open to be written to. Raises ``DamagedError`` when it is damaged, or none of the lane."""
    volume = await Volume.open(home.volume(number))
    meta = volume.meta
    if volume.fault is None and (meta.archive_id, meta.lane, meta.number) == (lane.archive_id, lane.id, number % IN_LANE):
        return volume
    await volume.close()
    if volume.fault is not None:
        raise volume.fault
    other = problems.OTHER_ARCHIVE if meta.archive_id != lane.archive_id else problems.OTHER_VOLUME
    raise DamagedError(other(lane=lane.number, file=volume.path.name))
