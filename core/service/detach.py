"""Starts the service as a process of its own, which outlives the terminal."""

from __future__ import annotations

import asyncio

from core.archive import opening
from core.config import Home
from core.errors import ArchivarError, StorageError
from core.problems.disk import UNMADE
from core.problems.service import NOT_STARTED
from core.service.lock import is_running
from core.system import launch

#: Seconds within which a new service must take its lock.
START_SECONDS = 20.0


async def ensure_running(home: Home, *, launched: bool = False) -> None:
    """Start the service of ``home`` if none is running, unless one was ``launched`` just now, and wait until it is running.

    Raises ``HomeError`` for a backup, ``ReadOnlyError`` where nothing can be written, ``ArchivarError``.
    """
    if is_running(home):
        return
    opening.refuse_unwritable(home)
    if not launched:
        await asyncio.to_thread(_launch, home)
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while not is_running(home):
        if asyncio.get_running_loop().time() > deadline:
            raise ArchivarError(NOT_STARTED(log=str(home.log)))
        await asyncio.sleep(0.02)


def _launch(home: Home) -> None:
    try:
        home.log.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError(UNMADE(path=str(home.log.parent), said=str(error.strerror))) from error
    launch.detached("core.service", [str(home.path)], home.log)
