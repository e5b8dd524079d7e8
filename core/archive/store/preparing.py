"""The process that prepares batches for the service (``offload``). It imports little: its start is part of a first run.

Both ends of its socket are this program, run by one Python; nothing from outside is ever read there.
"""

from __future__ import annotations

import marshal
import mmap
import os
import sys
from collections.abc import Sequence
from typing import Any

from core.archive.store import intake
from core.archive.store.intake import StoredPart
from core.system import guard
from core.system.collection import uncollected

#: Space for one batch each way. A batch that does not fit is prepared in the service itself.
BYTES = 24 * 1024 * 1024
#: Digests that one process keeps in memory: 10 MB.
MOST_KNOWN = 100_000
#: Bytes before each value that passes the socket, which tell its length.
LENGTH = 4


def packed(value: Any) -> bytes:
    """A value as it passes the socket, its length first."""
    data = marshal.dumps(value)
    return len(data).to_bytes(LENGTH, "big") + data


def unpacked(data: bytes) -> Any:
    """The value from what came after its length."""
    return marshal.loads(data)


def _receive(file: int) -> Any:
    return unpacked(_exactly(file, int.from_bytes(_exactly(file, LENGTH), "big")))


def _exactly(file: int, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        if not (data := os.read(file, min(count - len(found), 1 << 20))):
            raise EOFError("the other side is gone")
        found += data
    return bytes(found)


def _send(file: int, value: Any) -> None:
    left = memoryview(packed(value))
    while left:
        left = left[os.write(file, left) :]


def _serve(connection: int, raw: mmap.mmap, parts: mmap.mmap) -> None:
    known = _Known()
    while True:
        volume, sizes = _receive(connection)
        with uncollected():
            answer = _prepared(raw, parts, sizes, known, volume)
        _send(connection, answer)


def _prepared(
    raw: mmap.mmap, parts: mmap.mmap, sizes: Sequence[int], known: _Known, volume: int
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Prepare the messages in ``raw``, whose parts are written into ``parts``: what both hold, message by message.

    Each message is read, hashed and compressed before the next one is looked at, as long as it is in the processor's cache.
    """
    compression = intake.Compression(known.of(volume))
    described: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    at = end = 0
    for size in sizes:
        one = intake.prepare(raw[at : at + size])
        at += size
        described.append((one.sha256, tuple(map(tuple, one.pieces)), tuple(one.envelope), one.canonical))
        for part in compression.parts(one):
            start, end = end, end + len(part.data)
            parts[start:end] = part.data
            rows.append((part.sha256, part.codec, part.size, start, end))
            known.add(part)
    return described, rows


class _Known:
    """The large parts that were sent for a volume.

    A part that was not written after all is compressed again by the archive.
    """

    def __init__(self) -> None:
        self._volume = 0
        self._digests: set[bytes] = set()

    def of(self, volume: int) -> set[bytes]:
        if volume != self._volume or len(self._digests) > MOST_KNOWN:
            self._volume, self._digests = volume, set()
        return self._digests

    def add(self, part: StoredPart) -> None:
        if part.size >= intake.LARGE:
            self._digests.add(part.sha256)


def _main(descriptors: Sequence[int]) -> None:
    connection, *files = descriptors
    raw, parts = (mmap.mmap(file, BYTES) for file in files)
    try:
        _serve(connection, raw, parts)
    except (EOFError, ConnectionError):
        # The service has ended, or closed the socket.
        return


if __name__ == "__main__":
    guard.protect()
    _main([int(argument) for argument in sys.argv[1:]])
