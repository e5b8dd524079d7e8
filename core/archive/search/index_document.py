"""A message as it stands in the index: the columns of its text, folded, its number, and what could not be read of it. Pure."""

from __future__ import annotations

import itertools
import logging
import re
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.archive.search import folding
from core.db.database import Row
from core.message import content
from core.message.content import Content

#: The columns of the text, in order.
COLUMNS = ("subject", "sender", "recipients", "copies", "body", "files", "links", "ids")
#: Those in which numbers are written with separators.
_NUMBERED = frozenset(("subject", "body", "files"))
#: Characters of one message's text that are indexed: a list of parts of 4 MB has no more words than that.
MOST_TEXT = 2_000_000
#: Letters of words in which parts can be found: what is shorter has none to speak of. Compounds may have as many as the index
#: keeps of a word.
SHORTEST_WORD, LONGEST_WORD = 4, folding.LONGEST_WORD
#: What is older than 1970, or has no date anywhere, stands at the end.
_NUMBERS = 1 << 25

logger = logging.getLogger("archivar.search")

_ADDRESS = re.compile(r"(?:https?|ftp)://[^\s<>\"'\\]++", re.IGNORECASE)
#: Characters of an address that are indexed.
_LONGEST_ADDRESS = 2_000
_WORD = re.compile(r"[^\W_]+")


class Lack(StrEnum):
    """The reason why the index has not all of a message.

    ``PARTLY``: something in it cannot be read. ``DAMAGED``: its bytes cannot be had; they may be repaired. ``FAILED``: reading
    it ended with an error of this program, and would do so again.
    """

    PARTLY = "partly"
    DAMAGED = "damaged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Unread:
    """A message of which the index has not all; ``reason`` says what is missing."""

    message: int
    lack: Lack
    reason: str


@dataclass(frozen=True, slots=True)
class Document:
    """The rows that are written for a message: its folded columns, and all words in them."""

    message: int
    digest: int
    rowid: int
    size: int
    attachments: int
    columns: tuple[str, ...]
    words: frozenset[str]
    unread: Unread | None


def floor(seconds: int) -> int:
    """The lowest number that a text of that time or later can have."""
    return max(seconds, 0) * _NUMBERS


def _rowid(date: int | None, message: int) -> int:
    return max(date or 0, 0) * _NUMBERS + message % _NUMBERS


def digest(sha256: bytes) -> int:
    """The beginning of a message's hash, by which the index knows that a number still means the same message."""
    return int.from_bytes(bytes(sha256)[:7], "big")


def document(row: Row, raw: bytes | Exception) -> Document:
    """A row of the catalog and the message's bytes, or why they cannot be had, as it is indexed. Raises nothing."""
    message, sha256, size, subject, sender, recipients, date, attachments = row
    # What the catalog knows of it is better than nothing.
    known = (subject, sender, recipients, *("",) * (len(COLUMNS) - 3))
    unread: Unread | None
    if isinstance(raw, Exception):
        folded, unread = _known(known), Unread(message, Lack.DAMAGED, str(raw))
    else:
        try:
            found = content.read(raw)
            columns, unread = _read(message, found, subject, sender)
            folded = _folded(columns)
            # A file that stands in a text is one for a reader.
            attachments = max(attachments, len(found.attachments))
        except Exception as error:
            # One message must not keep all others from being found.
            unread = Unread(message, Lack.FAILED, f"reading it failed with {_place(error)}; this is a fault of Archivar")
            _tell(message, bytes(sha256).hex(), error)
            folded = _known(known)
    words = frozenset(_WORD.findall("\n".join(folded)))
    return Document(message, digest(sha256), _rowid(date, message), size, attachments, folded, words, unread)


def _folded(columns: Sequence[str]) -> tuple[str, ...]:
    folded = tuple(
        (folding.indexed if name in _NUMBERED else folding.folded)(text.replace("\0", " "))
        for name, text in zip(COLUMNS, columns, strict=True)
    )
    for text in folded:
        # What cannot be written would end the batch.
        text.encode()
    return folded


def _known(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns as the catalog has them, or empty ones where those cannot be read: place and size still find the message."""
    try:
        return _folded(columns)
    except Exception:
        return ("",) * len(columns)


def _place(error: Exception) -> str:
    """The kind of an error and the line of code; its text could hold any part of the message."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


#: How many of those whose reading failed one process tells, with and without the traceback: the index names all of them.
_TRACEBACKS, _LINES, _LONGEST_TRACEBACK = 5, 100, 4_000
_told = itertools.count(1)


def _tell(message: int, sha256: str, error: Exception) -> None:
    number = next(_told)
    if number <= _LINES:
        said = f"message {message} (SHA-256 {sha256}) cannot be indexed whole: {_place(error)}"
        if number <= _TRACEBACKS:
            frames = "".join(traceback.format_tb(error.__traceback__))
            said += f"\n{frames[:_LONGEST_TRACEBACK]}"
        logger.error("%s", said)


def lettered(documents: Iterable[Document]) -> list[str]:
    """The words of messages in which parts are sought, each once."""
    words = frozenset[str]().union(*(one.words for one in documents))
    return sorted(word for word in words if SHORTEST_WORD <= len(word) <= LONGEST_WORD and word.isalpha())


def _read(message: int, found: Content, subject: str, sender: str) -> tuple[tuple[str, ...], Unread | None]:
    """The columns of a message, with those of messages in it, and what of it could not be read."""
    unread = list(found.unread)
    body = "\n".join((*(passage.text for passage in found.passages), *found.descriptions))
    if len(body) > MOST_TEXT:
        unread.append(f"text beyond {MOST_TEXT:,} characters")
    addresses = _ADDRESS.findall(body[:MOST_TEXT]) if "://" in body else ()
    columns = (
        _values(found, "subject", "comments", "keywords") or subject,
        _values(found, "from", "sender", "reply-to") or sender,
        _values(found, "to", "bcc", "resent-to", "delivered-to"),
        _values(found, "cc", "resent-cc"),
        body[:MOST_TEXT],
        "\n".join(one.name for one in found.attachments),
        "\n".join(dict.fromkeys((*found.targets, *(one[:_LONGEST_ADDRESS] for one in addresses)))),
        _values(found, "message-id"),
    )
    return columns, Unread(message, Lack.PARTLY, "; ".join(unread)[:1000]) if unread else None


def _values(found: Content, *names: str) -> str:
    """The values of header fields, of the message and of those in it."""
    return "\n".join(value for passage in found.passages for value in passage.values(*names))
