"""Canonical form of a message, with CRLF: messages that differ in their line ends alone have it in common. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from core.message import octets
from core.message.decoding import Decoded, Replaced
from core.message.octets import Bytes, Octets

#: Bytes of a message that tell if it has CRLF: nearly nothing, beside hashing all of it.
_LOOKED_AT = 2048


def canonical(raw: Bytes, *, whole: bool = False) -> bytes | None:
    """SHA-256 of a message's CRLF form; None when it has CRLF itself, judged by its beginning, or by all of it.

    Reading all of it takes as long as hashing: for files, which may have been joined from several.
    """
    if isinstance(raw, bytes) and not whole:
        # Nearly all mail of servers, told by the least work.
        lines = raw.count(b"\n", 0, _LOOKED_AT)
        if lines and lines == raw.count(b"\r\n", 0, _LOOKED_AT):
            return None
    raw = octets.large(raw)
    beginning = raw if whole else raw[:_LOOKED_AT]
    ends = returned = 0
    for chunk in _unsevered(beginning):
        ends += chunk.count(b"\n") - chunk.count(b"\r\n")
        returned += chunk.count(b"\r")
    if ends:
        return _sha256(raw, b"\n")
    if beginning.find(b"\n") < 0 and returned and raw.find(b"\n") < 0:
        return _sha256(raw, b"\r")
    return None


def with_crlf(raw: Bytes) -> Bytes:
    """A message with CRLF for each LF; ``raw`` itself when it has only these."""
    if isinstance(raw, bytes):
        made = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return raw if made == raw else made
    if not any(chunk.count(b"\n") > chunk.count(b"\r\n") for chunk in _unsevered(raw)):
        return raw
    return Decoded(Decoded(raw, Replaced(b"\r\n", b"\n")), Replaced(b"\n", b"\r\n"))


def _sha256(raw: Bytes, end: bytes) -> bytes:
    """The SHA-256 of a message in which ``end`` ends a line, beside CRLF."""
    found = hashlib.sha256()
    for chunk in _unsevered(raw):
        found.update(chunk.replace(b"\r\n", b"\n").replace(end, b"\r\n"))
    return found.digest()


def _unsevered(raw: Bytes) -> Iterator[bytes]:
    """Yield the bytes in order, at most a block at once, no CR apart from its LF."""
    if not isinstance(raw, Octets):
        yield raw
        return
    rest = b""
    for chunk in raw.chunks():
        data = rest + chunk
        rest = b"\r" if data.endswith(b"\r") else b""
        yield data[: len(data) - len(rest)]
    yield rest
