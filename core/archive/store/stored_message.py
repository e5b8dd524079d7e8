"""A large message of a volume, read block by block in the caller's thread.

What holds here: no byte is given by its offset before the SHA-256 of the whole message was found right, and each block that is
read again must be the one that was hashed then. ``chunks`` of all bytes are given as they are read: a writer of them keeps its
file aside until the last one has come.

A block is some small parts or one part, so that reading it decompresses nothing twice. A connection lives as long as a block is
read: nothing is to be closed, and a writer waits for one block at most.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from threading import RLock
from typing import NamedTuple

from core.archive.store.codecs import ZSTD
from core.archive.store.volume_format import LARGEST_PART, plain
from core.db import direct
from core.db.database import Database
from core.errors import DamagedError
from core.message.octets import BLOCK, Octets
from core.problems import volume as problems
from core.values import dataclass

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Bytes of the parts of a block. The splitter makes none that is larger.
BLOCK_BYTES = 8 * 1024 * 1024
#: Blocks that are kept in memory.
KEPT = 2
_PART = "SELECT codec, size, data FROM part WHERE id = ?"
#: Gives a connection that reads the volume, in the calling thread.
Connecting = Callable[[], AbstractContextManager[sqlite3.Connection]]


class PartOfMessage(NamedTuple):
    """A part in a message's recipe: its id, and the number of its plain bytes."""

    id: int
    size: int


@dataclass(frozen=True, slots=True)
class _Block:
    """Some parts from the offset ``start`` of the message on, or the bytes from ``inner`` on of a part that is too large."""

    start: int
    size: int
    parts: tuple[PartOfMessage, ...]
    inner: int = 0


class StoredMessage(Octets):
    """The bytes of a message. Each method that reads them raises ``DamagedError``, ``StorageError``."""

    def __init__(self, file: str, connecting: Connecting, sha256: bytes, parts: Sequence[PartOfMessage]) -> None:
        self.sha256 = sha256
        self._file = file
        self._connecting = connecting
        self._blocks = list(_blocks(parts))
        self._starts = [block.start for block in self._blocks]
        self._size = sum(part.size for part in parts)
        #: The SHA-256 of each block, once that of the message was found right.
        self._digests: list[bytes] = []
        self._kept: dict[int, bytes] = {}
        # A console may ask for its source and for an attachment at once.
        self._lock = RLock()

    def __len__(self) -> int:
        return self._size

    def block(self, at: int) -> tuple[int, bytes]:
        with self._lock:
            self.prove()
            number = bisect_right(self._starts, at) - 1
            if (data := self._kept.pop(number, None)) is None:
                while len(self._kept) >= KEPT:
                    del self._kept[next(iter(self._kept))]
                data = self._read(self._blocks[number])
                if hashlib.sha256(data).digest() != self._digests[number]:
                    raise self._changed()
            self._kept[number] = data
        return self._starts[number], data

    def prove(self) -> None:
        """Compute the SHA-256 of the whole message, unless that was done. Raises ``DamagedError`` when it is another."""
        with self._lock:
            if not self._digests:
                for _ in self._unproved():
                    pass

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The same as of all ``Octets``; of all bytes at once the last one comes only if the SHA-256 is right."""
        if start or end is not None or self._digests:
            yield from super().chunks(start, end)
            return
        last = b""
        for data in self._unproved():
            for at in range(0, len(data), BLOCK):
                if last:
                    yield last
                last = data[at : at + BLOCK]
        if last:
            yield last

    def _unproved(self) -> Iterator[bytes]:
        """Yield all blocks in order; an error follows them when the SHA-256 is wrong."""
        whole, digests = hashlib.sha256(), []
        for block in self._blocks:
            data = self._read(block)
            whole.update(data)
            digests.append(hashlib.sha256(data).digest())
            yield data
        if whole.digest() != self.sha256:
            raise self._changed()
        self._digests = digests

    def _changed(self) -> DamagedError:
        return DamagedError(problems.MESSAGE_CHANGED(message=self.sha256.hex()[:16], file=self._file))

    def _read(self, block: _Block) -> bytes:
        with self._connecting() as connection:
            if block.size != sum(part.size for part in block.parts):
                return self._window(connection, block)
            pieces = [self._part(connection, part) for part in block.parts]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _part(self, connection: sqlite3.Connection, part: PartOfMessage) -> bytes:
        row = connection.execute(_PART, (part.id,)).fetchone()
        if row is None:
            raise DamagedError(problems.PART_MISSING(part=part.id, file=self._file))
        try:
            data = plain(*row)
            if len(data) != part.size:
                raise DamagedError(problems.PART_SIZE(found=len(data), size=part.size))
        except DamagedError as error:
            raise self._damaged(part, error) from error
        return data

    def _window(self, connection: sqlite3.Connection, block: _Block) -> bytes:
        """A range of a part that is too large to be in memory: decompressed from its beginning on."""
        [part] = block.parts
        row = connection.execute("SELECT codec FROM part WHERE id = ?", (part.id,)).fetchone()
        try:
            if row is None or row[0] > ZSTD:
                raise DamagedError(problems.PART_CODEC(codec=str(row and row[0])))
            with connection.blobopen("part", "data", part.id, readonly=True) as blob:
                data = _unpacked(blob, block) if row[0] == ZSTD else _plain(blob, block)
            if len(data) != block.size:
                raise DamagedError(problems.PART_SIZE(found=block.inner + len(data), size=part.size))
        except DamagedError as error:
            raise self._damaged(part, error) from error
        return data

    def _damaged(self, part: PartOfMessage, error: DamagedError) -> DamagedError:
        return DamagedError(problems.PART_DAMAGED(part=part.id, file=self._file, why=error.reason))


def _plain(blob: sqlite3.Blob, block: _Block) -> bytes:
    blob.seek(block.inner)
    return blob.read(block.size)


def _unpacked(blob: sqlite3.Blob, block: _Block) -> bytes:
    decompressor = zstd.ZstdDecompressor()
    found: list[bytes] = []
    reached, end = 0, block.inner + block.size
    try:
        while reached < end and not decompressor.eof:
            packed = blob.read(BLOCK) if decompressor.needs_input else b""
            if decompressor.needs_input and not packed:
                break
            data = decompressor.decompress(packed, BLOCK)
            found.append(data[max(block.inner - reached, 0) : end - reached])
            reached += len(data)
    except zstd.ZstdError as error:
        raise DamagedError(problems.PART_COMPRESSION(said=str(error))) from error
    return b"".join(found)


def _blocks(parts: Sequence[PartOfMessage]) -> Iterator[_Block]:
    """Parts in blocks that fit into memory."""
    start = size = 0
    together: list[PartOfMessage] = []
    for part in parts:
        if together and size + part.size > BLOCK_BYTES:
            yield _Block(start, size, tuple(together))
            start, size, together = start + size, 0, []
        if part.size <= BLOCK_BYTES:
            together.append(part)
            size += part.size
            continue
        for inner in range(0, part.size, BLOCK_BYTES):
            yield _Block(start + inner, min(BLOCK_BYTES, part.size - inner), (part,), inner)
        start += part.size
    if size:
        yield _Block(start, size, tuple(together))


async def message_reader(database: Database, pragmas: Sequence[str], sha256: bytes, recipe: Sequence[int]) -> StoredMessage:
    """The reader of a message with these parts in the volume ``database``. Raises ``DamagedError``, ``StorageError``."""
    rows = await database.among("SELECT id, size FROM part WHERE id IN (??)", list(set(recipe)))
    sizes: dict[int, object] = dict(rows)
    file, parts = database.path.name, []
    for number in recipe:
        if number not in sizes:
            raise DamagedError(problems.PART_MISSING(part=number, file=file))
        size = sizes[number]
        if not isinstance(size, int) or not 0 <= size < LARGEST_PART:
            raise DamagedError(problems.PART_DAMAGED(part=number, file=file, why=problems.NO_PART()))
        parts.append(PartOfMessage(number, size))
    return StoredMessage(file, partial(direct.reading, database, pragmas), sha256, parts)
