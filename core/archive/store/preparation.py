"""Gets batches of messages ready to be written: in a process beside this one when there is much to do, else in threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from core.archive.store import intake
from core.archive.store.intake import Part, Prepared
from core.archive.store.offload import Offload, fits
from core.system.tasks import spawn

#: Up to this size a batch is compressed before its turn to be written comes.
COMPRESS_AHEAD_BYTES = 16 * 1024 * 1024
#: A batch of this size means that more is to come, and that a process is worth its start (0.1 s).
WORTH_A_PROCESS = 2 * 1024 * 1024

#: Whoever of the service, the mail server and these has to wait, there is enough to do for two cores.
PROCESSES = 2

logger = logging.getLogger("archivar.archive")


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch that only needs to be written: all its messages, and the parts that ``volume`` did not have yet."""

    messages: tuple[Prepared, ...]
    volume: int
    parts: Iterable[Part]


@dataclass(frozen=True, slots=True)
class Fresh:
    """Those messages of a batch that the archive does not have, and the parts that the open volume has already."""

    messages: list[Prepared]
    volume: int
    known: set[bytes]


Sift = Callable[[Sequence[Prepared]], Awaitable[Fresh]]


class Preparation:
    """``sift`` asks the archive what of a batch is new. The processes live as long as this does."""

    def __init__(self, sift: Sift) -> None:
        self._sift = sift
        self._free: asyncio.Queue[Offload | None] = asyncio.Queue()
        self._alive: set[Offload] = set()
        self._starting: asyncio.Task[None] | None = None

    def expect(self, size: int) -> None:
        """Say that ``size`` bytes are to come: the process starts while the first of them are still on their way."""
        if self._starting is None and size >= WORTH_A_PROCESS:
            self._starting = spawn(self._start(), name="start offload")

    async def prepare(self, raws: Sequence[bytes], volume: int) -> Ready:
        """Hash, split, describe and compress, for ``volume``. Several batches may be on their way at once."""
        self.expect(sum(map(len, raws)))
        if self._starting is not None:
            await self._starting
        if self._alive and fits(raws) and (offload := await self._take()):
            working = spawn(asyncio.to_thread(offload.prepare, raws, volume), name="offload")
            try:
                prepared, parts = await asyncio.shield(working)
            except (OSError, EOFError) as error:
                logger.warning("a process that compresses has ended (%s); going on without it", error or "no reason")
                await self._lose(offload)
            except asyncio.CancelledError:
                # The conversation goes on in its thread, to its end: only then is the process free again.
                working.add_done_callback(lambda _: self._free.put_nowait(offload))
                raise
            else:
                self._free.put_nowait(offload)
                return Ready(tuple(prepared), volume, parts)
        prepared = await asyncio.to_thread(intake.prepare_all, raws)
        fresh = await self._sift(prepared)
        if sum(len(message.raw) for message in fresh.messages) > COMPRESS_AHEAD_BYTES:
            # A message this large is compressed part by part while it is written, so that memory stays flat.
            return Ready(tuple(prepared), fresh.volume, intake.parts(fresh.messages, fresh.known))
        parts = await asyncio.to_thread(intake.parts_of, fresh.messages, fresh.known)
        return Ready(tuple(prepared), fresh.volume, parts)

    async def _take(self) -> Offload | None:
        """A free process; None when the last one has ended."""
        offload = await self._free.get()
        if offload is None:
            self._free.put_nowait(None)
        return offload

    async def _lose(self, offload: Offload) -> None:
        self._alive.discard(offload)
        if not self._alive:
            # Whoever waits for a process need not wait any longer.
            self._free.put_nowait(None)
        await asyncio.to_thread(offload.close)

    async def _start(self) -> None:
        try:
            for _ in range(PROCESSES):
                offload = await asyncio.to_thread(Offload)
                self._alive.add(offload)
                self._free.put_nowait(offload)
        except Exception as error:
            # It is a matter of speed alone: whatever keeps it from starting, a run goes on without it.
            logger.warning("no process for compression: %s", error or type(error).__name__)

    async def close(self) -> None:
        """End the processes."""
        if self._starting is not None:
            await self._starting
        alive, self._alive = self._alive, set()
        for offload in alive:
            await asyncio.to_thread(offload.close)
