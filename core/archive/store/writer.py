"""The writer of the archive: prepares messages, and appends the batches of all callers together. Volume first, catalog second.

A transaction costs the same for a batch of one mailbox or of four, and most of it is waiting for the disk. Requests that come
during a transaction wait, and are written together in the next one, in their order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from core.archive.store import intake
from core.archive.store.entries.upkeep import Repaired, RepairedMessage
from core.archive.store.intake import PreparedMessage, StoredPart
from core.archive.store.ledger import Draft, Entry
from core.archive.store.offload import Processes
from core.archive.store.requests import RequestQueue
from core.archive.store.volume import Sealed
from core.archive.store.volume_rows import AppendedRows, Incomplete
from core.archive.store.volumes import Volumes
from core.values import dataclass

#: Up to this size in bytes a batch is compressed before its turn to be written.
COMPRESS_AHEAD_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Present:
    """Messages and parts that the catalog has of a batch, by SHA-256: the volumes of ``messages``, and the ids of ``parts``.

    The parts are those of ``volume``, the open one; ``volume_bytes`` is the size at which a volume is sealed.
    """

    messages: Mapping[bytes, int]
    volume: int
    parts: Mapping[bytes, int]
    volume_bytes: int


class Projection(Protocol):
    """The catalog, as far as writing needs it."""

    async def present(self, wanted: Sequence[bytes], volume: int, pieces: Collection[bytes]) -> Present:
        """The messages and parts that the catalog has, by SHA-256, looked up at once."""

    async def lost(self, wanted: Sequence[bytes]) -> list[bytes]:
        """Those of ``wanted`` that the archive lists but cannot read."""

    async def unreadable(self, places: Mapping[bytes, int]) -> list[bytes]:
        """Those messages of ``places``, the numbers of their volumes by SHA-256, that cannot be read."""

    async def mended(self, renewed: Sequence[bytes]) -> None:
        """Forget the damage of messages that were stored anew."""

    async def told(self, drafts: Sequence[Draft], forms: Mapping[bytes, bytes]) -> list[Draft]:
        """The drafts completed from the catalog; ``forms``: SHA-256 of messages' CRLF forms."""

    async def apply(self, appended: AppendedRows, volume: int, fresh: Mapping[bytes, PreparedMessage]) -> None:
        """Follow the ledger up to what was ``appended``; ``fresh`` are its messages that are new in the volume."""

    async def catch_up(self) -> int:
        """Apply what the ledger has and the catalog has not."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch ready to be written: all its messages, and the parts that ``volume`` did not have."""

    messages: tuple[PreparedMessage, ...]
    volume: int
    parts: Iterable[StoredPart]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Messages that are written in one transaction: the ``fresh`` ones of what was made ready, and what was ``present``."""

    fresh: Mapping[bytes, PreparedMessage]
    ready: Sequence[Ready]
    present: Present


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A caller's request to write, and the future of its entries."""

    drafts: Sequence[Draft]
    ready: Ready | None
    done: asyncio.Future[list[Entry]]
    #: Write its messages although the archive has them: the copies there are damaged.
    anew: bool = False
    #: Those of its messages that the archive could not read were renewed before.
    mended: bool = False

    @property
    def size(self) -> int:
        return sum(len(message.raw) for message in self.ready.messages) if self.ready else 0


class _Lost(Exception):
    """The archive lists these messages of a request and cannot read them: they are renewed first. Nothing was written."""

    def __init__(self, digests: Sequence[bytes]) -> None:
        super().__init__()
        self.digests = digests


class Writer:
    """The one writer of a process: appends to ``volumes``, then has the ``projection`` follow."""

    def __init__(self, volumes: Volumes, projection: Projection) -> None:
        self._volumes = volumes
        self._projection = projection
        self._processes = Processes()
        #: The catalog could not follow the last transaction.
        self._behind = False
        self._requests: RequestQueue[WriteRequest] = RequestQueue(self._write, "append")

    async def close(self) -> None:
        """Write what is still queued, and end the processes."""
        await self._requests.close()
        await self._processes.close()

    # Making ready ----------------------------------------------------------------------------------------------------------

    def expect(self, size: int) -> None:
        """Announce ``size`` bytes of messages."""
        self._processes.expect(size)

    async def prepare(self, raws: Sequence[bytes]) -> Ready:
        """Prepare messages as far as that is possible before they are written: hash, split, describe, compress.

        Several batches may be prepared at once while another is written.
        """
        volume = self._volumes.last
        if (done := await self._processes.prepare(raws, volume)) is not None:
            return Ready(tuple(done[0]), volume, done[1])
        prepared = await asyncio.to_thread(intake.prepare_all, raws)
        volume = self._volumes.last
        # Small parts hardly ever repeat; those that do are dropped when written.
        pieces = intake.shared(prepared, intake.LARGE)
        present = await self._projection.present([message.sha256 for message in prepared], volume, pieces)
        there = present.parts
        fresh = list({message.sha256: message for message in prepared if message.sha256 not in present.messages}.values())
        if sum(len(message.raw) for message in fresh) > COMPRESS_AHEAD_BYTES:
            # A message this large is compressed part by part while it is written, so that memory stays flat.
            return Ready(tuple(prepared), volume, intake.parts(fresh, there))
        return Ready(tuple(prepared), volume, await asyncio.to_thread(intake.parts_of, fresh, there))

    # Writing ---------------------------------------------------------------------------------------------------------------

    async def append(self, drafts: Sequence[Draft], ready: Ready | None = None, *, anew: bool = False) -> list[Entry]:
        """Store what is ``ready`` and append ``drafts``; durable when this returns, and in the catalog.

        Messages that the archive has are not written again, unless their copies cannot be read: those are renewed first. A
        cancelled caller's request is still written. Raises ``StorageError``, ``BusyError``: then nothing else was written, or
        all of it is in the volume and the catalog catches up at the next chance. Raises ``DamagedError``, and ``HomeError`` for
        a backup.

        ``anew``: the messages are written although the archive has them (``renew``).
        """
        try:
            return await self._request(WriteRequest(drafts, ready, asyncio.get_running_loop().create_future(), anew))
        except _Lost as lost:
            messages = {message.sha256: message.raw for message in ready.messages} if ready else {}
            await self.mend({sha256: messages[sha256] for sha256 in lost.digests}, "it came once more")
        return await self._request(WriteRequest(drafts, ready, asyncio.get_running_loop().create_future(), mended=True))

    async def _request(self, request: WriteRequest) -> list[Entry]:
        self._volumes.check_usable()
        await self._requests.put(request)
        return request.done.result()

    async def mend(self, raws: Mapping[bytes, bytes], origin: str, actor: str = "archivar") -> int:
        """Store anew those of ``raws``, by SHA-256, that are lost; their number. ``origin``: their source, for the ledger.

        Without this a message whose volume is damaged or missing would count as archived, and the fetched bytes would be
        dropped. Raises as ``append`` does.
        """
        wrong = await self._projection.lost(list(raws))
        if wrong:
            messages = tuple(RepairedMessage(sha256, len(raws[sha256]), origin) for sha256 in wrong)
            await self.renew(Draft(Repaired(messages), actor), [raws[sha256] for sha256 in wrong])
            await self._projection.mended(wrong)
        return len(wrong)

    async def renew(self, draft: Draft, raws: Sequence[bytes]) -> Entry:
        """Store messages once more, whose copies are damaged; ``draft`` is the entry that says so.

        They go into a volume that has nothing damaged of theirs, the next one if need be. Raises as ``append`` does.
        """
        self._volumes.check_usable()
        messages = await asyncio.to_thread(intake.prepare_all, raws)
        # Compressed once and kept: whether a volume can take them is checked first, and another may be begun.
        parts = await asyncio.to_thread(intake.parts_of, messages, ())
        [entry] = await self.append([draft], Ready(tuple(messages), self._volumes.last, parts), anew=True)
        return entry

    async def restate(self, drafts: Sequence[Draft]) -> None:
        """Append to a volume that has lost entries which the catalog has applied; the catalog is made anew afterwards."""
        present = await self._projection.present((), self._volumes.last, ())
        await self._to_volume(await self._projection.told(drafts, {}), _Batch({}, (), present))

    async def _write(self, group: Sequence[WriteRequest]) -> None:
        """Write several requests in one transaction of the volume and one of the catalog."""
        if self._behind:
            # Messages that the catalog does not have yet would be stored again.
            await self._projection.catch_up()
            self._behind = False
        batches = [request.ready for request in group if request.ready]
        messages = {message.sha256: message for ready in batches for message in ready.messages}
        present = await self._projection.present(list(messages), self._volumes.last, intake.shared(messages.values()))
        anew = [message for request in group if request.anew and request.ready for message in request.ready.messages]
        if any(not (request.anew or request.mended) for request in group):
            await self._check(messages, present, anew)
        fresh = {sha256: message for sha256, message in messages.items() if sha256 not in present.messages}
        fresh |= {message.sha256: message for message in anew}
        forms = {sha256: message.canonical for sha256, message in messages.items() if message.canonical}
        drafts = await self._projection.told([draft for request in group for draft in request.drafts], forms)
        number, appended = await self._to_volume(drafts, _Batch(fresh, batches, present), anew)
        try:
            await self._projection.apply(appended, number, fresh)
        except Exception as error:
            # All of it is in the volume: tried once more, it would be written twice.
            self._behind = True
            for request in group:
                request.done.set_exception(error)
            return
        rest = iter(appended.entries)
        for request in group:
            request.done.set_result([next(rest) for _ in request.drafts])

    async def _check(self, messages: Iterable[bytes], present: Present, anew: Iterable[PreparedMessage]) -> None:
        """Raise ``_Lost`` for messages that would count as archived, although the archive cannot read them."""
        renewed = {message.sha256 for message in anew}
        places = {sha256: number for sha256, number in present.messages.items() if sha256 not in renewed}
        if places and (lost := await self._projection.unreadable(places)):
            raise _Lost(lost)

    async def _to_volume(
        self, drafts: Sequence[Draft], batch: _Batch, anew: Sequence[PreparedMessage] = ()
    ) -> tuple[int, AppendedRows]:
        """Append ``drafts`` and the fresh messages of ``batch`` to the last volume or the next; its number, the rows.

        ``anew``: messages of which the volume must have nothing yet.
        """
        messages = list(batch.fresh.values())
        # Parts that only archived messages use are dropped: nothing in the volume would refer to them.
        wanted = {piece.sha256 for message in messages for piece in message.pieces}
        made_for = {ready.volume for ready in batch.ready}
        parts: Iterable[StoredPart] = (part for ready in batch.ready for part in ready.parts if part.sha256 in wanted)
        self._volumes.finish_sealed()
        while True:
            volume = await self._volumes.at(self._volumes.last)
            # It need not be the last one for long: another process may begin the next.
            with volume.used():
                taken = anew and await volume.records([message.sha256 for message in anew])
                # A volume of format 1 is written to no more.
                if taken or volume.meta.is_old or await volume.takes_no_more(batch.present.volume_bytes):
                    # Begun first: when the next volume cannot be made, nothing was written.
                    await self._volumes.next(volume)
                    continue
                if made_for - {self._volumes.last}:
                    # Another volume was begun since: it has none of the parts left out as known.
                    parts, made_for = intake.parts(messages, ()), set()
                try:
                    # What is written anew uses no part of what may be damaged.
                    known = {} if anew or volume.meta.number != batch.present.volume else batch.present.parts
                    return volume.meta.number, await volume.append(drafts, messages, parts, known)
                except Incomplete:
                    # A part left out as known did not get into the volume: an earlier batch failed.
                    parts, made_for = intake.parts(messages, ()), set()
                except Sealed:
                    parts, made_for = intake.parts(messages, ()), set()
                    await self._volumes.next(volume)
