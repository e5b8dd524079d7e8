"""The lock that makes the service of a home the only one. The kernel drops it when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from core.config import Home
from core.errors import BusyError, StorageError

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
            raise StorageError(f"{self._path} cannot be opened: {error.strerror}.", "Make the folder writable.") from error
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    self.release()
                    raise BusyError(
                        f"A service is running for {self._path.parent} already.", "archivar service status shows it."
                    ) from None
                time.sleep(0.01)
            else:
                self._sign()
                return

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
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def end_holder(home: Home) -> bool:
    """Ask the process that holds the lock to end, by a signal, which needs nothing to be written; False when none is found.

    It is the one that has the lock's file open for writing: whoever only asks opens it for reading.
    """
    wanted = home.lock.stat()
    for process in Path("/proc").glob("[0-9]*"):
        # Those of other accounts, and those that end meanwhile, cannot be looked at.
        with suppress(OSError):
            for opened in (process / "fd").iterdir():
                with suppress(OSError):
                    flags = int((process / "fdinfo" / opened.name).read_text().split("flags:")[1].split()[0], 8)
                    if os.path.samestat(opened.stat(), wanted) and flags & os.O_ACCMODE != os.O_RDONLY:
                        os.kill(int(process.name), signal.SIGTERM)
                        return True
    return False
