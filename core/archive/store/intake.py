"""Preparation of raw messages for a volume: hashes, segments, envelope, compression.

Pure computation, in processes beside the service.

Invariant: the pieces of a ``PreparedMessage`` are all raw bytes in their order; in any doubt a message is cut by length alone.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from core.archive.store.codecs import PLAIN, ZSTD
from core.message.canonical import canonical
from core.message.envelope import Envelope, describe, undescribed
from core.message.splitter import LONGEST, split
from core.message.splitter import parts as scan_parts

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdCompressor
else:
    from backports.zstd import ZstdCompressor

#: Higher levels cost a quarter more time and save one part in two hundred (measured on generated mail with attachments).
LEVEL = 1
#: From this size in bytes on a part is looked up before it is compressed again.
LARGE = 16 * 1024
#: From this size in bytes on a part of several is kept once for all messages of a volume.
WORTH_SHARING = 1024
#: Below this size in bytes compression costs more than it saves.
WORTH_COMPRESSING = 128


# Tuples: one of each is made for every message, in less than half the time of a frozen class.
class Piece(NamedTuple):
    """A segment of a message: its SHA-256 and its range of bytes."""

    sha256: bytes
    start: int
    end: int


class PreparedMessage(NamedTuple):
    """A message ready to be stored."""

    raw: bytes
    sha256: bytes
    pieces: tuple[Piece, ...]
    envelope: Envelope
    #: SHA-256 of the message's CRLF form; None when the message itself is that form.
    canonical: bytes | None = None


class StoredPart(NamedTuple):
    """A part as a volume keeps it; ``sha256`` and ``size`` are of the plain bytes."""

    sha256: bytes
    codec: int
    size: int
    data: bytes


def prepare(raw: bytes) -> PreparedMessage:
    """Hash and split one message. Never raises for any content."""
    sha256 = hashlib.sha256(raw).digest()
    try:
        scan = scan_parts(raw)
        segments, envelope = split(raw, scan=scan), describe(raw, scan)
    except Exception:
        # The description of a message may be wrong; storing it must not depend on that.
        import logging

        logging.getLogger("archivar.archive").exception("the header of a message with SHA-256 %s cannot be read", sha256.hex())
        segments, envelope = [], undescribed(raw)
    if not covers(segments, len(raw)):
        segments = _cut(len(raw))
    if len(segments) <= 1:
        pieces: tuple[Piece, ...] = (Piece(sha256, 0, len(raw)),)
    else:
        view = memoryview(raw)
        pieces = tuple(Piece(hashlib.sha256(view[start:end]).digest(), start, end) for start, end in segments)
    return PreparedMessage(raw, sha256, pieces, envelope, canonical(raw))


def _cut(size: int) -> list[tuple[int, int]]:
    """Segments of a message of ``size`` bytes whose structure is in doubt."""
    return [(start, min(start + LONGEST, size)) for start in range(0, size, LONGEST)]


def covers(segments: Sequence[tuple[int, int]], size: int) -> bool:
    """True when the segments joined are the whole: each begins at the last one's end, from the first byte to the last."""
    reached = 0
    for start, end in segments:
        if start != reached or end <= start:
            return False
        reached = end
    return reached == size


def shared(messages: Iterable[PreparedMessage], least: int = WORTH_SHARING) -> set[bytes]:
    """The SHA-256 of the pieces of at least ``least`` bytes that other messages may have as well: attachments, for example."""
    several = (message.pieces for message in messages if len(message.pieces) > 1)
    return {piece.sha256 for pieces in several for piece in pieces if piece.end - piece.start >= least}


def prepare_all(messages: Iterable[bytes]) -> list[PreparedMessage]:
    return [prepare(raw) for raw in messages]


class Compression:
    """Compresses the parts of messages, each once, without those in ``known`` (SHA-256)."""

    def __init__(self, known: Collection[bytes]) -> None:
        self._seen = set(known)
        self._compressor = ZstdCompressor(level=LEVEL)

    def parts(self, message: PreparedMessage) -> Iterator[StoredPart]:
        """Yield the parts of a message that no earlier one had, each compressed when it is taken."""
        view = memoryview(message.raw)
        for piece in message.pieces:
            if piece.sha256 not in self._seen:
                self._seen.add(piece.sha256)
                yield _part(self._compressor, piece.sha256, view[piece.start : piece.end])


def parts(messages: Iterable[PreparedMessage], known: Collection[bytes]) -> Iterator[StoredPart]:
    """Yield the compressed parts of ``messages``, each once, without those in ``known`` (SHA-256).

    Each is compressed when it is taken.
    """
    compression = Compression(known)
    for message in messages:
        yield from compression.parts(message)


def parts_of(messages: Iterable[PreparedMessage], known: Collection[bytes]) -> list[StoredPart]:
    """The same as a tuple."""
    return list(parts(messages, known))


def _part(compressor: ZstdCompressor, sha256: bytes, plain: memoryview) -> StoredPart:
    size = len(plain)
    if size >= WORTH_COMPRESSING:
        packed = compressor.compress(plain, mode=ZstdCompressor.FLUSH_FRAME)
        if len(packed) < size:
            return StoredPart(sha256, ZSTD, size, packed)
    return StoredPart(sha256, PLAIN, size, bytes(plain))
