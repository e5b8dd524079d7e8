"""A copy of a volume by its pages, some at a time: the quickest one of a file that others may write to between two pieces."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event

from core import files
from core.archive.store.volume import Volume
from core.archive.store.volume_format import PAGE_BYTES
from core.db.database import translated

#: Times that a copy begins anew after another process has written.
RESTARTS = 2
#: Seconds between two tries to read while another process writes.
PAUSE = 0.005

Tick = Callable[[int], None]


class _GivenUp(Exception):
    """The file is written to again and again while it is copied, or the task that waited for the copy was cancelled."""


async def copy(volume: Volume, target: Path, piece: int, tick: Tick) -> bool:
    """Write the pages of ``volume`` to the new file ``target``, not synced; False when the file was written to each time.

    About ``piece`` bytes are read at once. ``tick`` is called with the bytes of each piece, and with less than none where they
    do not count any more. Raises ``StorageError``.
    """
    loop, stopped = asyncio.get_running_loop(), Event()
    counted = 0

    def told(size: int) -> None:
        nonlocal counted
        counted += size
        tick(size)

    def tell(size: int) -> None:
        loop.call_soon_threadsafe(told, size)

    try:
        whole = await volume.database.job(partial(_copy, target, piece, tell, stopped))
    finally:
        stopped.set()
    # What the thread has told is called before this goes on.
    await asyncio.sleep(0)
    if not whole:
        tick(-counted)
    return whole


def _copy(target: Path, piece: int, told: Tick, stopped: Event, connection: sqlite3.Connection) -> bool:
    done, left = 0, RESTARTS

    def progress(status: int, remaining: int, total: int) -> None:
        nonlocal done, left
        more, done = total - remaining - done, total - remaining
        told(more * PAGE_BYTES)
        # Begun anew; while another process writes, there is nothing more either.
        left -= more <= 0 and status in (sqlite3.SQLITE_OK, sqlite3.SQLITE_DONE)
        if left < 0 or stopped.is_set():
            raise _GivenUp

    with translated(target):
        files.create(target, b"")
        with closing(sqlite3.connect(target, isolation_level=None)) as copied:
            for pragma in ("synchronous = OFF", "journal_mode = OFF"):
                copied.execute(f"PRAGMA {pragma}")
            try:
                connection.backup(copied, pages=max(piece // PAGE_BYTES, 1), progress=progress, sleep=PAUSE)
            except _GivenUp:
                return False
    return True


async def is_whole(volume: Volume) -> bool:
    """True when the trees of a copy are in order: pages are copied whatever is on them."""
    return volume.fault is None and await volume.database.value("PRAGMA quick_check(1)") == "ok"
