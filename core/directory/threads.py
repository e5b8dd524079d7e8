"""Blocking work with a connection, in a thread that can be called off at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from core.network import Opening, Report

T = TypeVar("T")


def on_loop(report: Report) -> Report:
    """``report`` for a thread: called on the running loop, in order, and before what the thread gives comes back."""
    loop = asyncio.get_running_loop()

    def tell(step: str, text: str) -> None:
        # A loop that is closed has nobody left who would want to know.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(report, step, text)

    return tell


async def in_thread(work: Callable[[Opening], T]) -> T:
    """What ``work`` gives. Cancelled, its connection is ended, so that the thread waits for nobody."""
    opening = Opening()
    task = asyncio.get_running_loop().run_in_executor(None, work, opening)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        opening.end()
        # What the thread meets now is nobody's concern any more.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise
