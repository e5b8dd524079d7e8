"""The storage of volumes as a port: what a folder and a bucket both do. Blocking; errors are ``StorageError``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from core.values import dataclass

#: Bytes that are read, hashed and written at once.
CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a storage: its key, its size in bytes, and when it was put there.

    ``locked``: the time until which it is locked, as ``head`` tells it to those who may know.
    """

    key: str
    size: int
    at: datetime
    locked: datetime | None = None


@dataclass(frozen=True, slots=True)
class ObjectLock:
    """The demand that an object cannot be removed ``until`` then. ``mode``: GOVERNANCE or COMPLIANCE, as S3 has it."""

    mode: str
    until: datetime


#: Is asked before that many bytes are moved, and returns when they may be.
Pace = Callable[[int], None]


def nothing(count: int) -> None:
    """Take no notice of ``count`` bytes that were moved."""


class VolumeStorage(Protocol):
    """A storage of objects by keys of ``core.storage.keys``.

    All methods raise ``StorageError``, with a code of ``core.problems.bucket``, when the storage does not answer or refuses.
    """

    @property
    def where(self) -> str:
        """The storage in a few words, for display."""

    @property
    def server(self) -> str:
        """The address of the bucket's server: two servers may have buckets of one name. Empty for Amazon's, and a folder."""

    def put_if_absent(self, key: str, file: Path, sha256: bytes, lock: ObjectLock | None = None) -> bool:
        """Store ``file``; False, and nothing is changed, when an object with this key is there, whatever it contains.

        ``sha256``: that of the file, which is stored beside it where that can be. No object is ever seen half written. Whether
        what is there is right, ``prove`` tells. ``lock``: asked of a bucket; a folder has none.
        """

    def joins_parts(self, archive: str) -> bool:
        """True when large objects are put in parts, so that a cut line costs one part; ``archive`` has its mark there."""

    def head(self, key: str) -> StoredObject | None:
        """The object with that key; None when there is none."""

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the objects in the folder ``prefix``, in no order. ``prefix`` ends with no slash; empty: all."""

    def read_whole(self, key: str, into: BinaryIO, count: Callable[[int], None] = nothing) -> bytes | None:
        """Write the object's bytes to ``into`` and give their SHA-256; None when there is no such object.

        ``count`` is called with the number of bytes of each piece; what it raises ends the reading. Errors of writing to
        ``into`` are ``OSError``.
        """

    def read_range(self, key: str, start: int, length: int) -> bytes | None:
        """Up to ``length`` bytes from ``start`` on, fewer at the object's end; None when there is no such object."""
