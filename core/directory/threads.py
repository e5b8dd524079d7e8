"""Blocking work over a connection, in a thread that can be cancelled at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from core.network import Opening, Report

T = TypeVar("T")


def on_loop(report: Report) -> Report:
    """``report`` for a thread: called on the running loop, in order, and before the thread's result."""
    loop = asyncio.get_running_loop()

    def tell(step: str, text: str) -> None:
        # A closed loop has no one waiting for the report.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(report, step, text)

    return tell


async def in_thread(work: Callable[[Opening], T]) -> T:
    """The result of ``work``. Cancelled, it ends the connection, so that the thread stops waiting."""
    opening = Opening()
    task = asyncio.get_running_loop().run_in_executor(None, work, opening)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        opening.end()
        # Errors of a cancelled thread do not matter.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise
