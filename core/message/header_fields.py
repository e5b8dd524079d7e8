"""Header fields of a message or part, from its header block: values, parameters, all of them decoded. For any bytes."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from core.message.envelope import LONGEST_VALUE, characters, clean, line
from core.text.patterns import pattern

MOST_FIELDS = 2_000
LONGEST_FIELDS = 1024 * 1024  # bytes of all header fields together
LONGEST_NAME = 1_000

_ANY_FIELD = pattern(rb"\n([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_PARAMETER = pattern(rb"""(?<=[;\s])([^\s=;*"]++)(?:\*([0-9]{1,3}))?(\*)?\s*+=\s*+("(?:[^"\\]|\\.)*+"|[^;]*+)""", re.DOTALL)
_QUOTED_PAIR = pattern(rb"\\(.)", re.DOTALL)


def first(header: bytes, name: str) -> bytes:
    """The first value of a field in a header block that begins with a line end; empty when it is not there."""
    wanted = name.encode()
    if wanted not in header.lower():
        return b""
    for found in _ANY_FIELD.finditer(header):
        if found[1].lower() == wanted:
            return header[found.start(2) : min(found.end(2), found.start(2) + LONGEST_VALUE)]
    return b""


def parameter(value: bytes, name: str, likely: str = "") -> str:
    """A parameter of a field, also in pieces and with a charset (RFC 2231), or with encoded words as some programs write it."""
    wanted = name.encode()
    whole = b""
    pieces: dict[int, tuple[bytes, bool]] = {}
    for found in _PARAMETER.finditer(value):
        if found[1].lower() != wanted:
            continue
        text = found[4].strip()
        if len(text) >= 2 and text[:1] == text[-1:] == b'"':
            text = _QUOTED_PAIR.sub(rb"\1", text[1:-1])
        if found[2] is None and found[3] is None:
            whole = whole or text.strip(b'"')
        else:
            pieces.setdefault(int(found[2] or 0), (text, found[3] is not None))
    if not pieces:
        return line(whole, likely)
    charset = b""
    content = b""
    for number in sorted(pieces):
        text, extended = pieces[number]
        if extended:
            if not content and text.count(b"'") >= 2:
                charset, _, text = text.split(b"'", 2)
            text = unquote_to_bytes(text)
        content += text
    text = characters(content, charset.decode("ascii", "replace").lower())
    return " ".join(clean(text).split())


def decoded(header: bytes, charset: str, unread: dict[str, None]) -> tuple[tuple[str, str], ...]:
    """The fields of a header block, decoded; those in 8-bit characters without a label are in the charset of the text."""
    block = b"\n" + header[:LONGEST_FIELDS]
    found: list[tuple[str, str]] = []
    for one in _ANY_FIELD.finditer(block):
        if len(found) == MOST_FIELDS:
            unread[f"header fields beyond the first {MOST_FIELDS}"] = None
            break
        found.append((one[1][:LONGEST_NAME].decode("ascii"), line(one[2][:LONGEST_VALUE], charset)))
    if len(header) > LONGEST_FIELDS:
        unread["header fields beyond 1 MB"] = None
    if not found:
        unread["the header: there is none"] = None
    return tuple(found)


def stray(header: bytes) -> bytes:
    """Text among header fields that is no field: with an unterminated or missing header it is the message's text."""
    # As in decoded, a field is known by the line end before it.
    return _ANY_FIELD.sub(b"", b"\n" + header[:LONGEST_FIELDS].lstrip(b"\r\n")).strip(b"\r\n")
