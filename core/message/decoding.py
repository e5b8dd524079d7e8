"""Transfer encodings and line ends decoded block by block, with the results of ``transfer_encoding`` and ``line_ends``. Pure.

A decoder keeps a few bytes between two blocks, and can be copied: ``Decoded`` keeps a copy for each block, and reads any range
of the decoded bytes by decoding from the block before it on.
"""

from __future__ import annotations

import binascii
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator
from copy import copy
from itertools import islice

from core.message import line_ends, transfer_encoding
from core.message.octets import Bytes, Octets, Section
from core.message.transfer_encoding import (
    LONGEST_LINE,
    MOST_BLOCKS,
    NOT_BASE64,
    UUENCODED,
    WITHOUT_PADDING,
    WORDS_BELOW,
    WORDS_REACH,
    is_base64_line,
    uuencoded_line,
)
from core.text.patterns import pattern

#: Bytes decoded at once: a line of uuencode may have 60 bytes for one that it is sent in.
STEP = 256 * 1024


class Decoder(ABC):
    """A decoder, and the few bytes that it could not decode yet."""

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """Decode the next bytes, as far as they are decided."""

    def finish(self) -> bytes:
        """Decode what is left at the end."""
        return b""


class Decoded(Octets):
    """Bytes as a decoder gives them. Their number is known once all of them were decoded."""

    def __init__(self, encoded: Octets, decoder: Decoder) -> None:
        self._encoded = encoded
        #: Of each block that is not empty: the offset of its first byte, that of its source, and the decoder before it.
        self._starts = [0]
        self._sources: list[tuple[int, Decoder]] = [(0, decoder)]
        self._reached = 0
        self._size: int | None = None
        self._last: tuple[int, bytes] = (0, b"")

    def __len__(self) -> int:
        if self._size is None:
            for _ in self._blocks(len(self._starts) - 1):
                pass
            self._size = self._reached
        return self._size

    def block(self, at: int) -> tuple[int, bytes]:
        base, data = self._last
        if not base <= at < base + len(data):
            number = bisect_right(self._starts, at) - 1
            for base, data in self._blocks(number):
                if at < base + len(data):
                    self._last = base, data
                    break
        return self._last

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if start or end is not None:
            yield from super().chunks(start, end)
        else:
            # The length need not be known before.
            for _, data in self._blocks(0):
                yield from (data[at : at + STEP] for at in range(0, len(data), STEP))

    def _blocks(self, number: int) -> Iterator[tuple[int, bytes]]:
        """Yield the blocks from ``number`` on with their offsets; each new one is noted."""
        base, (source, decoder) = self._starts[number], self._sources[number]
        decoder = copy(decoder)
        size = len(self._encoded)
        while source <= size:
            before = copy(decoder)
            end = min(source + STEP, size)
            data = decoder.feed(self._encoded.read(source, end)) if source < size else decoder.finish()
            if data:
                if base > self._starts[-1]:
                    self._starts.append(base)
                    self._sources.append((source, before))
                yield base, data
                base += len(data)
            source = end if source < size else size + 1
        self._reached = base


def decoded(body: Bytes, encoding: str) -> Bytes:
    """The decoded bytes of a part; an unknown encoding leaves them unchanged."""
    if isinstance(body, bytes):
        return transfer_encoding.decoded(body, encoding)
    if encoding == "quoted-printable":
        return Decoded(body, QuotedPrintable())
    if encoding == "base64":
        end, joined = _base64_in(body)
        return Decoded(Section(body, 0, end), Base64(joined))
    if encoding in UUENCODED:
        return Decoded(body, Uuencode())
    return body


def with_line_feeds(raw: Bytes) -> Bytes:
    """A message with readable line ends, judged by its header; one with usual ones unchanged."""
    if isinstance(raw, bytes):
        return line_ends.with_line_feeds(raw)
    end = raw.find(b"\n")
    first = end if end >= 0 else len(raw)
    returned = raw.find(b"\r", 0, first)
    if end < 0:
        return Decoded(raw, Replaced(b"\r", b"\n")) if returned >= 0 else raw
    if returned < 0 or returned == first - 1:
        return raw
    if raw.search(_RETURN_WITHIN, 0, first, 3) is None:
        return Decoded(raw, Replaced(b"\r\r\n", b"\r\n"))
    if raw.find(b"\r\r", 0, first) >= 0:
        return Decoded(Decoded(raw, Replaced(b"\r\n", b"\n")), Replaced(b"\r", b"\n"))
    return raw


_RETURN_WITHIN = pattern(rb"\r[^\r]")


class Replaced(Decoder):
    """Line ends ``old`` replaced by others. CRs at the end of a block wait for the next one."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._old, self._new = old, new
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        data = self._rest + data
        waiting = min(len(data) - len(data.rstrip(b"\r")), len(self._old) - 1)
        self._rest = data[len(data) - waiting :]
        return data[: len(data) - waiting].replace(self._old, self._new)

    def finish(self) -> bytes:
        return self._rest


class QuotedPrintable(Decoder):
    """Quoted-printable (RFC 2045 section 6.7). An escape at the end of a block waits for the next one."""

    def __init__(self) -> None:
        self._rest = b""
        #: After a soft line break with more on its line, which is skipped.
        self._skipping = False

    def feed(self, data: bytes) -> bytes:
        if self._skipping:
            end = data.find(b"\n")
            if end < 0:
                return b""
            data, self._skipping = data[end + 1 :], False
        data = self._rest + data
        if broken := _SOFT_BREAK.search(data, data.rfind(b"\n") + 1):
            end, self._rest, self._skipping = broken.end() - 2, b"", True
        else:
            end = _decided(data)
            self._rest = data[end:]
        return binascii.a2b_qp(data[:end])

    def finish(self) -> bytes:
        return binascii.a2b_qp(self._rest)


#: An escape sign before a CR; of the signs before it each second one is escaped.
_SOFT_BREAK = pattern(rb"(?<!=)(?:==)*+=\r")


def _decided(data: bytes) -> int:
    """The number of bytes whose decoding does not depend on what follows."""
    signed = data[:-1] if data[-1:].isalnum() else data
    signs = len(signed) - len(signed.rstrip(b"="))
    return len(signed) - 1 if signs % 2 else len(data)


_PADDING = pattern(rb"=++")


class Base64(Decoder):
    """Base64 (RFC 2045 section 6.8) in blocks, each maybe padded; ``joined``: what is between paddings is one block."""

    def __init__(self, joined: bool) -> None:
        self._joined = joined
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        clean = data.translate(None, NOT_BASE64 + (b"=" if self._joined else b""))
        if b"=" not in clean:
            return self._open(clean)
        *ended, rest = _PADDING.split(clean)
        return b"".join([self._open(bare) + self.finish() for bare in ended] + [self._open(rest)])

    def _open(self, bare: bytes) -> bytes:
        bare = self._rest + bare
        end = len(bare) & ~3
        self._rest = bare[end:]
        return binascii.a2b_base64(bare[:end])

    def finish(self) -> bytes:
        bare, self._rest = self._rest, b""
        return binascii.a2b_base64(bare + b"=" * (4 - len(bare))) if len(bare) > 1 else b""


class Uuencode(Decoder):
    """Uuencode, line by line. Of a line only the beginning is kept: the rest of a longer one cannot be encoded."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        lines = (self._rest + data).splitlines(keepends=True)
        self._rest = b"" if not lines or lines[-1].endswith((b"\n", b"\r")) else lines.pop()[:LONGEST_LINE]
        return b"".join([uuencoded_line(line.rstrip(b"\r\n")) for line in lines])

    def finish(self) -> bytes:
        return uuencoded_line(self._rest)


#: Bytes that are looked at in each way before the next ones are read.
_WINDOW = 4 * 1024 * 1024


def _base64_in(body: Octets) -> tuple[int, bool]:
    """The offset of the end of base64, and True when it has too many blocks for padding to divide them."""
    size, blocks = len(body), _Blocks()
    ends, words = dict.fromkeys((b"=\r\n", b"=\n"), -1), False
    for start in range(0, size, _WINDOW):
        end = min(start + _WINDOW, size)
        for sign, found in ends.items():
            if found < 0:
                ends[sign] = body.find(sign, start, min(end + len(sign), size))
        words = words or body.search(WORDS_BELOW, start, min(end + WORDS_REACH, size), WORDS_REACH) is not None
        for data in body.chunks(start, end):
            blocks.add(data)
    padded, crlf, lf = size, *ends.values()
    end = crlf if crlf >= 0 else lf
    if end >= 0 and not is_base64_line(body[end + 1 : end + 1 + LONGEST_LINE]):
        padded = end + 1
    if padded == size and not words:
        return size, blocks.are_many
    below = body.search(WORDS_BELOW, 0, padded, WORDS_REACH)
    end, blocks = below[0] if below else padded, _Blocks()
    for data in body.chunks(0, end):
        blocks.add(data)
    return end, blocks.are_many


class _Blocks:
    """Counts what lies between paddings: where that is often, padding cannot be what divides blocks."""

    def __init__(self) -> None:
        self._count = 0
        self._inside = False

    @property
    def are_many(self) -> bool:
        return self._count > MOST_BLOCKS

    def add(self, data: bytes) -> None:
        """Count those in the next bytes."""
        clean = data.translate(None, NOT_BASE64)
        if not clean or self.are_many:
            return
        if b"=" not in clean:
            self._count += not self._inside
        else:
            self._count -= self._inside and not clean.startswith(b"=")
            self._count += sum(1 for _ in islice(WITHOUT_PADDING.finditer(clean), MOST_BLOCKS + 2))
        self._inside = not clean.endswith(b"=")
