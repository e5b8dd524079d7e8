"""The shape of a database file: its schema and the numbers in its header, compared with those that the program makes.

A foreign trigger, view or generated column would be run, or read, by the next statement about its table. So a file is compared
before anything is written to it, and again when its schema has changed since.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from functools import lru_cache
from typing import Any

from core.text.patterns import pattern
from core.values import dataclass

#: One statement, so that it reads one moment. The first column is empty for a number of the header.
QUESTION = (
    "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema "
    "UNION ALL SELECT '', 'application_id', '', application_id FROM pragma_application_id "
    "UNION ALL SELECT '', 'user_version', '', user_version FROM pragma_user_version "
    "UNION ALL SELECT '', 'encoding', '', encoding FROM pragma_encoding "
    "UNION ALL SELECT '', 'schema_version', '', schema_version FROM pragma_schema_version"
)
#: SQLite's tokens: names in each kind of quote marks, comments, blanks, words, and single characters.
_TOKEN = pattern(
    r"""'(?:[^']++|'')*+(?:'|\Z)|"(?:[^"]++|"")*+(?:"|\Z)|`(?:[^`]++|``)*+(?:`|\Z)|\[[^]]*+(?:\]|\Z)|--[^\n]*+"""
    r"""|/\*(?:[^*]++|\*(?!/))*+(?:\*/|\Z)|[ \t\n\f\r]++|[0-9A-Za-z_$\x80-\U0010ffff]++|[\s\S]"""
)
_WORD = pattern(r"[A-Za-z_][0-9A-Za-z_]*")
#: Differences listed; more are counted.
NAMED = 3
LONGEST_NAME = 40
#: Characters of SQL whose plain form is kept for the next file: all files of an archive have the same statements.
LONGEST_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Shape:
    """All objects of a schema, as (kind, name, table) and the SQL of each; ``version`` grows with each change of it."""

    objects: frozenset[tuple[tuple[str, str, str], str]]
    application_id: int
    user_version: int
    encoding: str
    version: int

    @classmethod
    def of(cls, rows: Iterable[tuple[Any, ...]]) -> Shape:
        """The shape from the rows of ``QUESTION``."""
        objects, numbers = set(), {}
        for kind, name, table, value in rows:
            if kind:
                sql = str(value)
                plain = _kept(sql) if len(sql) <= LONGEST_KEPT else _plain(sql)
                objects.add(((str(kind), str(name), str(table)), plain))
            else:
                numbers[name] = value
        return cls(
            frozenset(objects),
            int(numbers["application_id"]),
            int(numbers["user_version"]),
            str(numbers["encoding"]),
            int(numbers["schema_version"]),
        )

    def has(self, other: Shape, tables: Iterable[str]) -> bool:
        """True when the tables of these names are as in ``other``, without generated columns."""
        names = {("table", name, name) for name in tables}
        return {one for one in other.objects if one[0] in names} == {one for one in self.objects if one[0][1] in set(tables)}

    def differences(self, expected: Shape) -> str:
        """The first objects and numbers that differ from ``expected``, in words; empty when none does."""
        here, there = dict(self.objects), dict(expected.objects)
        said = [f"{_named(key)} does not belong there" for key in sorted(here.keys() - there.keys())]
        said += [f"{_named(key)} is missing" for key in sorted(there.keys() - here.keys())]
        said += [f"{_named(key)} was changed" for key in sorted(here.keys() & there.keys()) if here[key] != there[key]]
        for name in ("application_id", "user_version", "encoding"):
            if (found := getattr(self, name)) != (wanted := getattr(expected, name)):
                said.append(f"its {name} is {found} instead of {wanted}")
        more = len(said) - NAMED
        return "; ".join(said[:NAMED]) + (f"; and {more} more" if more > 0 else "")

    def without(self, other: Shape) -> Shape:
        """The shape without the objects that ``other`` has as well."""
        return Shape(self.objects - other.objects, self.application_id, self.user_version, self.encoding, self.version)


@lru_cache
def made_by(*scripts: str) -> Shape:
    """The shape of an empty database after ``scripts``."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        for script in scripts:
            connection.executescript(script)
        return Shape.of(connection.execute(QUESTION).fetchall())


def _plain(sql: str) -> str:
    """SQL in single blanks, without comments and needless quote marks, in which releases of SQLite and of this program differ.

    Read in SQLite's own tokens, so that nothing can hide in a place that is ignored here and heeded there.
    """
    return " ".join(filter(None, map(_token, _TOKEN.findall(sql))))


_kept = lru_cache(maxsize=256)(_plain)


def _token(text: str) -> str:
    if text[0] in " \t\n\f\r" or text.startswith(("--", "/*")):
        return ""
    return text[1:-1] if text[0] == '"' and _WORD.fullmatch(text[1:-1]) else text


def _named(key: tuple[str, str, str]) -> str:
    kind, name, table = (text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…" for text in key)
    return f"{kind} {name}" + (f" on {table}" if kind in ("trigger", "index") else "")
