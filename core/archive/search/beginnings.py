"""The beginnings of a message's words, one or two letters of each: tested message by message, without lists of all words.

A text of beginnings has each of them once, in any order, so that one is found by a plain search in it: a beginning starts with
a character that is in no word (a capital letter, or a sign for a digit), and another letter than those of ASCII stands behind
``OTHER``. Pure, but for the full-text index in memory that is asked about characters.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from functools import cache
from operator import itemgetter
from string import ascii_lowercase, digits

from core.archive.search.index_row import BODY, SHORT_COLUMNS

#: Letters of the longest beginning.
LONGEST = 2
#: The mark before a letter that has no sign of its own.
OTHER = "~"
#: How the index takes texts apart.
TOKENIZER = "unicode61 remove_diacritics 0 categories 'L* N*'"

_TABLE = f'CREATE VIRTUAL TABLE one USING fts5 (words, tokenize = "{TOKENIZER}")'
#: Characters up to which each is asked about by itself.
_FEW = 16
_SIGNS = {letter: letter.upper() for letter in ascii_lowercase} | dict(zip(digits, "!#$%&()+-=", strict=True))
#: Beginnings that are kept with their signs: those of scripts without an alphabet are many.
_MOST_KEPT = 100_000


class _Signed(dict[str, str]):
    """Beginnings with the sign of their first letter, as they were asked for."""

    def __missing__(self, beginning: str) -> str:
        if len(self) > _MOST_KEPT:
            self.clear()
        found = self[beginning] = f"{_SIGNS.get(beginning[0], OTHER + beginning[0])}{beginning[1:]}"
        return found


class _Between(dict[int, int]):
    """Characters by their codes, with a blank for those that the index takes for none of a word: it is asked once for each."""

    def __missing__(self, code: int) -> int:
        found = self[code] = ord(" ") if _separates(chr(code)) else code
        return found


def _separates(character: str) -> bool:
    code, asked = ord(character), _asked()
    asked.execute("INSERT OR IGNORE INTO one (rowid, words) VALUES (?, ?)", (code, f"a{character}b"))
    return bool(asked.execute("SELECT 1 FROM one WHERE one MATCH 'b' AND rowid = ?", (code,)).fetchall())


@cache
def _asked() -> sqlite3.Connection:
    """An index of one character a row, in memory."""
    connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    connection.execute(_TABLE)
    return connection


_BEGINNING = itemgetter(slice(LONGEST))
_SIGNED = _Signed()
_BETWEEN = _Between({code: code if chr(code).isalnum() else ord(" ") for code in range(128)})


def _learn(codes: set[int]) -> None:
    """Ask about many characters at once: each by itself takes ten times as long."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(_TABLE)
        connection.execute("BEGIN")
        # Halves of characters are in no text that the index can have.
        rows = ((code, f"a{chr(code)}b") for code in codes if not 0xD800 <= code <= 0xDFFF)
        connection.executemany("INSERT INTO one (rowid, words) VALUES (?, ?)", rows)
        separating = {row[0] for row in connection.execute("SELECT rowid FROM one WHERE one MATCH 'b'")}
    _BETWEEN.update({code: ord(" ") if code in separating else code for code in codes})


def words(text: str) -> list[str]:
    """The words of a folded text as the index takes it apart."""
    if not text.isascii() and len(unknown := set(map(ord, set(text))) - _BETWEEN.keys()) > _FEW:
        _learn(unknown)
    return text.translate(_BETWEEN).split()


def beginnings(words: Iterable[str]) -> str:
    """The text of the beginnings of folded words."""
    return "".join(map(_SIGNED.__getitem__, set(map(_BEGINNING, words))))


def testable(beginning: str) -> bool:
    """True for the beginning of a word that is short enough to be in such texts."""
    return 0 < len(beginning) <= LONGEST and words(beginning) == [beginning]


def condition(column: str, value: str, message: str) -> str:
    """The SQL condition that the ``message`` has the ``signed`` beginning ``value`` in a column, or (empty) in any.

    ``message`` is an expression for its id; the texts stand in the tables ``beginning`` and ``body_beginning``.
    """
    body = f"(SELECT {_within(BODY, value)} FROM body_beginning b WHERE b.message_id = {message})"
    if column == BODY:
        return body
    short = " OR ".join(_within(name, value) for name in ((column,) if column else SHORT_COLUMNS))
    elsewhere = f"(SELECT {short} FROM beginning b WHERE b.message_id = {message})"
    # The text of a message has most words, so that it comes first.
    return elsewhere if column else f"({body} OR {elsewhere})"


def listed(column: str, value: str) -> str:
    """SQL: the ids of all messages that have it in a short column, by a look at each row."""
    return f"SELECT message_id FROM beginning WHERE {_within(column, value)}"


def _within(column: str, value: str) -> str:
    return f"instr({column}, {value}) > 0"


def signed(beginning: str) -> str:
    """A beginning as it stands in a text of them."""
    return _SIGNED[beginning]
