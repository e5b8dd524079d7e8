"""Fetching of stored volumes into their places in the home, which are the cache of the storage. Blocking.

A volume is fetched whole, beside its place, compared with its SHA-256, and put there durably: what is in its place is right,
and is read as any volume.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from core import files
from core.config import Home
from core.errors import ArchivarError, DamagedError, UnfetchedError
from core.problems import bucket as problems
from core.problems import storage as disk
from core.storage import configuration, copies, notes, proving
from core.storage.notes import StoredNote

#: Bytes that stay free on the disk: what is archived goes before what is read.
SPARE_BYTES = 256 * 1024**2
_FETCHED = ".fetched"


def bring(volume: Path) -> None:
    """Have a volume in its place if it is stored; nothing is done for any other.

    Raises ``DamagedError`` when the stored object is gone or is another, ``UnfetchedError`` when it cannot be had now.
    """
    note = notes.read(volume)
    if note is None:
        return
    if volume.exists():
        touch(volume, note)
        return
    with notes.alone(volume):
        if not volume.exists():
            home = notes.home_of(volume)
            copies.make_room(home, more=note.size)
            _fetch(home, volume, note)


def touch(volume: Path, note: StoredNote) -> None:
    """Remember that a copy was used now; by its time of access, which the system may not keep by itself."""
    with suppress(OSError):
        os.utime(volume, ns=(time.time_ns(), note.modified if note.is_of(volume) else volume.stat().st_mtime_ns))


def _fetch(home: Home, volume: Path, note: StoredNote) -> None:
    for leftover in volume.parent.glob(f".{volume.name}.*{_FETCHED}"):
        leftover.unlink(missing_ok=True)
    try:
        free = os.statvfs(volume.parent)
        if free.f_bavail * free.f_frsize < note.size + SPARE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        descriptor, name = mkstemp(prefix=f".{volume.name}.", suffix=_FETCHED, dir=volume.parent)
        try:
            with open(descriptor, "wb") as file:
                proving.prove(configuration.opened(home), note.key, note.sha256, file)
            os.chmod(name, 0o400)
            os.utime(name, ns=(time.time_ns(), note.modified))
            files.put(Path(name), volume)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise UnfetchedError(disk.FULL(file=volume.name, said=str(error.strerror))) from error
        raise UnfetchedError(disk.FAILED(file=volume.name, said=str(error.strerror))) from error
    except DamagedError:
        raise
    except ArchivarError as error:
        raise UnfetchedError(problems.AWAY(file=volume.name, why=error.reason)) from error
