"""The lock of a mailbox that is being filled, or repaired in the archive: two at once would find the same messages missing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from core import files
from core.config import Home
from core.errors import BusyError, StorageError
from core.problems import restore as problems
from core.problems.disk import UNMADE


@contextmanager
def alone(home: Home, mailbox: str, name: str) -> Iterator[None]:
    """Context that holds the lock of a mailbox; the kernel releases it when the process dies.

    Raises ``BusyError``, ``StorageError``.
    """
    path = home.path / f"restoring-{hashlib.sha256(mailbox.encode()).hexdigest()[:16]}.lock"
    descriptor = -1
    try:
        while descriptor < 0:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            if not files.try_lock(descriptor):
                os.close(descriptor)
                raise BusyError(problems.UNDER_WAY(mailbox=name))
            if not path.exists() or not os.path.samestat(os.fstat(descriptor), path.stat()):
                # Its last holder removed the file between the two calls.
                os.close(descriptor)
                descriptor = -1
    except OSError as error:
        raise StorageError(UNMADE(path=str(path), said=str(error.strerror))) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)
