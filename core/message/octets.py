"""Bytes of a message that is too large for memory: read block by block, and searched as ``bytes`` are.

What holds here: no more than a few blocks are in memory at once, every method returns what the method of ``bytes`` would, and
time is linear in the bytes that are read.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TypeAlias, overload

#: Bytes of a block, as far as its maker can choose.
BLOCK = 1024 * 1024
#: From this size in bytes on a message is read block by block.
LARGE = 1024 * 1024
#: Finds the first span in some bytes between two offsets.
Look: TypeAlias = Callable[[bytes, int, int], tuple[int, int] | None]


class Octets(ABC):
    """Bytes in blocks. Slices are read into memory: a caller asks for few bytes, or for ``chunks``."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def block(self, at: int) -> tuple[int, bytes]:
        """The block that holds the byte at ``at`` (from 0, less than the length), and the offset of its first byte."""

    @overload
    def __getitem__(self, key: int) -> int: ...

    @overload
    def __getitem__(self, key: slice) -> bytes: ...

    def __getitem__(self, key: int | slice) -> int | bytes:
        if isinstance(key, int):
            at = key % len(self)
            return self.read(at, at + 1)[0]
        start, end, _ = key.indices(len(self))
        return self.read(start, end)

    def read(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` to ``end``, which lies within."""
        pieces = list(self.chunks(start, end))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from ``start`` to ``end`` in order, at most ``BLOCK`` at once, and never none."""
        end = len(self) if end is None else end
        while start < end:
            base, data = self.block(start)
            piece = data[start - base : min(end, start + BLOCK) - base]
            yield piece
            start += len(piece)

    def find(self, needle: bytes, start: int = 0, end: int | None = None) -> int:
        """The offset of the first ``needle`` (of at least one byte) within the range, or -1."""

        def look(data: bytes, start: int, end: int) -> tuple[int, int] | None:
            at = data.find(needle, start, end)
            return (at, at) if at >= 0 else None

        found = self.first(look, start, end, len(needle))
        return found[0] if found else -1

    def search(self, pattern: re.Pattern[bytes], start: int, end: int | None, reach: int) -> tuple[int, int] | None:
        """The span of the first match of ``pattern`` within the range.

        ``reach``: more than the bytes from the beginning of a match that the pattern looks at; it looks at none before them.
        """

        def look(data: bytes, start: int, end: int) -> tuple[int, int] | None:
            found = pattern.search(data, start, end)
            return found.span() if found else None

        return self.first(look, start, end, reach)

    def first(self, look: Look, start: int, end: int | None, reach: int) -> tuple[int, int] | None:
        """The first span within the range for which ``look`` need see no more than ``reach`` bytes from its beginning on."""
        end = len(self) if end is None else end
        while start < end:
            base, data = self.block(start)
            border = base + len(data)
            # Only there ``look`` may see the end of the bytes, which is not that of a block.
            sure = end if border >= end else border - reach + 1
            if start < sure:
                found = look(data, start - base, min(end - base, len(data)))
                if found and base + found[0] < sure:
                    return base + found[0], base + found[1]
            if border >= end:
                return None
            low = max(start, sure)
            seam = self.read(low, min(border + reach - 1, end))
            found = look(seam, 0, len(seam))
            if found and low + found[0] < border:
                return low + found[0], low + found[1]
            start = border
        return None


Bytes: TypeAlias = bytes | Octets


class Section(Octets):
    """A range of other bytes."""

    def __init__(self, whole: Octets, start: int, end: int) -> None:
        inside = whole._start if isinstance(whole, Section) else 0
        self._whole: Octets = whole._whole if isinstance(whole, Section) else whole
        self._start: int = inside + start
        self._end: int = inside + end

    def __len__(self) -> int:
        return self._end - self._start

    def block(self, at: int) -> tuple[int, bytes]:
        base, data = self._whole.block(self._start + at)
        low = max(base, self._start)
        return low - self._start, data[low - base : self._end - base]

    # Without a copy of the block in which the section begins or ends.

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return self._whole.chunks(self._start + start, self._start + (len(self) if end is None else end))

    def first(self, look: Look, start: int, end: int | None, reach: int) -> tuple[int, int] | None:
        end = len(self) if end is None else end
        found = self._whole.first(look, self._start + start, self._start + end, reach)
        return (found[0] - self._start, found[1] - self._start) if found else None


class Held(Octets):
    """Bytes that are in memory anyway, for code that reads block by block."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def block(self, at: int) -> tuple[int, bytes]:
        return 0, self._data


def large(data: Bytes) -> Bytes:
    """Bytes in memory to be read block by block if they are many, so that no copy is made of all of them."""
    return Held(data) if isinstance(data, bytes) and len(data) >= LARGE else data


def same(one: bytes, other: Bytes) -> bool:
    """True when both have the same bytes."""
    if isinstance(other, bytes):
        return one == other
    at = 0
    for chunk in other.chunks():
        if not one.startswith(chunk, at):
            return False
        at += len(chunk)
    return at == len(one)


def section(whole: Bytes, start: int, end: int) -> Bytes:
    """A range of ``whole``: in memory when it is small, or when ``whole`` is."""
    if isinstance(whole, Octets) and end - start >= LARGE:
        return Section(whole, start, end)
    return whole[start:end]


def chunks(data: Bytes) -> Iterator[bytes]:
    """Yield all bytes in order; those in memory at once."""
    return data.chunks() if isinstance(data, Octets) else iter((data,))
