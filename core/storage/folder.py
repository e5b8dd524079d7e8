"""A folder as a storage of volumes: on another disk, or of another machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO

from core import files
from core.errors import StorageError
from core.problems import bucket as problems
from core.storage.port import CHUNK, ObjectLock, Pace, StoredObject, nothing

#: Endings of files that are being written.
_PART = ".part"


class FolderStorage:
    """The folder at ``path``, which must be there: a disk that is not mounted is no empty storage."""

    def __init__(self, path: Path, *, pace: Pace = nothing) -> None:
        self.path = path
        self._pace = pace

    @property
    def where(self) -> str:
        return str(self.path)

    @property
    def server(self) -> str:
        return ""

    def put_if_absent(self, key: str, file: Path, sha256: bytes, lock: ObjectLock | None = None) -> bool:
        self._pace(0)
        self._check()
        place = self.path / key
        if place.exists():
            return False
        try:
            self._make_folders(place.parent)
            return self._put(place, file)
        except OSError as error:
            raise self._failed(place, error) from error

    def joins_parts(self, archive: str) -> bool:
        return False

    def _put(self, place: Path, file: Path) -> bool:
        descriptor, name = mkstemp(prefix=f".{place.name}.", suffix=_PART, dir=place.parent)
        try:
            with open(descriptor, "wb") as into, open(file, "rb") as source:
                while piece := source.read(CHUNK):
                    self._pace(len(piece))
                    into.write(piece)
                into.flush()
                os.fsync(into.fileno())
            os.chmod(name, 0o400)
            # A link, unlike a rename, never replaces a file that another process has put since.
            try:
                os.link(name, place)
            except FileExistsError:
                return False
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)
        files.durable(place.parent)
        return True

    def _make_folders(self, folder: Path) -> None:
        made = []
        while not folder.exists():
            made.append(folder)
            folder = folder.parent
        for one in reversed(made):
            one.mkdir(mode=0o700, exist_ok=True)
            files.durable(one.parent)

    def head(self, key: str) -> StoredObject | None:
        self._check()
        place = self.path / key
        try:
            return _stored(key, place.stat()) if place.is_file() else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed(place, error) from error

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        self._check()

        def refuse(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                raise self._failed(Path(str(error.filename)), error) from error

        for folder, _, names in os.walk(self.path / prefix, onerror=refuse):
            for name in names:
                place = Path(folder, name)
                if name.startswith(".") and name.endswith(_PART):
                    continue
                with suppress(FileNotFoundError):
                    yield _stored(str(place.relative_to(self.path)), place.stat())

    def read_whole(self, key: str, into: BinaryIO, count: Callable[[int], None] = nothing) -> bytes | None:
        self._check()
        place = self.path / key
        try:
            source = open(place, "rb")  # noqa: SIM115
        except (FileNotFoundError, IsADirectoryError):
            return None
        except OSError as error:
            raise self._failed(place, error) from error
        digest = hashlib.sha256()
        with source:
            # What the disk holds is to be read, and not what was just written.
            with suppress(OSError):
                os.posix_fadvise(source.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while True:
                try:
                    piece = source.read(CHUNK)
                except OSError as error:
                    raise self._failed(place, error) from error
                if not piece:
                    return digest.digest()
                self._pace(len(piece))
                digest.update(piece)
                into.write(piece)
                count(len(piece))

    def read_range(self, key: str, start: int, length: int) -> bytes | None:
        self._check()
        place = self.path / key
        try:
            with open(place, "rb") as source:
                source.seek(start)
                return source.read(length)
        except (FileNotFoundError, IsADirectoryError):
            return None
        except OSError as error:
            raise self._failed(place, error) from error

    def _check(self) -> None:
        if not self.path.is_dir():
            raise StorageError(problems.FOLDER_MISSING(folder=str(self.path)))

    def _failed(self, place: Path, error: OSError) -> StorageError:
        return StorageError(problems.FOLDER_FAILED(path=str(place), said=str(error.strerror)))


def _stored(key: str, facts: os.stat_result) -> StoredObject:
    return StoredObject(key, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))
