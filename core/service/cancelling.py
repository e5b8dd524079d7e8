"""Cancelling a run: a running service ends it; without one, it is marked as ended at once."""

from __future__ import annotations

from core.archive.archive import Archive
from core.engine.visit.limits import Limits
from core.errors import BusyError
from core.model import Run
from core.service.lock import ServiceLock, is_running
from core.service.queue import Queue
from core.service.run_work import RunWork


async def cancel(archive: Archive, number: int) -> Run:
    """Request the end of a run; its state then. Without a service it has ended when this returns.

    Raises ``InputError`` (no such run), ``HomeError`` for a backup, ``BusyError`` and ``StorageError``.
    """
    archive.check_writable()
    queue = Queue(archive.database)
    run = await queue.request_cancel(number)
    if run.status.final or is_running(archive.home):
        return run
    lock = ServiceLock(archive.home)
    try:
        lock.acquire()
    except BusyError:
        # A service was just started, and handles it.
        return run
    try:
        run = await queue.run(number)
        if not run.status.final:
            await RunWork(archive, queue, run, Limits()).do()
    finally:
        lock.release()
    return await queue.run(number)
