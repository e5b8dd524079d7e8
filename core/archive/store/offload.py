"""Processes beside the service that hash, split, describe and compress, so that a second core is used.

Threads do not do it: between hashing and compressing there are ten moments a message at which they wait for the interpreter
lock, which took a third of the time. Raw and compressed bytes pass through shared memory, all else through a socket. When a
process dies, its batch is prepared in the service; when the last one has died, so is every later batch. Only speed depends on
them.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from core.archive.store import preparing
from core.archive.store.intake import Piece, PreparedMessage, StoredPart
from core.archive.store.preparing import BYTES, LENGTH
from core.message.envelope import Envelope
from core.system import launch
from core.system.process import is_stopped
from core.system.tasks import spawn

logger = logging.getLogger("archivar.archive")

#: A batch of this size in bytes promises more, and is worth the start of a process (0.05 s).
WORTH_A_PROCESS = 2 * 1024 * 1024
#: Two processes keep two cores busy while the service or the mail server waits.
PROCESSES = 2
#: Seconds between looks at a process that does not answer, and looks in a row that must find it stopped.
LOOK_SECONDS, STOPPED_LOOKS = 1.0, 2
#: Seconds within which an idle process ends before it is killed.
END_SECONDS = 3.0


class Offload:
    """One process. ``prepare`` blocks, and is for one thread at a time."""

    def __init__(self) -> None:
        self._stopped = 0
        ours, theirs = socket.socketpair()
        files = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("archivar-raw", "archivar-parts")]
        try:
            for file in files:
                os.ftruncate(file, BYTES)
            self._raw, self._packed = (mmap.mmap(file, BYTES) for file in files)
            passed = [theirs.fileno(), *files]
            # It ends when the socket closes.
            self._process = launch.beside("core.archive.store.preparing", [*map(str, passed)], pass_fds=passed)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            for file in files:
                os.close(file)
        # The interval at which the process is checked for life.
        ours.settimeout(LOOK_SECONDS)
        self._socket = ours

    @property
    def pid(self) -> int:
        return self._process.pid

    def prepare(self, raws: Sequence[bytes], volume: int) -> tuple[list[PreparedMessage], list[StoredPart]]:
        """Hash, split, describe and compress. Raises ``OSError`` or ``EOFError`` when the process is gone.

        Large parts that were sent before for the same ``volume`` are left out, since they should be there.
        """
        sizes = [len(raw) for raw in raws]
        at = 0
        for raw in raws:
            self._raw[at : at + len(raw)] = raw
            at += len(raw)
        self._socket.sendall(preparing.packed((volume, sizes)))
        described, packed = preparing.unpacked(_exactly(self._socket, self._length(), self._look))
        prepared = [
            PreparedMessage(raw, sha256, tuple(map(Piece._make, pieces)), Envelope._make(envelope), canonical)
            for raw, (sha256, pieces, envelope, canonical) in zip(raws, described, strict=True)
        ]
        parts = [StoredPart(sha256, codec, size, self._packed[start:end]) for sha256, codec, size, start, end in packed]
        return prepared, parts

    def _length(self) -> int:
        return int.from_bytes(_exactly(self._socket, LENGTH, self._look), "big")

    def _look(self) -> None:
        """Raise ``TimeoutError`` when the process was stopped (SIGSTOP): a run would wait for it without end."""
        self._stopped = self._stopped + 1 if is_stopped(self.pid) else 0
        if self._stopped >= STOPPED_LOOKS:
            raise TimeoutError(f"process {self.pid} was stopped")

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        try:
            self._process.wait(0 if is_stopped(self.pid) else END_SECONDS)
        except subprocess.TimeoutExpired:
            # Stopped, or in the middle of a batch that was cancelled.
            self._process.kill()
            self._process.wait()
        self._raw.close()
        self._packed.close()


class Processes:
    """The processes of one archive, started for large batches; they live until ``close``."""

    def __init__(self) -> None:
        self._free: asyncio.Queue[Offload | None] = asyncio.Queue()
        self._alive: set[Offload] = set()
        self._starting: asyncio.Task[None] | None = None

    def expect(self, size: int) -> None:
        """Announce ``size`` bytes: the processes start while the first of them are still being fetched."""
        if self._starting is None and size >= WORTH_A_PROCESS:
            self._starting = spawn(self._start(), name="start offload")

    async def prepare(self, raws: Sequence[bytes], volume: int) -> tuple[list[PreparedMessage], list[StoredPart]] | None:
        """Hash, split, describe and compress, for ``volume``; None when no process is available.

        Several batches may be prepared at once.
        """
        self.expect(sum(map(len, raws)))
        if self._starting is not None:
            await self._starting
        if not self._alive or not fits(raws) or not (offload := await self._take()):
            return None
        working = spawn(asyncio.to_thread(offload.prepare, raws, volume), name="offload")
        try:
            done = await asyncio.shield(working)
        except (OSError, EOFError) as error:
            logger.warning("a process that compresses has ended (%s); going on without it", error or "no reason")
            await self._lose(offload)
            return None
        except asyncio.CancelledError:
            # The exchange ends in its thread even after a cancellation: only then is the process free again.
            working.add_done_callback(partial(self._ended, offload))
            raise
        except BaseException:
            # Its answer may still be on its way, and would be taken for that to the next batch.
            await self._lose(offload)
            raise
        self._free.put_nowait(offload)
        return done

    def _ended(self, offload: Offload, working: asyncio.Task[Any]) -> None:
        """Free a process after a cancelled batch, or end it when that failed."""
        if working.cancelled() or working.exception() is not None:
            spawn(self._lose(offload), name="end offload")
        else:
            self._free.put_nowait(offload)

    async def _take(self) -> Offload | None:
        """A free process; None when the last one has ended."""
        offload = await self._free.get()
        if offload is None:
            self._free.put_nowait(None)
        return offload

    async def _lose(self, offload: Offload) -> None:
        self._alive.discard(offload)
        if not self._alive:
            # Wakes callers that wait for a process.
            self._free.put_nowait(None)
        await asyncio.to_thread(offload.close)

    async def _start(self) -> None:
        try:
            for _ in range(PROCESSES):
                offload = await asyncio.to_thread(Offload)
                self._alive.add(offload)
                self._free.put_nowait(offload)
        except Exception as error:
            # Only speed depends on it: a run goes on without the process.
            logger.warning("no process for compression: %s", error or type(error).__name__)

    async def close(self) -> None:
        """End the processes."""
        if self._starting is not None:
            await self._starting
        alive, self._alive = self._alive, set()
        for offload in alive:
            await asyncio.to_thread(offload.close)


def fits(raws: Sequence[bytes]) -> bool:
    """True when a batch fits into the shared memory. Parts are never larger than what they were made from."""
    return sum(map(len, raws)) <= BYTES


def _exactly(connection: socket.socket, count: int, look: Callable[[], None]) -> bytes:
    found = bytearray()
    while len(found) < count:
        try:
            data = connection.recv(min(count - len(found), 1 << 20))
        except TimeoutError:
            look()
            continue
        if not data:
            raise EOFError("the other side is gone")
        found += data
    return bytes(found)
