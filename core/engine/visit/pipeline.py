"""Pipeline of batches from the server to the disk: the next ones are prepared while others are written."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from core.system.tasks import spawn

Batch = TypeVar("Batch")
Prepared = TypeVar("Prepared")

#: One being written and two being prepared keep two cores busy; more would only cost memory.
AHEAD = 3
AHEAD_BYTES = 28 * 1024 * 1024


class Pipeline(Generic[Batch, Prepared]):
    """Runs ``prepare`` and ``write`` for several batches at once; the archive writes waiting ones together."""

    def __init__(
        self,
        prepare: Callable[[Batch], Awaitable[Prepared]],
        write: Callable[[Batch, Prepared], Awaitable[None]],
    ) -> None:
        self._prepare = prepare
        self._write = write
        self._under_way: deque[tuple[asyncio.Task[None], int]] = deque()

    async def submit(self, batch: Batch, size: int, done: Callable[[], None] = lambda: None) -> None:
        """Submit a batch of ``size`` bytes; waits while too much is in progress. Raises the error of an earlier batch.

        ``done`` is called when it has been written, or has failed.
        """
        try:
            await self._make_room(size)
        except BaseException:
            done()
            raise
        self._under_way.append((spawn(self._do(batch, done), name="store"), size))

    async def _make_room(self, size: int) -> None:
        while self._under_way and (
            len(self._under_way) >= AHEAD or size + sum(waiting for _, waiting in self._under_way) > AHEAD_BYTES
        ):
            await self._finish_first()

    async def drain(self) -> None:
        """Wait until all is written, to the end even when cancelled, so that all written batches are counted."""
        while self._under_way:
            await self._finish_first()

    async def _finish_first(self) -> None:
        task, _ = self._under_way[0]
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task for task, _ in self._under_way])
            self._under_way.clear()
            raise
        except BaseException:
            # The others end by themselves, successfully or not.
            await asyncio.wait([task for task, _ in self._under_way])
            for failed, _ in self._under_way:
                failed.exception()
            self._under_way.clear()
            raise
        self._under_way.popleft()

    async def _do(self, batch: Batch, done: Callable[[], None]) -> None:
        try:
            await self._write(batch, await self._prepare(batch))
        finally:
            done()
