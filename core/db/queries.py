"""Queries in the forms that callers need, and lists of values in pieces that a statement takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from core.db.keys import keyed, listed

Row = tuple[Any, ...]


class Queries(ABC):
    """Forms of a query, each made of ``read``: of a database, of a transaction, of statements in one crossing of threads."""

    @abstractmethod
    async def read(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """All rows of a query."""

    async def one(self, sql: str, parameters: Iterable[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        rows = await self.read(sql, parameters)
        return rows[0] if rows else None

    async def value(self, sql: str, parameters: Iterable[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        row = await self.one(sql, parameters)
        return row[0] if row else None

    async def among(self, sql: str, values: Sequence[Any], before: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query in which ``IN (??)`` stands for the list of ``values``, asked in short pieces.

        ``before``: the parameters that come before that list. An ORDER BY orders the rows of one piece.
        """
        return [row for some, piece in pieces(sql, values) for row in await self.read(some, (*before, *piece))]

    async def matching(self, sql: str, keys: Sequence[Row], after: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query in which the table ``w`` with the columns a, b, c holds the ``keys``, asked in short pieces.

        ``after``: the parameters that come after the keys. An ORDER BY orders the rows of one piece.
        """
        return [row for table, piece in keyed(keys) for row in await self.read(f"{table} {sql}", (*piece, *after))]


def pieces(sql: str, values: Sequence[Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    """The statements, with their parameters, that together cover all ``values``; none for no values."""
    for piece in listed(values):
        yield sql.replace("(??)", f"({','.join('?' * len(piece))})"), piece
