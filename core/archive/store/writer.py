"""Writes to the archive: makes messages ready, and appends those of all who wait together. Volume first, catalog second.

A transaction costs the same whether it holds a batch of one mailbox or of four, and on a disk most of it is waiting. What
comes while one is being written waits for it, and is written with all that came meanwhile, in the order in which it came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.archive.store import intake
from core.archive.store.entries.upkeep import Repaired, RepairedMessage
from core.archive.store.intake import Part, Prepared
from core.archive.store.ledger import Draft, Entry
from core.archive.store.offload import Processes
from core.archive.store.volume import Incomplete, Sealed, Volume
from core.archive.store.volumes import Volumes
from core.system.tasks import spawn

#: Up to this size a batch is compressed before its turn to be written comes.
COMPRESS_AHEAD_BYTES = 16 * 1024 * 1024
#: Raw bytes that are written in one transaction, if more than one batch waits.
GROUP_BYTES = 16 * 1024 * 1024


class Projection(Protocol):
    """The catalog, as far as writing needs it."""

    async def known(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of ``digests`` that are in the archive."""

    async def lost(self, digests: Sequence[bytes]) -> list[bytes]:
        """Those of ``digests`` that the archive lists and cannot give out."""

    async def mended(self, digests: Sequence[bytes]) -> None:
        """Forget the damage of messages that were stored anew."""

    async def told(self, drafts: Sequence[Draft], forms: Mapping[bytes, bytes]) -> list[Draft]:
        """The drafts as the ledger has them, with what only the catalog knows; ``forms``: messages as they are with CRLF."""

    async def apply(self, entries: Sequence[Entry], volume: int, fresh: Mapping[bytes, Prepared]) -> None:
        """Follow the ledger up to ``entries``; of the messages that came with them ``fresh`` are new in the volume."""

    async def volume_bytes(self) -> int:
        """The size at which a volume is sealed."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch that only needs to be written: all its messages, and the parts that ``volume`` did not have yet."""

    messages: tuple[Prepared, ...]
    volume: int
    parts: Iterable[Part]


@dataclass(frozen=True, slots=True)
class Request:
    """A caller's wish to have something written, and the future of its entries."""

    drafts: Sequence[Draft]
    ready: Ready | None
    done: asyncio.Future[list[Entry]]
    #: Its messages are written although the archive has them: what it has is damaged.
    anew: bool = False

    @property
    def size(self) -> int:
        return sum(len(message.raw) for message in self.ready.messages) if self.ready else 0


class Writer:
    """Appends to ``volumes``, and has the ``projection`` follow. All that a process writes to an archive goes through one."""

    def __init__(self, volumes: Volumes, projection: Projection) -> None:
        self._volumes = volumes
        self._projection = projection
        self._processes = Processes()
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Wait until nothing waits to be written any more, and end the processes."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])
        await self._processes.close()

    # Making ready ----------------------------------------------------------------------------------------------------------

    def expect(self, size: int) -> None:
        """Say that ``size`` bytes of messages are about to come."""
        self._processes.expect(size)

    async def prepare(self, raws: Sequence[bytes]) -> Ready:
        """Do all that can be done with messages before they are written: hash, split, describe, compress.

        Several batches may be prepared at once while another is written.
        """
        volume = self._volumes.last
        if (done := await self._processes.prepare(raws, volume)) is not None:
            return Ready(tuple(done[0]), volume, done[1])
        prepared = await asyncio.to_thread(intake.prepare_all, raws)
        known = await self._projection.known([message.sha256 for message in prepared])
        fresh = list({message.sha256: message for message in prepared if message.sha256 not in known}.values())
        volume = self._volumes.last
        # Small parts hardly ever repeat; those that do are dropped when written.
        large = {piece.sha256 for message in fresh for piece in message.pieces if piece.end - piece.start >= intake.LARGE}
        there = await (await self._volumes.at(volume)).known_parts(list(large))
        if sum(len(message.raw) for message in fresh) > COMPRESS_AHEAD_BYTES:
            # A message this large is compressed part by part while it is written, so that memory stays flat.
            return Ready(tuple(prepared), volume, intake.parts(fresh, there))
        return Ready(tuple(prepared), volume, await asyncio.to_thread(intake.parts_of, fresh, there))

    # Writing ---------------------------------------------------------------------------------------------------------------

    async def append(self, drafts: Sequence[Draft], ready: Ready | None = None) -> list[Entry]:
        """Store what is ``ready`` and append ``drafts``; durable when this returns, and in the catalog.

        Messages that the archive has already are not written again, unless what it has cannot be read: these are first.
        Cancelled while it waits, it is written all the same. Raises ``StorageError``, ``BusyError``: then nothing else was
        written, or all of it is in the volume and the catalog catches up with it at the next chance. Raises ``DamagedError``,
        and ``HomeError`` for a backup, which would be no copy any more.
        """
        self._volumes.check_usable()
        if ready is not None and ready.messages:
            await self.mend({message.sha256: message.raw for message in ready.messages}, "it came once more")
        return await self._append(drafts, ready)

    async def mend(self, raws: Mapping[bytes, bytes], origin: str, actor: str = "archivar") -> int:
        """Store those of ``raws``, by SHA-256, anew that are lost; how many. ``origin``: where they came from, for the ledger.

        Without this a message whose volume is damaged or missing would count as there already, and its bytes would be let go.
        Raises as ``append`` does.
        """
        wrong = await self._projection.lost(list(raws))
        if wrong:
            messages = tuple(RepairedMessage(sha256, len(raws[sha256]), origin) for sha256 in wrong)
            await self.renew(Draft(Repaired(messages), actor), [raws[sha256] for sha256 in wrong])
            await self._projection.mended(wrong)
        return len(wrong)

    async def renew(self, draft: Draft, raws: Sequence[bytes]) -> Entry:
        """Store messages once more, since what the archive has of them is damaged; ``draft`` is the entry that says so.

        They go into a volume that has nothing damaged of theirs, the next one if need be. Raises as ``append`` does.
        """
        self._volumes.check_usable()
        messages = await asyncio.to_thread(intake.prepare_all, raws)
        # Made once and kept: whether a volume can take them is asked before, and another may be begun.
        parts = await asyncio.to_thread(intake.parts_of, messages, ())
        [entry] = await self._append([draft], Ready(tuple(messages), self._volumes.last, parts), anew=True)
        return entry

    async def restate(self, drafts: Sequence[Draft]) -> None:
        """Append to a volume of which the catalog has seen more than there is; the catalog is made anew afterwards."""
        await self._to_volume(await self._projection.told(drafts, {}), (), {}, ())

    async def _append(self, drafts: Sequence[Draft], ready: Ready | None, *, anew: bool = False) -> list[Entry]:
        self._volumes.check_usable()
        request = Request(drafts, ready, asyncio.get_running_loop().create_future(), anew)
        # Whoever was cancelled asks no more; then nobody else would look at the error.
        request.done.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting.append(request)
        if self._task is None or self._task.done():
            self._task = spawn(self._write_all(), name="append")
        return await asyncio.shield(request.done)

    async def _write_all(self) -> None:
        while self._waiting:
            groups = deque([self._group()])
            while groups:
                group = groups.popleft()
                try:
                    await self._write(group)
                except Exception as error:
                    if len(group) == 1:
                        group[0].done.set_exception(error)
                    else:
                        # One of them may be the reason; the others are not to suffer for it.
                        groups.extend([request] for request in group)

    def _group(self) -> list[Request]:
        """Take what is written in one transaction from what waits."""
        group = [self._waiting.popleft()]
        size = group[0].size
        while self._waiting and size + self._waiting[0].size <= GROUP_BYTES:
            size += self._waiting[0].size
            group.append(self._waiting.popleft())
        return group

    async def _write(self, group: Sequence[Request]) -> None:
        """Write what several asked for, in one transaction of the volume and one of the catalog."""
        batches = [request.ready for request in group if request.ready]
        messages = {message.sha256: message for ready in batches for message in ready.messages}
        known = await self._projection.known(list(messages))
        anew = [message for request in group if request.anew and request.ready for message in request.ready.messages]
        fresh = {sha256: message for sha256, message in messages.items() if sha256 not in known}
        fresh |= {message.sha256: message for message in anew}
        forms = {sha256: message.canonical for sha256, message in messages.items() if message.canonical}
        drafts = await self._projection.told([draft for request in group for draft in request.drafts], forms)
        number, entries = await self._to_volume(drafts, batches, fresh, anew)
        await self._projection.apply(entries, number, fresh)
        rest = iter(entries)
        for request in group:
            request.done.set_result([next(rest) for _ in request.drafts])

    async def _to_volume(
        self, drafts: Sequence[Draft], batches: Sequence[Ready], fresh: Mapping[bytes, Prepared], anew: Sequence[Prepared]
    ) -> tuple[int, list[Entry]]:
        """Append ``drafts`` and the ``fresh`` messages of ``batches`` to the last volume, or the next one; its number, and the
        entries. ``anew``: messages of which the volume must have nothing yet."""
        messages = list(fresh.values())
        # Parts of messages that the archive has already are not wanted: they would lie in the volume for nothing.
        wanted = {piece.sha256 for message in messages for piece in message.pieces}
        made_for = {ready.volume for ready in batches}
        parts: Iterable[Part] = (part for ready in batches for part in ready.parts if part.sha256 in wanted)
        while True:
            volume = await self._volumes.at(self._volumes.last)
            if await volume.is_sealed() or await self._is_full(volume) or await volume.spoils(anew):
                # Before anything is written: when the next volume cannot be made, nothing was.
                await self._volumes.next(volume)
                continue
            if made_for - {self._volumes.last}:
                # Another volume was begun in between: it has none of the parts that were left out as known.
                parts, made_for = intake.parts(messages, ()), set()
            try:
                return volume.meta.number, await volume.append(drafts, messages, parts)
            except Incomplete:
                # A part that was left out as known did not get into the volume: a batch before this one failed.
                parts, made_for = intake.parts(messages, ()), set()
            except Sealed:
                parts, made_for = intake.parts(messages, ()), set()
                await self._volumes.next(volume)

    async def _is_full(self, volume: Volume) -> bool:
        if await volume.size() < await self._projection.volume_bytes():
            return False
        # A volume holds one entry at least, however small the limit.
        return (await volume.head()).seq > volume.meta.previous.seq
