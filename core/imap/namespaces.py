"""Whose folders are whose: the reply to NAMESPACE (RFC 2342), read tolerantly. Pure functions.

A server parts its folders into the user's own ones, those of other users and shared ones, each below a prefix; the prefix may
be empty, and ``INBOX.`` as Courier, Cyrus and many Dovecots have it. Prefixes and names are as on the wire, as text of Latin-1
characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.imap.names import Reply

_TOKEN = re.compile(rb'\s*(?:([()])|"((?:\\.|[^"\\])*)"|([^\s()"]+))', re.DOTALL)
_LITERAL = re.compile(rb"\{\d+\+?\}$")
#: Deeper is no reply that a server sends.
_DEEPEST = 10


class Whose(StrEnum):
    """Whose a folder is."""

    PERSONAL = "personal"
    OTHER = "other"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Namespace:
    """Folders below ``prefix``, their levels parted by ``delimiter`` (empty: they have no levels)."""

    prefix: str
    delimiter: str

    @property
    def root(self) -> str:
        """What the names of its folders begin with; a server may leave the delimiter out of the prefix."""
        if not self.prefix or not self.delimiter or self.prefix.endswith(self.delimiter):
            return self.prefix
        return self.prefix + self.delimiter

    def holds(self, name: str) -> bool:
        """Is this folder one of the namespace, or the one that it hangs from?"""
        root, name = _inbox_upper(self.root), _inbox_upper(name)
        return name.startswith(root) or (bool(self.delimiter) and name == root.removesuffix(self.delimiter))


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The namespaces of a server, in its order; none of a kind where it has none."""

    personal: tuple[Namespace, ...] = ()
    other: tuple[Namespace, ...] = ()
    shared: tuple[Namespace, ...] = ()

    @property
    def home(self) -> Namespace | None:
        """Where the user's own folders are made: without a prefix if that can be, else by the first one."""
        return next((one for one in self.personal if not one.prefix), next(iter(self.personal), None))

    def find(self, name: str) -> tuple[Whose, Namespace] | None:
        """Whose the folder ``name`` is: by the longest prefix that it has. None when it is in no namespace."""
        if name.upper() == "INBOX":
            return Whose.PERSONAL, self.home or Namespace("", "")
        kinds = ((Whose.PERSONAL, self.personal), (Whose.OTHER, self.other), (Whose.SHARED, self.shared))
        found = [(whose, one) for whose, several in kinds for one in several if one.holds(name)]
        # Of equal ones the first: what the server calls the user's own is that.
        return max(found, key=lambda one: len(one[1].root)) if found else None


def parse(replies: Iterable[Reply]) -> Namespaces | None:
    """The namespaces of the last NAMESPACE reply, without the word NAMESPACE. None when it cannot be understood."""
    try:
        found = list(_items(_tokens(replies)))
    except ValueError:
        return None
    # Of several replies the last one counts.
    kinds = [_kind(one) for one in found[-3:]]
    if len(found) < 3 or any(kind is None for kind in kinds):
        return None
    return Namespaces(*(kind for kind in kinds if kind is not None))


def _kind(value: Any) -> tuple[Namespace, ...] | None:
    """One of the three parts: NIL, or a list of namespaces."""
    if value is None:
        return ()
    if not isinstance(value, list):
        return None
    several = [value] if value and isinstance(value[0], bytes) else value
    found = []
    for one in several:
        # Extensions may follow prefix and delimiter (RFC 2342 section 6).
        if not isinstance(one, list) or len(one) < 2 or not isinstance(one[0], bytes):
            return None
        if not (one[1] is None or isinstance(one[1], bytes)):
            return None
        found.append(Namespace(one[0].decode("latin-1"), (one[1] or b"").decode("latin-1")))
    return tuple(found)


def _tokens(replies: Iterable[Reply]) -> Iterator[bytes | tuple[bytes | None]]:
    """Brackets as bytes, and values in a tuple, None for NIL."""
    for reply in replies:
        line, literal = reply if isinstance(reply, tuple) else (reply or b"", None)
        text = _LITERAL.sub(b"", line) if literal is not None else line
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise ValueError("a quote is never closed")
            at = match.end()
            if match[1]:
                yield match[1]
            elif match[2] is not None:
                yield (re.sub(rb"\\(.)", rb"\1", match[2], flags=re.DOTALL),)
            else:
                yield (None if match[3].upper() == b"NIL" else match[3],)
        if literal is not None:
            yield (literal,)


def _items(tokens: Iterator[bytes | tuple[bytes | None]], depth: int = 0) -> Iterator[Any]:
    """Values, and lists of them, to the end or to the bracket that closes."""
    for token in tokens:
        if isinstance(token, tuple):
            yield token[0]
        elif token == b"(":
            if depth == _DEEPEST:
                raise ValueError("brackets are nested too deeply")
            yield list(_items(tokens, depth + 1))
        elif depth:
            return
        else:
            raise ValueError("a bracket is closed that was never opened")
    if depth:
        raise ValueError("a bracket is never closed")


def _inbox_upper(name: str) -> str:
    """INBOX is written in any case (RFC 3501 section 5.1)."""
    return f"INBOX{name[5:]}" if name[:5].upper() == "INBOX" and not name[5:6].isalnum() else name
