"""Decoding of MIME transfer encodings as far as possible, however broken they are. Pure; linear in time."""

from __future__ import annotations

import binascii

from core.text.patterns import pattern

#: Encodings that leave the bytes as they are.
PLAIN = frozenset(("", "7bit", "8bit", "binary"))
UUENCODED = frozenset(("x-uuencode", "uuencode", "uue", "x-uue"))
#: All that are known.
ENCODINGS = PLAIN | UUENCODED | {"quoted-printable", "base64"}

LONGEST_LINE = 4_096  # bytes of a line that are examined
MOST_BLOCKS = 1_000  # of base64, each with a padding of its own
NOT_BASE64 = bytes(
    byte for byte in range(256) if byte not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
)
_BASE64_LINE = pattern(rb"[A-Za-z0-9+/]*+={0,2}[ \t\r]*+(?:\n|\Z)")
WORDS_BELOW = pattern(rb"\n[ \t\r]{0,2000}+\n(?=[ \t]{0,2000}+[-_=*]{4}|[^\n]{0,100}?[A-Za-z] [A-Za-z])|\n(?=--)")
#: More than the bytes that this pattern looks at.
WORDS_REACH = 5_000
WITHOUT_PADDING = pattern(rb"[^=]+")


def decoded(body: bytes, encoding: str) -> bytes:
    """Decode a transfer encoding as far as possible; an unknown one leaves the bytes unchanged."""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        return _from_base64(body)
    if encoding in UUENCODED:
        return _from_uuencode(body)
    return body


def _from_base64(body: bytes) -> bytes:
    """Decode base64. Other characters are skipped; data after padding is decoded too: some mail has several blocks."""
    clean = body[: _end_of_base64(body)].translate(None, NOT_BASE64)
    blocks = [found[0] for found in WITHOUT_PADDING.finditer(clean)]
    if len(blocks) > MOST_BLOCKS:
        blocks = [b"".join(blocks)]
    content = []
    for bare in blocks:
        if len(bare) % 4 == 1:
            bare = bare[:-1]
        content.append(binascii.a2b_base64(bare + b"=" * (-len(bare) % 4)))
    return b"".join(content)


def trailer(body: bytes, encoding: str) -> bytes:
    """The plain text below a part in base64: mailing lists append their footers there."""
    return body[_end_of_base64(body) :].strip() if encoding == "base64" else b""


def _end_of_base64(body: bytes) -> int:
    """The offset of the end of base64: before words after an empty line, before dashes, after padding unless more follows."""
    end = body.find(b"=\n") if b"=\r\n" not in body else body.find(b"=\r\n")
    padded = end + 1 if end >= 0 and not is_base64_line(body[end + 1 : end + 1 + LONGEST_LINE]) else len(body)
    words = WORDS_BELOW.search(body, 0, padded)
    return words.start() if words else padded


def is_base64_line(after: bytes) -> bool:
    """True when the first bytes after padding begin with a line of base64."""
    return _BASE64_LINE.match(after.lstrip()) is not None


def _from_uuencode(body: bytes) -> bytes:
    return b"".join([uuencoded_line(encoded) for encoded in body.splitlines()])


def uuencoded_line(encoded: bytes) -> bytes:
    """Decode a line of uuencode, without its end; empty for any other line."""
    if not encoded or encoded.startswith((b"begin ", b"end")):
        return b""
    try:
        return binascii.a2b_uu(encoded)
    except binascii.Error:
        length = ((encoded[0] - 32) & 63) * 4 // 3 + 5
        try:
            return binascii.a2b_uu(encoded[:length])
        except binascii.Error:
            return b""
