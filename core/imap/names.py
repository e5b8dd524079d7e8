"""Parsing of folder names in LIST and STATUS lines, and modified UTF-7 (RFC 3501 sections 5.1.3, 7.2.2, 7.2.4). Pure.

A folder's identity is its name as on the wire, kept as text of Latin-1 characters (one a byte); its ``path`` is for display and
for the archive: decoded, levels joined by ``/`` whatever the server's separator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import field

from imapclient import imap_utf7

from core.masking import masked, masked_name
from core.problems import folder as problems
from core.profiles import rules
from core.profiles.ownership import OWN, Whose
from core.text.patterns import pattern
from core.values import dataclass

#: imaplib's form of a reply line: bytes, or a pair of the line up to a literal and the literal.
Reply = bytes | tuple[bytes, bytes] | None

# The delimiter has quotes (RFC 3501 section 9, ``mailbox-list``); servers exist that leave them out.
_LIST = pattern(
    rb'\((?P<flags>[^)]*)\) +(?:"(?P<quoted>(?:\\.|[^"\\])*)"|NIL|(?P<bare>[^\s"()])) +(?P<name>.+)',
    re.DOTALL | re.IGNORECASE,
)
_QUOTED = pattern(rb'"((?:\\.|[^"\\])*)"(.*)', re.DOTALL)
_HALF_QUOTED = pattern(rb'"(?!(?:\\.|[^"\\])*")', re.DOTALL)
_STATUS_ITEM = pattern(rb"(?<![A-Z0-9.])([A-Z0-9.]++) (\d{1,20})(?!\d)")

#: The largest number that the database keeps; a larger one is an error of the server.
LARGEST = 2**63 - 1
#: Bytes and levels; no mail program makes a longer name.
LONGEST_NAME, MOST_LEVELS = 4_000, 200
#: Characters of such a line that are shown.
_SHOWN = 200
#: Characters of it that are searched for a password.
_READ = 2000


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as LIST named it. ``attributes`` are in lower case, with their backslash.

    ``whose``: its owner, as far as known; a ``view`` shows messages of other folders; ``delimiter`` separates levels on the
    wire.
    """

    name: str
    path: str
    attributes: tuple[str, ...] = ()
    whose: Whose = OWN
    view: bool = False
    delimiter: str = field(default="/", compare=False)

    @property
    def selectable(self) -> bool:
        return not {"\\noselect", "\\nonexistent"} & set(self.attributes)


class Unused(str):
    """A line of the folder list without a usable folder, as text; ``reason`` says why."""

    __slots__ = ()
    reason = problems.UNREADABLE_LINE()


class NamesPassword(Unused):
    """The path of a folder whose name contains the password, without it."""

    __slots__ = ()
    #: The name would stay in the ledger, in archived paths and in every list.
    reason = problems.HOLDS_PASSWORD()


@dataclass(frozen=True, slots=True)
class Status:
    """A folder's STATUS: numbers by item name, such as ``{"UIDNEXT": 17}``.

    ``beside``: further state that must be unchanged.
    """

    items: dict[str, int] = field(default_factory=dict)
    beside: str = ""

    @property
    def signature(self) -> str:
        """A text that is equal while the folder's messages are unchanged; empty when the server did not tell enough."""
        if not {"UIDVALIDITY", "UIDNEXT", "MESSAGES"} <= self.items.keys():
            return ""
        told = [str(self.items.get(key, "")) for key in ("UIDVALIDITY", "UIDNEXT", "MESSAGES", "HIGHESTMODSEQ")]
        return ":".join([*told, *([self.beside] if self.beside else [])])


def folders(replies: Iterable[Reply]) -> tuple[list[Folder], list[Unused]]:
    """The folders of LIST replies, doubles dropped, and the unusable lines, as text."""
    found: dict[str, Folder] = {}
    unused: list[Unused] = []
    for line, literal in _joined(replies):
        match = _LIST.match(line)
        name, rest = _name(match["name"], literal) if match else (b"", b"")
        # Only a list may follow the name (RFC 5258 section 6): else it is a name with blanks, or an unclosed quote.
        delimiter = _unescape(match["quoted"] or match["bare"] or b"").decode("latin-1") if match else ""
        whole = (
            match is not None
            and re.match(rb"\s*(\(|$)", rest)
            and (literal is not None or not _HALF_QUOTED.match(match["name"]))
        )
        if match is None or not whole or not sensible(name.decode("latin-1"), delimiter):
            unused.append(Unused(masked((line[:_READ] + (literal or b""))[:_READ].decode("utf-8", "replace"))[:_SHOWN]))
            continue
        attributes = tuple(flag.lower() for flag in match["flags"].decode("latin-1").split())
        wire = name.decode("latin-1")
        # INBOX is one folder in any case (RFC 3501 section 5.1).
        key = wire.upper() if wire.upper() == "INBOX" else wire
        if key not in found:
            readable = path(wire, delimiter)
            if (shown := masked_name(readable)) != readable:
                unused.append(NamesPassword(shown[:_SHOWN]))
                continue
            found[key] = Folder(wire, readable, attributes, view=rules.is_view(attributes), delimiter=delimiter)
    return list(found.values()), unused


def statuses(replies: Iterable[Reply]) -> dict[str, Status]:
    """STATUS replies by the folder's name as on the wire; absurd numbers are skipped.

    HIGHESTMODSEQ may have 64 bits (RFC 4551 section 4): it is not used as a number.
    """
    found = {}
    for line, literal in _joined(replies):
        name, rest = _name(line, literal)
        items = {key.decode(): int(value) for key, value in _STATUS_ITEM.findall(rest.upper())}
        kept = {key: value for key, value in items.items() if value <= LARGEST or key == "HIGHESTMODSEQ"}
        found[name.decode("latin-1")] = Status(kept)
    return found


def named(replies: Iterable[Reply]) -> Iterator[tuple[str, bytes]]:
    """Yield the name at the start of each reply, as on the wire, and the rest of the line."""
    for line, literal in _joined(replies):
        name, rest = _name(line, literal)
        yield name.decode("latin-1"), rest


def sensible(wire: str, delimiter: str) -> bool:
    """True for a name that can be a folder's, by its length and its levels."""
    return len(wire) <= LONGEST_NAME and (not delimiter or wire.count(delimiter) < MOST_LEVELS)


def path(wire: str, delimiter: str) -> str:
    """The readable path of a folder: ``INBOX.Entw&APw-rfe`` with ``.`` is ``INBOX/Entwürfe``.

    A ``/`` inside a level becomes a division slash, so that levels stay what they are.
    """
    levels = wire.split(delimiter) if delimiter else [wire]
    readable = [_decode(level).replace("/", "\u2215") for level in levels]
    if levels[0].upper() == "INBOX":
        readable[0] = "INBOX"
    return "/".join(readable)


def wire(path: str, delimiter: str) -> str | None:
    """The name on the wire of a folder with this readable path, levels separated by ``delimiter``: reverse of ``path``.

    None when the server cannot have such a folder: a level contains the delimiter, or there are no levels.
    """
    # The division slash stands for one that is no delimiter.
    levels = [level if delimiter == "/" else level.replace("\u2215", "/") for level in path.split("/")]
    if not all(levels) or (not delimiter and len(levels) > 1):
        return None
    encoded = [imap_utf7.encode(level).decode("latin-1") for level in levels]
    if delimiter and any(delimiter in level for level in encoded):
        return None
    return delimiter.join(encoded)


def delimiter(replies: Iterable[Reply]) -> str:
    """The delimiter of levels, from the reply to LIST "" ""; empty when there is none, ``/`` without a reply."""
    for line, _ in _joined(replies):
        if match := _LIST.match(line):
            return _unescape(match["quoted"] or match["bare"] or b"").decode("latin-1")
    return "/"


def quote(wire: str) -> bytes:
    """A folder's name as a quoted string for a command."""
    name = wire.encode("latin-1")
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def needs_literal(wire: str) -> bool:
    """True for a name that a quoted string cannot hold (RFC 3501 section 9, ``QUOTED-CHAR``)."""
    return "\r" in wire or "\n" in wire


def _decode(level: str) -> str:
    raw = level.encode("latin-1")
    if not raw.isascii() or raw.rfind(b"&") > raw.rfind(b"-"):
        # Plain UTF-8 or something broken: shown as well as possible.
        return raw.decode("utf-8", "replace")
    try:
        text: str = imap_utf7.decode(raw)
        # Pairs of surrogates are characters beyond the basic plane; a lone one is an error of the server.
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except (UnicodeError, ValueError, IndexError):
        return level


def _joined(replies: Iterable[Reply]) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield each reply line with its literal, if it has one; the rest of a line after a literal is appended to the line."""
    pending: tuple[bytes, bytes] | None = None
    for reply in replies:
        if isinstance(reply, tuple):
            if pending:
                yield pending
            pending = (reply[0], reply[1])
        elif reply is not None and pending is not None:
            yield pending[0] + reply, pending[1]
            pending = None
        elif reply:
            yield reply, None
    if pending:
        yield pending


def _name(data: bytes, literal: bytes | None) -> tuple[bytes, bytes]:
    """The name at the start of ``data``, and the rest."""
    if literal is not None:
        return literal, re.sub(rb"^.*?\{\d+\+?\}", b"", data, count=1, flags=re.DOTALL)
    if match := _QUOTED.match(data):
        return _unescape(match.group(1)), match.group(2)
    name, _, rest = data.partition(b" ")
    return name, rest


def _unescape(data: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", data, flags=re.DOTALL)
