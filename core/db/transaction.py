"""Statements of one write transaction: each a crossing of threads from the loop, or all of them in the connection's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar, cast

import aiosqlite

from core.db.queries import Queries, Row

T = TypeVar("T")


class Transaction(Queries):
    """The statements of one write transaction."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> None:
        """Run one statement."""
        # One round trip to the connection's thread; with a cursor to close it would be two.
        await self._connection.execute_fetchall(sql, parameters)

    async def insert(self, sql: str, parameters: Iterable[Any] = ()) -> int:
        """Run one INSERT; the new row's id."""
        row = await self._connection.execute_insert(sql, parameters)
        return int(row[0]) if row else 0

    async def many(self, sql: str, rows: Iterable[Iterable[Any]]) -> None:
        """Run one statement for each of ``rows``."""
        async with self._connection.executemany(sql, rows):
            pass

    async def read(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        return list(await self._connection.execute_fetchall(sql, parameters))  # type: ignore[arg-type]


class Statements(Transaction):
    """The same in the connection's thread: no statement waits, so that a job runs to its end at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._bare = connection

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> None:
        self._bare.execute(sql, parameters).close()  # type: ignore[arg-type]

    async def insert(self, sql: str, parameters: Iterable[Any] = ()) -> int:
        return self._bare.execute(sql, parameters).lastrowid or 0  # type: ignore[arg-type]

    async def many(self, sql: str, rows: Iterable[Iterable[Any]]) -> None:
        self._bare.executemany(sql, rows)  # type: ignore[arg-type]

    async def read(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        return self._bare.execute(sql, parameters).fetchall()  # type: ignore[arg-type]


def at_once(job: Coroutine[Any, Any, T]) -> T:
    """The result of ``job``, which must not wait for anything: the loop is in another thread."""
    try:
        job.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    job.close()
    raise RuntimeError("a job of statements waited for something else")
