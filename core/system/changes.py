"""FileChanges of a file by any process, told by the kernel (inotify(7)): a wait for them needs no look again and again."""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress

from core.system import guard

#: Flags of inotify_init1(2) and inotify_add_watch(2), as the kernel numbers them for every machine.
_NOT_WAITING, _CLOSED_BY_PROGRAMS, _WRITTEN = os.O_NONBLOCK, getattr(os, "O_CLOEXEC", 0), 0x2
_BYTES = 65_536


class FileChanges:
    """The writes to one file since the last ``forget``; ``descriptor`` is readable when there were any.

    A write may be told before what it belongs to is visible, as a commit of SQLite's is after it.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FileChanges | None:
        """The writes to ``path`` from now on; None where the kernel cannot tell them, or will watch no more files."""
        if sys.platform != "linux":
            return None
        try:
            library = guard.library()
            descriptor = library.inotify_init1(_NOT_WAITING | _CLOSED_BY_PROGRAMS)
            if descriptor < 0:
                return None
            if library.inotify_add_watch(descriptor, os.fsencode(path), _WRITTEN) < 0:
                os.close(descriptor)
                return None
        except (AttributeError, OSError, ValueError):
            # A C library without these calls, or a name that is none.
            return None
        return cls(descriptor)

    def wait(self, seconds: float) -> bool:
        """Wait for a write, at most so long; False without one."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def forget(self) -> None:
        """Take all writes so far as seen."""
        with suppress(OSError):
            while len(os.read(self.descriptor, _BYTES)) == _BYTES:
                pass

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
