"""What people type to find mail, taken apart. Pure.

Words are sought together, ``"several words"`` in that order, ``-`` before something leaves out what it finds, ``OR`` binds
closer than the blank between words, parentheses closer than that, ``word*`` is how a word begins. Fields stand before a colon;
their values may be quoted. Errors know the place in the text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

from core.archive import folding
from core.errors import InputError
from core.model import now
from core.profiles import sizes

LONGEST = 4_000
MOST_TERMS = 100
DEEPEST = 20
#: Fields of the text, by what people call them.
TEXT_FIELDS = {"from": "sender", "to": "recipients", "cc": "copies", "subject": "subject", "body": "body", "filename": "files"}
FIELDS = (*TEXT_FIELDS, "has", "folder", "user", "before", "after", "on", "larger", "smaller", "id")

_SPACE = re.compile(r"\s+")
_FIELD = re.compile(r"([A-Za-z]+):(?!//)")
_BARE = re.compile(r'[^\s()"]+')
_QUOTES = str.maketrans("“”„‟", '""""')
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
_DATE_WITH_DOTS = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_DAYS_AGO = re.compile(r"(\d{1,4})([dwmy])", re.ASCII)
_ID = re.compile(r"[0-9]{1,18}|[0-9a-f]{8,64}", re.ASCII)
_UNITS = {"d": 1, "w": 7, "m": 30, "y": 365}
_DATE_HINT = "Write 2024, 2024-05, 2024-05-31, 31.05.2024, today, yesterday or 7d (that long ago)."


class QueryError(InputError):
    """A query that cannot be understood. ``position`` is the place in its text, counted from 0."""

    def __init__(self, message: str, hint: str, position: int) -> None:
        super().__init__(message, hint)
        self.position = position


@dataclass(frozen=True, slots=True)
class Words:
    """Folded words, one after the other, in one column of the index or (empty) in any. ``prefix``: the last one begins so."""

    words: tuple[str, ...]
    column: str = ""
    prefix: bool = False


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
    """What ``term`` does not find."""

    term: Node


@dataclass(frozen=True, slots=True)
class All:
    """What all terms find."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """What one of the terms finds, or several."""

    terms: tuple[Node, ...]


Node: TypeAlias = Words | Attached | InFolder | OfUser | Within | Dated | Sized | Numbered | Not | All | Any


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was understood; ``terms`` must all find a message."""

    text: str
    terms: tuple[Node, ...]


def parse(text: str, *, today: date | None = None) -> Query:
    """Take a query apart. ``today`` is for dates such as ``yesterday``. Raises ``QueryError`` and nothing else."""
    if len(text) > LONGEST:
        raise QueryError(f"The query is longer than {LONGEST:,} characters.", "Leave out some of it.", LONGEST)
    return Query(text, _Parser(text.translate(_QUOTES), today or now().astimezone().date()).parse())


class _Parser:
    def __init__(self, text: str, today: date) -> None:
        self._text = text
        self._today = today
        self._at = 0
        self._terms = 0

    def parse(self) -> tuple[Node, ...]:
        self._skip()
        if self._at == len(self._text):
            raise QueryError("There is nothing to search for.", "Type a word, or a field such as from:anna.", 0)
        found = self._all(0)
        if self._at < len(self._text):
            raise QueryError("There is no opening parenthesis for this one.", "Take it away, or add one before.", self._at)
        return found

    def _all(self, depth: int) -> tuple[Node, ...]:
        terms: list[Node] = []
        while not self._ends():
            if self._operator("AND"):
                if not terms or self._ends() or self._operator("AND", look=True) or self._operator("OR", look=True):
                    raise self._error("AND needs something on both sides.", 'To search the word, write "AND" in quotes.')
                continue
            terms.append(self._any(depth))
        return tuple(terms)

    def _any(self, depth: int) -> Node:
        if self._operator("OR", look=True):
            raise self._error("OR needs something before it.", 'To search the word, write "OR" in quotes.')
        terms = [self._single(depth)]
        while self._operator("OR"):
            if self._ends() or self._operator("OR", look=True) or self._operator("AND", look=True):
                raise self._error("OR needs something after it.", 'To search the word, write "OR" in quotes.')
            terms.append(self._single(depth))
        return terms[0] if len(terms) == 1 else Any(tuple(terms))

    def _single(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self._error("This is nested too deep.", "Leave out some parentheses.")
        start = self._at
        if self._text[start] == "-" or self._operator("NOT", look=True):
            self._at += 1 if self._text[start] == "-" else 3
            self._skip()
            if self._ends():
                raise QueryError("There is nothing to leave out here.", "Write -word, without a blank.", start)
            return Not(self._single(depth + 1))
        if self._text[start] == "(":
            self._at += 1
            self._skip()
            terms = self._all(depth + 1)
            if self._at >= len(self._text):
                raise QueryError("This parenthesis is not closed.", 'Add ")" where it ends.', start)
            if not terms:
                raise QueryError("There is nothing in these parentheses.", "Take them away.", start)
            self._at += 1
            self._skip()
            return terms[0] if len(terms) == 1 else All(terms)
        return self._term()

    def _term(self) -> Node:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise self._error(f"These are more than {MOST_TERMS} terms.", "Leave out some of them.")
        start = self._at
        field = _FIELD.match(self._text, start)
        if field is None:
            value, prefix = self._value()
            return self._words(value, prefix, "", start)
        name = field[1].lower()
        self._at = field.end()
        if self._at == len(self._text) or self._text[self._at].isspace() or self._text[self._at] in "()":
            if name not in FIELDS:
                # "Re:" and its like are words.
                self._skip()
                return self._words(name, False, "", start)
            raise QueryError(f"{name}: needs a value.", f"Write it after the colon, without a blank: {_EXAMPLES[name]}", start)
        at = self._at
        if name not in FIELDS:
            raise QueryError(f'There is no field "{name}".', _field_hint(name), start)
        value, prefix = self._value()
        if name in TEXT_FIELDS:
            return self._words(value, prefix, TEXT_FIELDS[name], at)
        return _VALUES[name](value, prefix, at, self._today)

    def _value(self) -> tuple[str, bool]:
        """A quoted or bare value, and whether a ``*`` follows it."""
        start = self._at
        if self._text[start] == '"':
            end = self._text.find('"', start + 1)
            if end < 0:
                raise QueryError("This quotation mark is not closed.", 'Add " where the phrase ends.', start)
            value = self._text[start + 1 : end]
            self._at = end + 1
            prefix = self._text[self._at : self._at + 1] == "*"
            self._at += prefix
        else:
            found = _BARE.match(self._text, start)
            bare = found[0] if found else ""
            self._at = start + len(bare)
            value, prefix = bare.rstrip("*"), bare.endswith("*")
        self._skip()
        return value, prefix

    def _words(self, value: str, prefix: bool, column: str, position: int) -> Words:
        words = tuple(folding.words(value))
        if not words:
            raise QueryError("There is no letter or digit in this.", "Only words and numbers can be found.", position)
        return Words(words, column, prefix)

    def _operator(self, word: str, *, look: bool = False) -> bool:
        end = self._at + len(word)
        if not self._text.startswith(word, self._at) or not (end == len(self._text) or self._text[end] in ' \t\r\n()"'):
            return False
        if not look:
            self._at = end
            self._skip()
        return True

    def _ends(self) -> bool:
        return self._at >= len(self._text) or self._text[self._at] == ")"

    def _skip(self) -> None:
        if found := _SPACE.match(self._text, self._at):
            self._at = found.end()

    def _error(self, message: str, hint: str) -> QueryError:
        return QueryError(message, hint, min(self._at, len(self._text)))


def _field_hint(name: str) -> str:
    near = difflib.get_close_matches(name, FIELDS, 1)
    meant = f"Did you mean {near[0]}:? " if near else f"Fields are {', '.join(f'{one}:' for one in FIELDS)}. "
    return f"{meant}To search the text, put it in quotes."


def _has(value: str, prefix: bool, position: int, today: date) -> Node:
    if value.casefold() not in ("attachment", "attachments"):
        raise QueryError(f"has: does not know {value!r}.", "Write has:attachment.", position)
    return Attached()


def _folder(value: str, prefix: bool, position: int, today: date) -> Node:
    name = value.strip("/").casefold()
    if not name:
        raise QueryError("This is no name of a folder.", 'Write folder:INBOX or folder:"Sent Items".', position)
    return InFolder(name, prefix, position)


def _user(value: str, prefix: bool, position: int, today: date) -> Node:
    if not value.strip():
        raise QueryError("This is no name of a user.", "Write user:anna or user:anna@example.test.", position)
    return OfUser(value.strip(), position)


def _before(value: str, prefix: bool, position: int, today: date) -> Node:
    return Dated(None, _days(value, position, today)[0])


def _after(value: str, prefix: bool, position: int, today: date) -> Node:
    return Dated(_days(value, position, today)[0], None)


def _on(value: str, prefix: bool, position: int, today: date) -> Node:
    return Dated(*_days(value, position, today))


def _days(value: str, position: int, today: date) -> tuple[date, date]:
    """The first day of what ``value`` names, and the first day after it."""
    word = value.strip().casefold()
    try:
        if word in ("today", "yesterday"):
            first = today - timedelta(days=word == "yesterday")
            return first, first + timedelta(days=1)
        if found := _DAYS_AGO.fullmatch(word):
            first = today - timedelta(days=int(found[1]) * _UNITS[found[2]])
            return first, first + timedelta(days=1)
        if found := _DATE_WITH_DOTS.fullmatch(word):
            first = date(int(found[3]), int(found[2]), int(found[1]))
            return first, first + timedelta(days=1)
        if found := _DATE.fullmatch(word):
            year, month, day = (int(part) if part else 0 for part in found.groups())
            first = date(year, month or 1, day or 1)
            if day:
                return first, first + timedelta(days=1)
            return first, date(year + (month in (0, 12)), month % 12 + 1 if month else 1, 1)
    except (ValueError, OverflowError):
        raise QueryError(f"There is no day {value!r}.", _DATE_HINT, position) from None
    raise QueryError(f"{value!r} is no date.", _DATE_HINT, position)


def _larger(value: str, prefix: bool, position: int, today: date) -> Node:
    return Sized(_bytes(value, position), None)


def _smaller(value: str, prefix: bool, position: int, today: date) -> Node:
    return Sized(None, _bytes(value, position))


def _bytes(value: str, position: int) -> int:
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 16:
        return int(text)
    try:
        return sizes.parse(text if text[-1:] in "bB" else f"{text}B")
    except ValueError:
        raise QueryError(f"{value!r} is no size.", "Write 500kB, 10MB or a number of bytes.", position) from None


def _id(value: str, prefix: bool, position: int, today: date) -> Node:
    if not _ID.fullmatch(value.strip().lower()):
        raise QueryError("This is no id.", "Write a message's number, or at least 8 digits of its SHA-256.", position)
    return Numbered(value.strip().lower())


_VALUES: dict[str, Callable[[str, bool, int, date], Node]] = {
    "has": _has,
    "folder": _folder,
    "user": _user,
    "before": _before,
    "after": _after,
    "on": _on,
    "larger": _larger,
    "smaller": _smaller,
    "id": _id,
}
_EXAMPLES = {name: f"{name}:word" for name in TEXT_FIELDS} | {
    "has": "has:attachment",
    "folder": "folder:INBOX",
    "user": "user:anna",
    "before": "before:2024-05-31",
    "after": "after:2024-05",
    "on": "on:yesterday",
    "larger": "larger:5MB",
    "smaller": "smaller:10kB",
    "id": "id:1234",
}
