"""The archive of a worker: what it knows of the mailbox that it visits, and a lane to write to.

``LaneHand`` is the writing end of one lane, shared by all visits of a worker: what several visits store at the same time is one
transaction. ``LaneArchive`` is what one visit sees (``archive.visited.VisitedArchive``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Protocol

from core.archive.catalog import catalog, digests
from core.archive.catalog.messages import Detail
from core.archive.store import intake
from core.archive.store.entries.mail import Deleting
from core.archive.store.lane_chain import LaneEnd
from core.archive.store.lane_writer import LaneIdentity, LaneWriter
from core.archive.store.ledger import Draft, Entry, Head
from core.archive.store.offload import Processes
from core.archive.store.requests import RequestQueue
from core.archive.store.writer import Ready
from core.db.database import Database
from core.errors import DamagedError
from core.message.octets import Bytes
from core.problems import volume as problems
from core.values import dataclass

#: Messages of the lane that are remembered, so that none is stored twice in it: some 100 MB.
MOST_MESSAGES = 1_000_000


class AskedHome(Protocol):
    """The home of the archive, as far as a visit asks it."""

    async def secure(self) -> None:
        """Wait until all that was written is delivered and part of the archive. Raises when this worker was given up."""

    async def prove(self, messages: Sequence[bytes]) -> set[bytes]:
        """Those of ``messages`` that the home has just read back from its disk, whole."""

    async def neighbours(self, database: Database, source: str, validities: Sequence[int]) -> None:
        """Put into the catalog what the home knows of other mailboxes' folders with these UIDVALIDITYs."""


@dataclass(frozen=True, slots=True)
class LaneRequest:
    """A visit's request to write, and the future of its entries."""

    drafts: Sequence[Draft]
    ready: Ready | None
    job: int
    #: SHA-256 of messages that the archive has.
    known: Collection[bytes]
    done: asyncio.Future[tuple[list[Entry], int]]

    @property
    def size(self) -> int:
        return sum(len(message.raw) for message in self.ready.messages) if self.ready else 0


class LaneHand:
    """The writing end of the lane ``lane``. ``jobs``: those that have entries in the open volume."""

    def __init__(self, writer: LaneWriter, lane: LaneIdentity, processes: Processes) -> None:
        self.lane = lane
        self.jobs: set[int] = set()
        #: Raw bytes of messages in the open volume, those included that were known.
        self.bytes = 0
        self._writer = writer
        self._processes = processes
        self._stored: set[bytes] = set()
        self._requests: RequestQueue[LaneRequest] = RequestQueue(self._in_turn, "append to the lane")
        self._turn = asyncio.Lock()

    def expect(self, size: int) -> None:
        """Announce ``size`` bytes of messages."""
        self._processes.expect(size)

    async def prepare(self, raws: Sequence[bytes]) -> Ready:
        """Hash, split, describe and compress messages."""
        volume = self._writer.last
        if (done := await self._processes.prepare(raws, volume)) is not None:
            return Ready(tuple(done[0]), volume, done[1])
        prepared = await asyncio.to_thread(intake.prepare_all, raws)
        return Ready(tuple(prepared), volume, await asyncio.to_thread(intake.parts_of, prepared, ()))

    async def append(
        self, drafts: Sequence[Draft], ready: Ready | None, job: int, known: Collection[bytes]
    ) -> tuple[list[Entry], int]:
        """Store what is ``ready`` and append ``drafts`` of a job; the entries, and the number of their volume.

        ``known``: SHA-256 of messages that the archive has, which are named and not stored. Durable when this returns. A
        cancelled caller's request is still written. Raises ``StorageError``.
        """
        request = LaneRequest(drafts, ready, job, known, asyncio.get_running_loop().create_future())
        await self._requests.put(request)
        return request.done.result()

    async def head(self) -> Head:
        """The last entry of the lane."""
        return await self._writer.head()

    async def seal(self) -> tuple[int, Head, frozenset[int]] | None:
        """Seal the open volume, if it has entries: its number, the last entry, and the jobs that have entries in it."""
        async with self._turn:
            if await self._writer.is_empty():
                return None
            number, jobs = self._writer.last, frozenset(self.jobs)
            self.jobs, self.bytes = set(), 0
            return number, await self._writer.seal(), jobs

    async def close(self) -> None:
        """Write what is still queued."""
        await self._requests.close()

    async def _in_turn(self, group: Sequence[LaneRequest]) -> None:
        async with self._turn:
            await self._write(group)

    async def _write(self, group: Sequence[LaneRequest]) -> None:
        batches = [request.ready for request in group if request.ready]
        messages = [message for ready in batches for message in ready.messages]
        parts = None
        if all(ready.volume == self._writer.last for ready in batches):
            parts = [part for ready in batches for part in ready.parts]
        drafts = [draft for request in group for draft in request.drafts]
        known = self._stored.union(*(request.known for request in group)) if any(one.known for one in group) else self._stored
        appended = await self._writer.write(drafts, messages, parts, known)
        if len(self._stored) < MOST_MESSAGES:
            self._stored |= {message.sha256 for message in messages}
        self.jobs |= {request.job for request in group}
        self.bytes += sum(request.size for request in group)
        rest = iter(appended.entries)
        for request in group:
            if not request.done.done():
                request.done.set_result(([next(rest) for _ in request.drafts], self._writer.last))
            else:
                for _ in request.drafts:
                    next(rest)


class LaneArchive:
    """The archive as the visit of one mailbox sees it: ``database`` has what is known of the mailbox (``known``)."""

    def __init__(self, database: Database, hand: LaneHand, home: AskedHome, job: int) -> None:
        self.database = database
        self._hand = hand
        self._home = home
        self._job = job
        self._turn = asyncio.Lock()

    @property
    def writer(self) -> LaneArchive:
        return self

    def expect(self, size: int) -> None:
        self._hand.expect(size)

    async def prepare(self, raws: Sequence[bytes]) -> Ready:
        return await self._hand.prepare(raws)

    async def append(self, drafts: Sequence[Draft], ready: Ready | None = None) -> list[Entry]:
        """Append to the lane, and to what is known of the mailbox.

        What announces a deletion is part of the archive when this returns: nothing is deleted that the home does not know of.
        """
        async with self._turn:
            details = {one.sha256: Detail(len(one.raw), one.envelope) for one in ready.messages} if ready else {}
            known = await digests.ids(self.database, details)
            entries, volume = await self._hand.append(drafts, ready, self._job, known.keys())
            if entries:
                end = LaneEnd(self._hand.lane.number, self._hand.lane.id, volume, Head(entries[-1].seq, entries[-1].hash))
                async with self.database.transaction() as transaction:
                    await catalog.apply_of_lane(transaction, entries, end, details)
        if any(isinstance(draft.value, Deleting) for draft in drafts):
            await self._home.secure()
        return entries

    async def catch_up(self) -> int:
        """Wait until all that was archived is part of the archive: only that may be deleted on the server."""
        await self._home.secure()
        return 0

    async def meet(self, source: str, validities: Iterable[int]) -> None:
        await self._home.neighbours(self.database, source, sorted(set(validities)))

    async def read_back(self, messages: Collection[bytes]) -> AsyncIterator[tuple[bytes, Bytes | DamagedError]]:
        """Yield each of ``messages`` that the home has read back from its disk, without its bytes; the error of any other.

        The home reads what it fetched from the place that this worker delivered it to.
        """
        wanted = list(dict.fromkeys(messages))
        sound = await self._home.prove(wanted)
        for sha256 in wanted:
            yield sha256, b"" if sha256 in sound else DamagedError(problems.NOT_ARCHIVED(message=sha256.hex()[:16]))
