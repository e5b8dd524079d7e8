"""Terms of a query as values: words and their places in the index, dates, sizes, places. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from core.errors import InputError

#: Fields of the text, by what people call them.
TEXT_FIELDS = {
    "from": "sender",
    "to": "recipients",
    "cc": "copies",
    "subject": "subject",
    "body": "body",
    "filename": "files",
    "link": "links",
}
FIELDS = (*TEXT_FIELDS, "has", "folder", "user", "before", "after", "on", "larger", "smaller", "id")
#: The column of Message-IDs, which ``id:`` asks for.
IDS = "ids"


class QueryError(InputError):
    """A query that cannot be understood. ``position`` is the place in its text, counted from 0."""

    def __init__(self, message: str, hint: str, position: int) -> None:
        super().__init__(message, hint)
        self.position = position


@dataclass(frozen=True, slots=True)
class Words:
    """Folded words, one after the other, in one column of the index or (empty) in any. ``prefix``: the last one begins so.

    ``compact`` is the one word that is found as well: the same number without its separators.
    """

    words: tuple[str, ...]
    column: str = ""
    prefix: bool = False
    compact: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A word that has the folded ``text`` in it, or, with ``ending``, at its end."""

    text: str
    column: str
    ending: bool
    position: int


@dataclass(frozen=True, slots=True)
class Attached:
    """With attachments."""


@dataclass(frozen=True, slots=True)
class InFolder:
    """In a folder of that name, or below one; ``name`` may be a path's end. Without regard to case. ``prefix``: begins so."""

    name: str
    prefix: bool
    position: int


@dataclass(frozen=True, slots=True)
class OfUser:
    """In the archive of a user: a name or an address."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Within:
    """In the archive of the user with the id ``user``; with ``folder`` in the one of that path, or below. Never typed."""

    user: str
    folder: str = ""


#: What is said of the place of a message.
Where: TypeAlias = InFolder | OfUser | Within


@dataclass(frozen=True, slots=True)
class Dated:
    """From the day ``first`` on and before the day ``end``, in local time; None is open."""

    first: date | None
    end: date | None


@dataclass(frozen=True, slots=True)
class Sized:
    """More than ``over`` bytes, less than ``under``; None is open."""

    over: int | None
    under: int | None


@dataclass(frozen=True, slots=True)
class Numbered:
    """With that number, or a SHA-256 that begins so."""

    id: str


@dataclass(frozen=True, slots=True)
class Not:
    """The messages that ``term`` does not find."""

    term: Node


@dataclass(frozen=True, slots=True)
class All:
    """The messages that all terms find."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """The messages that at least one of the terms finds."""

    terms: tuple[Node, ...]


Node: TypeAlias = Words | Part | Attached | InFolder | OfUser | Within | Dated | Sized | Numbered | Not | All | Any


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was understood; ``terms`` must all find a message."""

    text: str
    terms: tuple[Node, ...]
