"""The form of a message with CRLF, by which messages that differ in their line ends alone are known as one. Pure."""

from __future__ import annotations

import hashlib

#: So much of a message tells whether its line ends are those of the wire: nearly nothing, beside hashing all of it.
_LOOKED_AT = 2048


def canonical(raw: bytes, *, whole: bool = False) -> bytes | None:
    """SHA-256 of a message as it is with CRLF; None when it has CRLF itself, as far as its beginning, or all of it, tells.

    To look at all of it takes as long as to hash it: for files, which may have been put together from several.
    """
    beginning = raw if whole else raw[:_LOOKED_AT]
    lines = beginning.count(b"\n")
    if lines != beginning.count(b"\r\n"):
        return hashlib.sha256(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")).digest()
    if not lines and b"\r" in beginning and b"\n" not in raw:
        return hashlib.sha256(raw.replace(b"\r", b"\r\n")).digest()
    return None
