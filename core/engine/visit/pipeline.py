"""Pipeline of batches from the server to the disk: some are prepared and written while the next ones are fetched."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any

from core.engine.visit.limits import Grant
from core.system.tasks import spawn

#: One being written and two being prepared keep two cores busy; more would only cost memory.
AHEAD = 3
AHEAD_BYTES = 28 * 1024 * 1024


class Pipeline:
    """Works on several batches at once; the archive writes waiting ones together."""

    def __init__(self) -> None:
        self._under_way: deque[tuple[asyncio.Task[None], int]] = deque()

    async def submit(self, work: Coroutine[Any, Any, None], size: int, grant: Grant) -> None:
        """Start the work on a batch of ``size`` bytes; waits while too much is in progress. Raises the error of earlier work.

        ``grant`` is released when the work has ended, or cannot begin.
        """
        try:
            await self._make_room(size)
        except BaseException:
            work.close()
            grant.release()
            raise
        task = spawn(work, name="store")
        task.add_done_callback(lambda _: grant.release())
        self._under_way.append((task, size))

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
