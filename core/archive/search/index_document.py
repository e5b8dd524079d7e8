"""A message as a document of the index: folded columns, its row id, and the reason for a gap. Pure."""

from __future__ import annotations

import itertools
import logging
import re
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from core.archive.search import beginnings, folding
from core.archive.search.index_row import COLUMNS, Document, Lack, Unread, digest, rowid
from core.db.database import Row
from core.errors import BusyError, DamagedError, StorageError
from core.message import content
from core.message.content import Content
from core.message.octets import Bytes
from core.text.patterns import pattern

#: Columns that get numbers without their separators.
_NUMBERED = frozenset(("subject", "body", "files"))
#: Characters of one message's text that are indexed: more than this holds no more words worth finding.
MOST_TEXT = 2_000_000
#: Letters of words in which parts can be found: shorter ones have no useful parts. Compounds may be as long as the index keeps
#: a word.
SHORTEST_WORD, LONGEST_WORD = 4, folding.LONGEST_WORD
logger = logging.getLogger("archivar.search")

_ADDRESS = pattern(r"(?:https?|ftp)://[^\s<>\"'\\]++", re.IGNORECASE)
#: Characters of an address that are indexed.
_LONGEST_ADDRESS = 2_000


def documents(rows: Sequence[Row], raws: Sequence[Bytes | Exception]) -> tuple[list[Document], list[str]]:
    """The documents of catalog rows and the messages' bytes, in order, and their words in letters alone."""
    return split([document(row, raw) for row, raw in zip(rows, raws, strict=True)])


def document(row: Row, raw: Bytes | Exception) -> Document:
    """The document of a catalog row and the message's bytes, or of the error in place of them.

    Raises ``BusyError`` alone: a large message, of which the blocks are read only here, is to be tried again.
    """
    message, sha256, size, subject, sender, recipients, date, attachments = row
    # The catalog's columns are better than none.
    known = (subject, sender, recipients, *("",) * (len(COLUMNS) - 3))
    unread: Unread | None
    if isinstance(raw, Exception):
        folded, unread = _known(known), Unread(message, Lack.DAMAGED, str(raw))
    else:
        try:
            found = content.read(raw)
            columns, unread = _read(message, found, subject, sender)
            folded = _folded(columns)
            # An attachment shown as text is still an attachment for a reader.
            attachments = max(attachments, len(found.attachments))
        except (DamagedError, StorageError) as error:
            # It could be read a moment ago.
            folded, unread = _known(known), Unread(message, Lack.DAMAGED, str(error))
        except BusyError:
            raise
        except Exception as error:
            # One message must not keep all others from being indexed.
            unread = Unread(message, Lack.FAILED, f"reading it failed with {_place(error)}; this is a fault of Archivar")
            _tell(message, bytes(sha256).hex(), error)
            folded = _known(known)
    return Document(message, digest(sha256), rowid(date, message), size, attachments, folded, unread)


def _folded(columns: Sequence[str]) -> tuple[str, ...]:
    folded = tuple(
        (folding.indexed if name in _NUMBERED else folding.folded)(text.replace("\0", " "))
        for name, text in zip(COLUMNS, columns, strict=True)
    )
    for text in folded:
        # Text that UTF-8 cannot hold would end the batch.
        text.encode()
    return folded


def _known(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns from the catalog, empty where unreadable: folder and size still find the message."""
    try:
        return _folded(columns)
    except Exception:
        return ("",) * len(columns)


def _place(error: Exception) -> str:
    """The kind of an error and the line of code; its text could hold any part of the message."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


#: Failures that one process logs, with and without the traceback: the index lists all of them.
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


def split(documents: Iterable[Document]) -> tuple[list[Document], list[str]]:
    """Documents with the beginnings of their words, and the words in which parts are sought, each once."""
    found: list[Document] = []
    words = set[str]()
    for one in documents:
        columns = [set(beginnings.words(text)) if text else () for text in one.columns]
        words.update(*columns)
        found.append(replace(one, beginnings=tuple(map(beginnings.beginnings, columns))))
    return found, [word for word in words if SHORTEST_WORD <= len(word) <= LONGEST_WORD and word.isalpha()]


def _read(message: int, found: Content, subject: str, sender: str) -> tuple[tuple[str, ...], Unread | None]:
    """The columns of a message, with those of messages in it, and the parts that could not be read."""
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
    """The values of header fields, of the message and of messages in it."""
    return "\n".join(value for passage in found.passages for value in passage.values(*names))
