"""The lock that makes the service of a home the only one. The kernel releases it when its holder dies."""

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

#: Seconds a service waits for processes that only test the lock, which takes microseconds.
PATIENCE_SECONDS = 2.0


class ServiceLock:
    """Held from ``acquire`` to ``release``, or to the end of the process. The file holds the process id of its holder."""

    def __init__(self, home: Home) -> None:
        self._path = home.lock
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock. Raises ``BusyError`` when another service holds it."""
        self._open()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            if files.try_lock(self._descriptor):
                if self._is_there():
                    self._sign()
                    return
                # Another file has its name since: a lock on this one excludes no other service.
                self.release()
                self._open()
            if time.monotonic() > deadline:
                self.release()
                raise BusyError(ALREADY_RUNNING(home=str(self._path.parent)))
            time.sleep(0.01)

    def _open(self) -> None:
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(UNWRITTEN(path=str(self._path), said=str(error.strerror))) from error

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            return False

    def _sign(self) -> None:
        with suppress(OSError):
            # A full disk does not prevent serving.
            os.truncate(self._descriptor, 0)
            os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def beat(self) -> None:
        """Give a sign of life, cheaply and without a database."""
        if self._descriptor >= 0:
            with suppress(OSError):
                # On a read-only disk there is none.
                os.utime(self._descriptor)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def is_running(home: Home) -> bool:
    """True when a service is running for this home."""
    try:
        descriptor = os.open(home.lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not files.try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def end_holder(home: Home) -> bool:
    """Signal the process that holds the lock to end, which needs no writing; False when none is found.

    The kernel's list of locks names it; its open files may be hidden from other processes (``guard``).
    """
    pid = next(_holders(home.lock.stat()), 0) or _signed(home)
    if not pid or not is_running(home):
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError:
        # It belongs to another account, or has ended since.
        return False
    return True


def _holders(wanted: os.stat_result) -> Iterator[int]:
    """Yield the processes with an exclusive flock on the file, by /proc/locks (proc(5)); none without such a list."""
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
    """The process id in the file, for file systems that the list of locks names differently than stat does."""
    with suppress(OSError, ValueError):
        return int(home.lock.read_text(encoding="ascii"))
    return 0
