"""A span of a file as the body of a request: read while it is sent, at the pace of the line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from core.storage.port import Pace


class FilePiece:
    """The bytes of ``source`` from ``start`` on, ``length`` of them, as a file of its own."""

    def __init__(self, source: BinaryIO, start: int, length: int) -> None:
        self._source = source
        self._start = start
        self._length = length
        self._at = 0
        self._pace: Pace | None = None

    def sent_at(self, pace: Pace) -> None:
        """Have ``pace`` asked for what is read from now on, until the beginning is looked for again."""
        self._pace = pace

    def read(self, size: int | None = None) -> bytes:
        left = self._length - self._at
        count = left if size is None or size < 0 else min(size, left)
        if self._pace is not None and count:
            self._pace(count)
        self._source.seek(self._start + self._at)
        found = self._source.read(count)
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self._length)[whence]
        self._at = max(0, min(self._length, base + offset))
        if whence == 0 and offset == 0:
            self._pace = None
        return self._at

    def tell(self) -> int:
        return self._at


def pacing(pace: Pace) -> Callable[..., None]:
    """A listener of the library: what is read of a body before its request is sent is hashed, and needs no pace."""

    def begin(request: Any, **named: Any) -> None:
        if isinstance(request.body, FilePiece):
            request.body.sent_at(pace)

    return begin
