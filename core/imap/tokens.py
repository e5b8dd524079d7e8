"""Tokens of a server's reply: parentheses, strings, atoms (RFC 3501 section 9). Pure, tolerant of deviations.

For short replies only: message bodies are read elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.imap.names import Reply
from core.text.patterns import pattern

_TOKEN = pattern(rb'\s*(?:(\()|(\))|"((?:\\.|[^"\\])*)"|([^\s()"]+))', re.DOTALL)
_LITERAL_SIZE = pattern(rb"\{\d+\+?\}$")
_DEEPEST = 8

#: A value in a reply: text, list of values, or NIL.
Value = bytes | list["Value"] | None


def tokens(replies: Iterable[Reply]) -> list[tuple[str, bytes]]:
    """Kind (``(``, ``)``, ``string``, ``atom``) and text of each part, the last one first, to be popped."""
    found: list[tuple[str, bytes]] = []
    for reply in replies:
        line = reply[0] if isinstance(reply, tuple) else reply or b""
        line = _LITERAL_SIZE.sub(b"", line.rstrip()) if isinstance(reply, tuple) else line
        at = 0
        while match := _TOKEN.match(line, at):
            opening, closing, quoted, atom = match.groups()
            if opening or closing:
                found.append((match[0].strip().decode(), b""))
            elif quoted is not None:
                found.append(("string", re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL)))
            else:
                found.append(("atom", atom))
            at = match.end()
        if isinstance(reply, tuple):
            found.append(("string", reply[1]))
    found.reverse()
    return found


def value(waiting: list[tuple[str, bytes]], depth: int = 0) -> Value:
    """Take the next value of ``tokens``. Raises ``ValueError``, ``IndexError``."""
    kind, text = waiting.pop()
    if kind == "string":
        return text
    if kind == "atom":
        return None if text.upper() == b"NIL" else text
    if kind == ")" or depth == _DEEPEST:
        raise ValueError(kind)
    values: list[Value] = []
    while waiting[-1][0] != ")":
        values.append(value(waiting, depth + 1))
    waiting.pop()
    return values
