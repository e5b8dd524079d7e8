"""Canonical form of a message, with CRLF: messages that differ in their line ends alone have it in common. Pure."""

from __future__ import annotations

import hashlib

#: Bytes of a message that tell if it has CRLF: nearly nothing, beside hashing all of it.
_LOOKED_AT = 2048


def canonical(raw: bytes, *, whole: bool = False) -> bytes | None:
    """SHA-256 of a message's CRLF form; None when it has CRLF itself, judged by its beginning, or by all of it.

    Reading all of it takes as long as hashing: for files, which may have been joined from several.
    """
    beginning = raw if whole else raw[:_LOOKED_AT]
    lines = beginning.count(b"\n")
    if lines != beginning.count(b"\r\n"):
        return hashlib.sha256(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")).digest()
    if not lines and b"\r" in beginning and b"\n" not in raw:
        return hashlib.sha256(raw.replace(b"\r", b"\r\n")).digest()
    return None
