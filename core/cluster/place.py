"""The place through which sealed volumes go from workers to the home: a folder that all of them see, or a bucket.

A file is put once under its key and never changed: what is there under the same key must be the same file. It is read back and
compared before it counts as put.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from core import files
from core.errors import ArchivarError, BusyError, DamagedError, InputError
from core.problems import cluster as problems
from core.secrets import Secret
from core.storage import keys, proving
from core.storage.keys import VolumeKey
from core.storage.line import LineLimit, LinePace
from core.storage.opening import opened
from core.storage.place import StoragePlace
from core.storage.port import VolumeStorage

logger = logging.getLogger("archivar.cluster")

#: Bytes copied at once.
PIECE = 1 << 20
#: Objects that may lie under a key of a volume with other bytes, so that it is put beside them.
GENERATIONS = 5


class LanePlace(Protocol):
    """A place for sealed volumes."""

    async def check(self, archive: str, *, first: bool = False) -> None:
        """Raise ``InputError`` where nothing of ``archive`` can be put or read. ``first``: nothing is there yet."""

    async def put(self, key: VolumeKey, path: Path, sha256: bytes) -> str:
        """Put the file, durably, and read it back; the key under which it lies. Raises ``BusyError`` when that fails now."""

    async def fetch(self, key: str, path: Path) -> bytes:
        """Copy what lies under the key to ``path``, durably; the SHA-256 of what was read. Raises ``BusyError``."""

    async def taken(self, key: str) -> None:
        """The home has made what lies under the key part of the archive, and keeps it."""

    async def clear(self, archive: str, lanes: Collection[int]) -> None:
        """Remove what workers that ended have left there, and no home will take. ``lanes``: those still in use."""


class FolderPlace:
    """A folder that service and workers see, by whatever file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def check(self, archive: str, *, first: bool = False) -> None:
        if not self._folder.is_absolute():
            raise InputError(problems.PLACE(path=str(self._folder), said="the path is not absolute"))
        if not self._folder.is_dir():
            raise InputError(problems.PLACE(path=str(self._folder), said="there is no such folder"))
        if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
            raise InputError(problems.PLACE(path=str(self._folder), said="it cannot be written to"))
        mark = self._folder / keys.mark(archive)
        if first:
            await asyncio.to_thread(_make_mark, mark, archive)
        elif not mark.is_file():
            raise InputError(problems.STRANGE_PLACE(path=str(self._folder), mark=keys.mark(archive)))

    async def put(self, key: VolumeKey, path: Path, sha256: bytes) -> str:
        try:
            # A share that is not mounted is no folder to be made, nor is the one below it the place.
            (self._folder / keys.mark(key.archive)).stat()
            await asyncio.to_thread(_put, path, self._folder / str(key), sha256)
        except OSError as error:
            raise BusyError(problems.NOT_DELIVERED(file=path.name, said=str(error.strerror or error))) from error
        return str(key)

    async def fetch(self, key: str, path: Path) -> bytes:
        try:
            return await asyncio.to_thread(_copied, self._folder / key, path)
        except OSError as error:
            raise BusyError(problems.NOT_FETCHED(file=key, said=str(error.strerror or error))) from error

    async def taken(self, key: str) -> None:
        # It lies in the home, and would be there twice.
        (self._folder / key).unlink(missing_ok=True)

    async def clear(self, archive: str, lanes: Collection[int]) -> None:
        await asyncio.to_thread(_clear, self._folder, archive, lanes)


class BucketPlace:
    """A bucket. What was taken stays there, as a copy that no worker needs."""

    def __init__(self, storage: VolumeStorage) -> None:
        self._storage = storage

    async def check(self, archive: str, *, first: bool = False) -> None:
        await asyncio.to_thread(self._check, archive, first)

    def _check(self, archive: str, first: bool) -> None:
        if first:
            proving.try_out(self._storage, archive)
            return
        try:
            there = self._storage.head(keys.mark(archive))
        except InputError:
            raise
        except ArchivarError as error:
            raise InputError(problems.BUCKET(where=self._storage.where, why=error.reason)) from error
        if there is None:
            raise InputError(problems.NO_MARK(where=self._storage.where))

    async def put(self, key: VolumeKey, path: Path, sha256: bytes) -> str:
        return await asyncio.to_thread(self._put, key, path, sha256)

    def _put(self, key: VolumeKey, path: Path, sha256: bytes) -> str:
        """Put the file, beside an object that was changed there, if need be."""
        for _ in range(GENERATIONS):
            try:
                self._storage.put_if_absent(str(key), path, sha256)
                proving.prove(self._storage, str(key), sha256)
            except DamagedError:
                key = key.next()
            except (ArchivarError, OSError) as error:
                raise _undelivered(path, error) from error
            else:
                return str(key)
        raise BusyError(problems.NOT_DELIVERED(file=path.name, said="what is put there is changed each time"))

    async def fetch(self, key: str, path: Path) -> bytes:
        return await asyncio.to_thread(self._fetch, key, path)

    def _fetch(self, key: str, path: Path) -> bytes:
        try:
            with open(files.open_new(path), "wb") as into:
                digest = self._storage.read_whole(key, into)
                into.flush()
                os.fsync(into.fileno())
        except (ArchivarError, OSError) as error:
            raise BusyError(problems.NOT_FETCHED(file=key, said=_said(error))) from error
        if digest is None:
            raise BusyError(problems.NOT_FETCHED(file=key, said="it is not there"))
        return digest

    async def taken(self, key: str) -> None:
        """Leave it: the right to delete is none that workers or home need."""

    async def clear(self, archive: str, lanes: Collection[int]) -> None:
        """Leave it, for the same reason."""


def _undelivered(path: Path, error: Exception) -> BusyError:
    return BusyError(problems.NOT_DELIVERED(file=path.name, said=_said(error)))


def _said(error: Exception) -> str:
    return error.message if isinstance(error, ArchivarError) else str(error)


def _make_mark(mark: Path, archive: str) -> None:
    """Mark the folder as the place of an archive's workers. Raises ``InputError``."""
    try:
        mark.parent.mkdir(mode=0o700, exist_ok=True)
        if not mark.exists():
            files.create_whole(mark, json.dumps({"archive": archive}).encode() + b"\n")
    except OSError as error:
        raise InputError(problems.PLACE(path=str(mark.parent.parent), said=str(error.strerror))) from error


def _put(path: Path, target: Path, sha256: bytes) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Tried again after a failure, the same file may be there.
    if not target.exists() or digest_of(target) != sha256:
        aside = target.with_name(f".{target.name}.{os.getpid()}.new")
        aside.unlink(missing_ok=True)
        try:
            _copied(path, aside)
            os.replace(aside, target)
        finally:
            aside.unlink(missing_ok=True)
        files.durable(target.parent)
    if digest_of(target) != sha256:
        raise OSError(f"{target.name} reads back as another file")


def _clear(folder: Path, archive: str, lanes: Collection[int]) -> None:
    """Remove volumes of other lanes, and what was half written by a worker that ended in the middle."""
    try:
        for path in (folder / archive).glob("lane-*/*.sqlite*"):
            key = VolumeKey.parse(f"{archive}/{path.parent.name}/{path.name}")
            lane = int(path.parent.name.removeprefix("lane-"))
            if lane not in lanes and (key is not None or path.name.startswith(".")):
                path.unlink(missing_ok=True)
        for path in (folder / archive).glob("lane-*"):
            with suppress(OSError):
                path.rmdir()
    except (OSError, ValueError) as error:
        logger.warning("the place could not be cleared: %s", error)


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
    """The SHA-256 of a file as the disk has it, as far as the system allows. Blocking."""
    with path.open("rb") as file:
        with suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return hashlib.file_digest(file, "sha256").digest()


def place_of(place: StoragePlace, secret: Secret | None, line: str = "") -> LanePlace:
    """The place that ``place`` defines. ``line``: the limit of the line to a bucket. Raises ``InputError``."""
    return (
        BucketPlace(opened(place, secret, pace=LinePace(LineLimit.parse(line))))
        if place.is_bucket
        else FolderPlace(Path(place.where))
    )
