"""The query language: parses what users type to find mail. Pure.

Words are sought together, ``"several words"`` in that order, ``-`` before a term excludes its results, ``OR`` binds closer than
the blank between words, parentheses closer than that, ``word*`` is the beginning of a word, ``*word*`` a part of one. Numbers
are found however they are separated. Fields stand before a colon; their values may be quoted. Errors have their position in the
text.
"""

from __future__ import annotations

import difflib
from datetime import date

from core.archive.search import folding, numbers
from core.archive.search.query_terms import (
    FIELDS,
    TEXT_FIELDS,
    All,
    Any,
    Attached,
    Dated,
    InFolder,
    Node,
    Not,
    Numbered,
    OfUser,
    Query,
    QueryError,
    Sized,
    Where,
    Within,
    WordPart,
    Words,
)
from core.archive.search.query_values import EXAMPLES, VALUES
from core.model import now
from core.problems import search as problems
from core.problems.code import Reason
from core.text.patterns import pattern

__all__ = (
    "FIELDS",
    "All",
    "Any",
    "Attached",
    "Dated",
    "InFolder",
    "Node",
    "Not",
    "Numbered",
    "OfUser",
    "Query",
    "QueryError",
    "Sized",
    "Where",
    "Within",
    "WordPart",
    "Words",
    "parse",
)

LONGEST = 4_000
MOST_TERMS = 100
DEEPEST = 20
#: Letters that a part of a word must have: shorter ones occur in most words.
SHORTEST_PART = 3

_SPACE = pattern(r"\s+")
_FIELD = pattern(r"([A-Za-z]+):(?!//)")
_BARE = pattern(r'[^\s()"]+')
_QUOTES = str.maketrans("“”„‟", '""""')


def parse(text: str, *, today: date | None = None) -> Query:
    """Parse a query. ``today`` is for dates such as ``yesterday``. Raises ``QueryError`` and nothing else."""
    if len(text) > LONGEST:
        raise QueryError(problems.TOO_LONG(most=LONGEST), LONGEST)
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
            raise QueryError(problems.EMPTY(), 0)
        found = self._all(0)
        if self._at < len(self._text):
            raise QueryError(problems.NOT_OPENED(), self._at)
        return found

    def _all(self, depth: int) -> tuple[Node, ...]:
        terms: list[Node] = []
        while not self._ends():
            if self._operator("AND"):
                if not terms or self._ends() or self._operator("AND", look=True) or self._operator("OR", look=True):
                    raise self._error(problems.AND_ALONE())
                continue
            terms.append(self._any(depth))
        return tuple(terms)

    def _any(self, depth: int) -> Node:
        if self._operator("OR", look=True):
            raise self._error(problems.NOTHING_BEFORE_OR())
        terms = [self._single(depth)]
        while self._operator("OR"):
            if self._ends() or self._operator("OR", look=True) or self._operator("AND", look=True):
                raise self._error(problems.NOTHING_AFTER_OR())
            terms.append(self._single(depth))
        return terms[0] if len(terms) == 1 else Any(tuple(terms))

    def _single(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self._error(problems.TOO_DEEP())
        start = self._at
        if self._text[start] == "-" or self._operator("NOT", look=True):
            self._at += 1 if self._text[start] == "-" else 3
            self._skip()
            if self._ends():
                raise QueryError(problems.NOTHING_LEFT_OUT(), start)
            return Not(self._single(depth + 1))
        if self._text[start] == "(":
            self._at += 1
            self._skip()
            terms = self._all(depth + 1)
            if self._at >= len(self._text):
                raise QueryError(problems.NOT_CLOSED(), start)
            if not terms:
                raise QueryError(problems.NOTHING_INSIDE(), start)
            self._at += 1
            self._skip()
            return terms[0] if len(terms) == 1 else All(terms)
        return self._term()

    def _term(self) -> Node:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise self._error(problems.TOO_MANY_TERMS(most=MOST_TERMS))
        start = self._at
        field = _FIELD.match(self._text, start)
        if field is None:
            return self._wanted("", start)
        name = field[1].lower()
        self._at = field.end()
        if self._at == len(self._text) or self._text[self._at].isspace() or self._text[self._at] in "()":
            if name not in FIELDS:
                # "Re:" and its like are words.
                self._skip()
                return self._words(name, False, "", start)
            raise QueryError(problems.NO_VALUE(field=name, example=EXAMPLES[name]), start)
        at = self._at
        if name not in FIELDS:
            reason = _no_field(name)
            raise QueryError(reason, start)
        if name in TEXT_FIELDS:
            return self._wanted(TEXT_FIELDS[name], at)
        value, prefix = self._value()
        return VALUES[name](value, prefix, at, self._today)

    def _wanted(self, column: str, start: int) -> Node:
        """Words, a part of one, or a number, whose blanks do not end it."""
        if spaced := numbers.spaced(self._text, start):
            self._at = start + len(spaced)
            self._skip()
            several = tuple(Words((word,), column) for word in folding.words(spaced))
            return Any((All(several), self._words(spaced, False, column, start)))
        value, prefix = self._value()
        words = folding.words(value)
        # Scripts without blanks are indexed by character, so that parts are found anyway.
        if self._text[start] == "*" and len(words) == 1:
            return self._part(words[0], not prefix, column, start)
        return self._words(value, prefix, column, start)

    def _part(self, word: str, ending: bool, column: str, position: int) -> WordPart:
        if len(word) < SHORTEST_PART or not word.isalpha():
            raise QueryError(problems.NO_PART(least=SHORTEST_PART), position)
        return WordPart(word, column, ending, position)

    def _value(self) -> tuple[str, bool]:
        """A quoted or bare value, and True if a ``*`` follows it."""
        start = self._at
        if self._text[start] == '"':
            end = self._text.find('"', start + 1)
            if end < 0:
                raise QueryError(problems.QUOTATION_NOT_CLOSED(), start)
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
            raise QueryError(problems.NO_WORD(), position)
        compact = folding.words(numbers.one(value))
        return Words(words, column, prefix, compact[0] if compact else "")

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

    def _error(self, reason: Reason) -> QueryError:
        return QueryError(reason, min(self._at, len(self._text)))


def _no_field(name: str) -> Reason:
    near = difflib.get_close_matches(name, FIELDS, 1)
    if near:
        return problems.FIELD_MISSPELT(field=name, meant=f"{near[0]}:")
    return problems.NO_FIELD(field=name, fields=tuple(f"{one}:" for one in FIELDS))
