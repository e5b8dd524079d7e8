"""Waking of a process when PostgreSQL has something for it: it does not wait until its next look.

Nothing depends on it: what a bell did not tell, as behind a proxy that passes no notifications on, is found by looking.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from core.cluster.postgres import AGAIN_SECONDS, AwayError, Postgres
from core.system.tasks import spawn

#: The channel of the home, and that of all workers; the queue tells of new jobs on one of its own.
HOME, WORKERS, JOBS = "archivar_home", "archivar_worker", "procrastinate_any_queue_v1"


class Bell:
    """A bell that others ring: ``rings`` counts, so that none is missed between a look and the wait after it."""

    def __init__(self) -> None:
        self.rings = 0
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake all that wait."""
        self.rings += 1
        self._rung.set()
        self._rung = asyncio.Event()

    async def wait(self, seconds: float, since: int) -> None:
        """Wait for a ring after the first ``since`` ones, at most for ``seconds``."""
        if self.rings == since:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._rung.wait(), seconds)


@asynccontextmanager
async def listening(database: Postgres, bell: Bell, channels: Sequence[str], session: int | None = None) -> AsyncIterator[None]:
    """Context in which ``bell`` rings for what is told on ``channels``; of the workers' only what is for ``session``."""

    def heard(channel: str, told: str) -> None:
        if channel != WORKERS or told == str(session):
            bell.ring()

    async def listen() -> None:
        while True:
            with suppress(AwayError):
                await database.listen(channels, heard)
            await asyncio.sleep(AGAIN_SECONDS)

    task = spawn(listen(), name="listen")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
