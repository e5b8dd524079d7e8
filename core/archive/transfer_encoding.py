"""Transfer encodings of MIME parts undone, as far as they go, however broken they are. Pure; linear in time."""

from __future__ import annotations

import binascii
import re

#: Encodings that leave the bytes as they are.
PLAIN = frozenset(("", "7bit", "8bit", "binary"))
_UUENCODED = frozenset(("x-uuencode", "uuencode", "uue", "x-uue"))
#: All that are known.
ENCODINGS = PLAIN | _UUENCODED | {"quoted-printable", "base64"}

_NOT_BASE64 = bytes(
    byte for byte in range(256) if byte not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
)
_WITHOUT_PADDING = re.compile(rb"[^=]+")


def decoded(body: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding as far as it goes; an unknown one leaves the bytes as they are."""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    if encoding == "base64":
        return _from_base64(body)
    if encoding in _UUENCODED:
        return _from_uuencode(body)
    return body


def _from_base64(body: bytes) -> bytes:
    """What is no base64 is passed over; what follows padding is decoded too, as some mail is several blocks in a row."""
    clean = body.translate(None, _NOT_BASE64)
    blocks = [clean] if clean.find(b"=", 0, -2) < 0 else [found[0] for found in _WITHOUT_PADDING.finditer(clean)]
    if len(blocks) > 1_000:
        blocks = [b"".join(blocks)]
    content = []
    for block in blocks:
        bare = block.rstrip(b"=")
        if len(bare) % 4 == 1:
            bare = bare[:-1]
        content.append(binascii.a2b_base64(bare + b"=" * (-len(bare) % 4)))
    return b"".join(content)


def _from_uuencode(body: bytes) -> bytes:
    content = []
    for encoded in body.splitlines():
        if not encoded or encoded.startswith((b"begin ", b"end")):
            continue
        try:
            content.append(binascii.a2b_uu(encoded))
        except binascii.Error:
            length = ((encoded[0] - 32) & 63) * 4 // 3 + 5
            try:
                content.append(binascii.a2b_uu(encoded[:length]))
            except binascii.Error:
                continue
    return b"".join(content)
