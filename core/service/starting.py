"""A service that is started for a run before the run is queued: it loads while the command looks at the archive.

It touches nothing of the archive until the run is in the queue, which it is told by a byte on its standard input; where there
will be none it ends, as if it had not been started. Only the standard library, and little of it; see the tests of the
architecture.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from core.system import program

#: The word after the home of a service that waits for the byte.
WAITING = "waiting"
_READY = b"."


class StartedService:
    """A service that waits for the run of the command that started it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def serve(self) -> bool:
        """Tell it to begin; False when it has ended."""
        try:
            return os.write(self._descriptor, _READY) == len(_READY)
        except OSError:
            return False
        finally:
            self.leave()

    def leave(self) -> None:
        """Have it end, unless it was told to begin."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def start(home: str, *, first: bool = False) -> StartedService | None:
    """A service for the archive in ``home``, if none is running; None as well where there is no archive of this account's.

    None where no service has ever been, unless it may be the ``first``: a log is made for that one.
    """
    log = os.path.join(home, "log", "service.log")
    try:
        if os.stat(home).st_uid != os.geteuid() or not os.path.exists(os.path.join(home, "archive.sqlite")) or is_served(home):
            return None
        if first:
            os.makedirs(os.path.dirname(log), 0o700, exist_ok=True)
        elif not os.path.exists(log):
            return None
        read, write = os.pipe()
        try:
            program.forked("core.service", [home, WAITING], log, stdin=read)
        except OSError:
            os.close(write)
            raise
        finally:
            os.close(read)
    except (OSError, ValueError):
        # The command tells what is wrong.
        return None
    return StartedService(write)


def is_told() -> bool:
    """Wait, in such a service, for the byte; False when the command ended without one."""
    told = b""
    with suppress(OSError):
        told = os.read(0, len(_READY))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    return told == _READY


def is_served(home: str) -> bool:
    """True when a service is running for the archive in ``home``."""
    try:
        descriptor = os.open(os.path.join(home, "service.lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
