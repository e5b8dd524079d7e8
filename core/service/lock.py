"""The lock that makes the service of a home the only one. The kernel drops it when its holder dies, however it dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from core import files
from core.config import Home
from core.errors import BusyError, StorageError
from core.problems.disk import UNWRITTEN
from core.problems.service import ALREADY_RUNNING

#: Somebody who only asks holds the lock for microseconds; a service waits that out.
PATIENCE_SECONDS = 2.0


class ServiceLock:
    """Held from ``acquire`` to ``release``, or to the end of the process. The file holds the process id of its holder."""

    def __init__(self, home: Home) -> None:
        self._path = home.lock
        self._descriptor = -1

    def acquire(self) -> None:
        """Raises ``BusyError`` when another service holds it."""
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(UNWRITTEN(path=str(self._path), said=str(error.strerror))) from error
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            if files.try_lock(self._descriptor):
                self._sign()
                return
            if time.monotonic() > deadline:
                self.release()
                raise BusyError(ALREADY_RUNNING(home=str(self._path.parent)))
            time.sleep(0.01)

    def _sign(self) -> None:
        with suppress(OSError):
            # A full disk is no reason not to serve.
            os.truncate(self._descriptor, 0)
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def beat(self) -> None:
        """Give a sign of life, which costs nothing and needs no database."""
        if self._descriptor >= 0:
            with suppress(OSError):
                # On a disk that cannot be written there is none.
                os.utime(self._descriptor)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def is_running(home: Home) -> bool:
    """Is a service alive for this home?"""
    try:
        descriptor = os.open(home.lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not files.try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def end_holder(home: Home) -> bool:
    """Ask the process that holds the lock to end, by a signal, which needs nothing to be written; False when none is found.

    The kernel's list of locks names it; what a process has open is hidden where it keeps others from looking in (``guard``).
    """
    pid = next(_holders(home.lock.stat()), 0) or _signed(home)
    if not pid or not is_running(home):
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError:
        # It belongs to another account, or has ended meanwhile.
        return False
    return True


def _holders(wanted: os.stat_result) -> Iterator[int]:
    """The processes that hold the file's flock alone, by /proc/locks (proc(5)); none where there is no such list."""
    device = f"{os.major(wanted.st_dev):02x}:{os.minor(wanted.st_dev):02x}:{wanted.st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        match line.split():
            case [_, "FLOCK", _, "WRITE", pid, place, *_] if place == device and pid.isdecimal():
                yield int(pid)


def _signed(home: Home) -> int:
    """What the holder wrote into the file: file systems exist that the list of locks calls otherwise than stat does."""
    with suppress(OSError, ValueError):
        return int(home.lock.read_text(encoding="ascii"))
    return 0
