"""A message's rows in the index: their columns, the row id, and the reason for a gap. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from enum import StrEnum

from core.problems.code import Reason
from core.problems.search import INDEX_DAMAGED, INDEX_FAILED, INDEX_PARTLY
from core.values import dataclass

#: The columns of the text, in order.
COLUMNS = ("subject", "sender", "recipients", "copies", "body", "files", "links", "ids")
#: The column of the message's text, and the others, which are short.
BODY = "body"
SHORT_COLUMNS = tuple(name for name in COLUMNS if name != BODY)
#: Row ids per second; messages before 1970 or without any date sort last. The index keeps the distance from each
#: to the next one for each word: with more of them it would be larger.
NUMBERS = 1 << 12


class Lack(StrEnum):
    """The reason why the index lacks some of a message.

    ``PARTLY``: a part of it cannot be read. ``DAMAGED``: its bytes cannot be read; they may be repaired. ``FAILED``: reading it
    ended with an error of this program, and would do so again.
    """

    PARTLY = "partly"
    DAMAGED = "damaged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Unread:
    """A message that is not fully indexed; ``reason`` names the gap."""

    message: int
    lack: Lack
    reason: str

    @property
    def why(self) -> Reason:
        """The gap as a problem."""
        return _CODES[self.lack](said=self.reason)


_CODES = {Lack.PARTLY: INDEX_PARTLY, Lack.DAMAGED: INDEX_DAMAGED, Lack.FAILED: INDEX_FAILED}


@dataclass(frozen=True, slots=True)
class Document:
    """The rows written for a message, with its folded columns."""

    message: int
    digest: int
    rowid: int
    size: int
    attachments: int
    columns: tuple[str, ...]
    unread: Unread | None
    #: The beginnings of the words of each column.
    beginnings: tuple[str, ...] = ("",) * len(COLUMNS)


@dataclass(slots=True)
class Batch:
    """Documents written together, and the words in which parts are sought. ``size``: the characters of all columns."""

    documents: list[Document] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    size: int = 0

    def add(self, documents: Iterable[Document], words: Iterable[str]) -> None:
        self.words.update(words)
        for one in documents:
            self.documents.append(one)
            self.size += sum(map(len, one.columns))


def floor(seconds: int) -> int:
    """The lowest row id that a message of that time or later can have."""
    return max(seconds, 0) * NUMBERS


def rowid(date: int | None, message: int) -> int:
    # Ids begin with 1: the first messages of one second are in their order.
    return max(date or 0, 0) * NUMBERS + (message - 1) % NUMBERS


def digest(sha256: bytes) -> int:
    """The beginning of a message's hash, by which the index checks that an id still means the same message."""
    return int.from_bytes(bytes(sha256)[:7], "big")
