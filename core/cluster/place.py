"""The place through which sealed volumes go from workers to the home: a folder that all of them see, or a bucket.

A file is put once under its key and never changed: what is there under the same key must be the same file. It is read back and
compared before it counts as put.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from core import files
from core.errors import BusyError, InputError
from core.problems import cluster as problems

#: Bytes copied at once.
PIECE = 1 << 20


class LanePlace(Protocol):
    """A place for sealed volumes."""

    async def check(self) -> None:
        """Raise ``InputError`` where nothing can be put or read."""

    async def put(self, key: str, path: Path, sha256: bytes) -> None:
        """Put the file, durably, and read it back. Raises ``BusyError`` when that cannot be done now."""

    async def fetch(self, key: str, path: Path) -> bytes:
        """Copy what lies under the key to ``path``, durably; the SHA-256 of what was read. Raises ``BusyError``."""

    async def taken(self, key: str) -> None:
        """The home has made what lies under the key part of the archive, and keeps it."""


class FolderPlace:
    """A folder that service and workers see, by whatever file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def check(self) -> None:
        if not self._folder.is_absolute():
            raise InputError(problems.PLACE(path=str(self._folder), said="the path is not absolute"))
        if not self._folder.is_dir():
            raise InputError(problems.PLACE(path=str(self._folder), said="there is no such folder"))
        if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
            raise InputError(problems.PLACE(path=str(self._folder), said="it cannot be written to"))

    async def put(self, key: str, path: Path, sha256: bytes) -> None:
        try:
            # A share that is not mounted is no folder to be made.
            self._folder.stat()
            await asyncio.to_thread(_put, path, self._folder / key, sha256)
        except OSError as error:
            raise BusyError(problems.NOT_DELIVERED(file=path.name, said=str(error.strerror or error))) from error

    async def fetch(self, key: str, path: Path) -> bytes:
        try:
            return await asyncio.to_thread(_copied, self._folder / key, path)
        except OSError as error:
            raise BusyError(problems.NOT_DELIVERED(file=path.name, said=str(error.strerror or error))) from error

    async def taken(self, key: str) -> None:
        # It lies in the home, and would be there twice.
        (self._folder / key).unlink(missing_ok=True)


def _put(path: Path, target: Path, sha256: bytes) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Tried again after a failure, the same file may be there.
    if not target.exists() or _digest(target) != sha256:
        aside = target.with_name(f".{target.name}.{os.getpid()}.new")
        aside.unlink(missing_ok=True)
        try:
            _copied(path, aside)
            os.replace(aside, target)
        finally:
            aside.unlink(missing_ok=True)
        files.durable(target.parent)
    if _digest(target) != sha256:
        raise OSError(f"{target.name} reads back as another file")


def _copied(source: Path, target: Path) -> bytes:
    digest = hashlib.sha256()
    with source.open("rb") as read, open(files.open_new(target), "wb") as written:
        while piece := read.read(PIECE):
            digest.update(piece)
            written.write(piece)
        written.flush()
        os.fsync(written.fileno())
    return digest.digest()


def digest_of(path: Path) -> bytes:
    """The SHA-256 of a file. Blocking."""
    return _digest(path)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        with suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return hashlib.file_digest(file, "sha256").digest()


def key_of(archive: str, lane: int, number: int) -> str:
    """The key of a volume of a lane."""
    return f"{archive}/lane-{lane:06}/{number:06}.g0.sqlite"


def place_of(address: str) -> LanePlace:
    """The place at an address: a folder."""
    return FolderPlace(Path(address))
