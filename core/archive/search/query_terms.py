"""Terms of a query as values: words and their columns in the index, dates, sizes, folders. Pure."""

from __future__ import annotations

from datetime import date
from typing import TypeAlias

from core.errors import InputError
from core.problems.code import Reason
from core.values import dataclass

#: Columns of the text, by their names in queries.
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

    def __init__(self, reason: Reason, position: int) -> None:
        super().__init__(reason)
        self.position = position


@dataclass(frozen=True, slots=True)
class Words:
    """Consecutive folded words in one column of the index or (empty) in any. ``prefix``: the last one is a beginning.

    ``compact`` is one word that matches as well: the same number without its separators.
    """

    words: tuple[str, ...]
    column: str = ""
    prefix: bool = False
    compact: str = ""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A word of which ``text`` is the beginning, of one or two letters: in so many messages that each is tested by itself.

    ``share`` of all messages, from 0 to 1, have such a word. ``listed``: the ids of all of them, where they are few.
    """

    text: str
    column: str
    share: float
    listed: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class WordPart:
    """A word that contains the folded ``text``, or, with ``ending``, ends with it."""

    text: str
    column: str
    ending: bool
    position: int


@dataclass(frozen=True, slots=True)
class Attached:
    """Messages with attachments."""


@dataclass(frozen=True, slots=True)
class InFolder:
    """Messages in a folder of that name or below; ``name`` may be a path's end. Ignores case. ``prefix``: a beginning."""

    name: str
    prefix: bool
    position: int


@dataclass(frozen=True, slots=True)
class OfUser:
    """Messages in the archive of a user, given by name or address."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Within:
    """Messages of the user with the id ``user``; with ``folder`` in that path or below. Set by the program, never typed."""

    user: str
    folder: str = ""


#: Terms about the place of a message.
Where: TypeAlias = InFolder | OfUser | Within


@dataclass(frozen=True, slots=True)
class Dated:
    """Messages from the day ``first`` on and before the day ``end``, in local time; None is open."""

    first: date | None
    end: date | None


@dataclass(frozen=True, slots=True)
class Sized:
    """Messages of more than ``over`` bytes, and less than ``under``; None is open."""

    over: int | None
    under: int | None


@dataclass(frozen=True, slots=True)
class Numbered:
    """The message with that id, or with a SHA-256 that begins so."""

    id: str


@dataclass(frozen=True, slots=True)
class Not:
    """The messages that ``term`` does not match."""

    term: Node


@dataclass(frozen=True, slots=True)
class All:
    """The messages that match all terms."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """The messages that match at least one of the terms."""

    terms: tuple[Node, ...]


Node: TypeAlias = (
    Words | Beginning | WordPart | Attached | InFolder | OfUser | Within | Dated | Sized | Numbered | Not | All | Any
)


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query; a message must match all ``terms``."""

    text: str
    terms: tuple[Node, ...]
