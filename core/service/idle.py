"""Waiting for the runs of a profile to end, for work that must not disturb them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.archive.archive import Archive
from core.service.lock import is_running
from core.service.queue import Queue

#: Seconds between two looks at the queue.
TICK_SECONDS = 0.5


async def until_idle(archive: Archive, profile: str, say: Callable[[str], None] = lambda text: None) -> None:
    """Wait until no run of ``profile`` is active or queued; ``say`` gets one message about the wait.

    Without a service no run continues, whatever the queue says.
    """
    queue, told = Queue(archive.database), 0
    while is_running(archive.home):
        active = next((run for run in await queue.active() if run.profile.casefold() == profile.casefold()), None)
        if active is None:
            break
        if told != active.id:
            told = active.id
            say(f"Waiting for the end of run {active.id} of {active.profile}.")
        await asyncio.sleep(TICK_SECONDS)
    # Its archived messages are known from here on.
    await archive.catch_up()
