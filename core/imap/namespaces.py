"""Replies to NAMESPACE (RFC 2342), and what they say of each folder. Pure functions.

The longest prefix counts, INBOX is always the mailbox's own, and what cannot be read tells nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.imap import names
from core.imap.names import Reply
from core.profiles.ownership import OWN, Evidence, Standing, Whose

_TOKEN = re.compile(rb'\s*(?:(\()|(\))|"((?:\\.|[^"\\])*)"|([^\s()"]+))', re.DOTALL)
_LITERAL_SIZE = re.compile(rb"\{\d+\+?\}$")
_KINDS = (Standing.OWN, Standing.OTHERS, Standing.SHARED)
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace: ``prefix`` as on the wire; ``delimiter`` is empty where names have no levels."""

    standing: Standing
    prefix: str
    delimiter: str

    @property
    def path(self) -> str:
        """The prefix as a path for people, without a trailing delimiter."""
        return names.path(self.prefix.removesuffix(self.delimiter) if self.delimiter else self.prefix, self.delimiter)

    def rest(self, name: str) -> str | None:
        """What follows the prefix in a folder's name; None for a folder of another namespace."""
        prefix, delimiter = _with_inbox(self.prefix, self.delimiter), self.delimiter
        name = _with_inbox(name, delimiter)
        if delimiter and name + delimiter == prefix:
            return ""
        if not name.startswith(prefix):
            return None
        rest = name[len(prefix) :]
        if not delimiter or not prefix or prefix.endswith(delimiter) or rest.startswith(delimiter) or not rest:
            return rest.removeprefix(delimiter) if delimiter else rest
        # "Other" is no beginning of "Others"; "~" is one of "~bob".
        return None if prefix[-1].isalnum() else rest


@dataclass(frozen=True, slots=True)
class Namespaces:
    """All namespaces that a server tells."""

    spaces: tuple[Namespace, ...] = ()

    def _of(self, name: str) -> tuple[Namespace, str] | None:
        """The namespace with the longest prefix that fits, and the rest of the name; the mailbox's own first."""
        found = [(space, rest) for space in self.spaces if (rest := space.rest(name)) is not None]
        return min(found, key=lambda one: (-len(one[0].prefix), _KINDS.index(one[0].standing))) if found else None

    def whose(self, name: str) -> Whose:
        """Whose the folder ``name`` (as on the wire) is."""
        if name.upper() == "INBOX":
            return OWN
        found = self._of(name)
        if found is None:
            # A server that tells no namespace of the mailbox's own has not said that this folder is in another one.
            tells_own = any(space.standing is Standing.OWN for space in self.spaces)
            return Whose(Standing.DOUBTFUL, evidence=Evidence.NAMESPACE) if tells_own else OWN
        space, rest = found
        if space.standing is Standing.OWN:
            return Whose(evidence=Evidence.NAMESPACE)
        owner = ""
        if space.standing is Standing.OTHERS:
            level = rest.split(space.delimiter)[0] if space.delimiter else rest
            owner = names.path(level, "")
        return Whose(space.standing, owner, Evidence.NAMESPACE, space.path)


def parse(replies: Iterable[Reply]) -> Namespaces | None:
    """The namespaces of a reply to NAMESPACE; None when it cannot be read."""
    tokens = _tokens(replies)
    try:
        lists = [_value(tokens) for _ in _KINDS]
    except (ValueError, IndexError):
        return None
    found = []
    for standing, spaces in zip(_KINDS, lists, strict=True):
        for space in spaces if isinstance(spaces, list) else []:
            # What follows the delimiter are extensions, which tell nothing that is needed here.
            if not isinstance(space, list) or len(space) < 2 or not isinstance(space[0], bytes):
                return None
            delimiter = space[1] if isinstance(space[1], bytes) else b""
            found.append(Namespace(standing, space[0].decode("latin-1"), delimiter.decode("latin-1")))
    return Namespaces(tuple(found))


_Value = bytes | list["_Value"] | None


def _tokens(replies: Iterable[Reply]) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for reply in replies:
        line = reply[0] if isinstance(reply, tuple) else reply or b""
        line = _LITERAL_SIZE.sub(b"", line.rstrip())
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


def _value(tokens: list[tuple[str, bytes]], depth: int = 0) -> _Value:
    """The next value of tokens in reverse order. Raises ``ValueError``, ``IndexError``."""
    kind, text = tokens.pop()
    if kind == "string":
        return text
    if kind == "atom":
        return None if text.upper() == b"NIL" else text
    if kind == ")" or depth == _DEEPEST:
        raise ValueError(kind)
    values: list[_Value] = []
    while tokens[-1][0] != ")":
        values.append(_value(tokens, depth + 1))
    tokens.pop()
    return values


def _with_inbox(name: str, delimiter: str) -> str:
    """``name`` with INBOX in capitals at its beginning, where case does not count (RFC 3501 section 5.1)."""
    top = name[:5]
    return "INBOX" + name[5:] if top.upper() == "INBOX" and (len(name) == 5 or name[5] == delimiter) else name
