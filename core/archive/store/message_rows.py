"""Finds messages of one volume by their SHA-256.

A sealed volume has an index for that. An open one has none, since it would be written all over for each batch: the catalog says
in which row a message is, and each row is matched with the SHA-256. What the catalog does not know is looked for in the rows
that were written last, then in those behind what the catalog knows, and then in all of them; the rows that were looked at are
kept in a scratch file from then on.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

from core.db.database import Database
from core.db.queries import pieces
from core.errors import DamagedError, StorageError


class Locator(Protocol):
    """The rows of the messages of one volume as far as they are known without the volume."""

    async def rows(self, digests: Sequence[bytes]) -> dict[bytes, int]:
        """The rows of those of ``digests`` that are known."""

    async def last(self) -> int:
        """The last row that is known, nearly; 0 for none. Messages that are not known are most likely behind it."""


#: Rows at the end that are looked at before all of them.
TAIL_ROWS = 2_000
#: Rows that are read, or noted, at once.
PAGE_ROWS = 20_000
#: Numbers of rows after a damaged page that are each asked for.
STEP = 500
#: Bytes that a row takes at least: a damaged number of a row may be any.
LEAST_BYTES = 32
KEY_BYTES = 8
#: Of an indexed volume; in one of format 1 the rows have no numbers.
_FOUND = "SELECT {id}, sha256, size, recipe FROM message WHERE sha256 IN (??)"
_AT = "SELECT id, sha256, size, recipe FROM message WHERE id IN (??) ORDER BY id"


class ScratchError(StorageError):
    """There is no room for the scratch file: that says nothing about the volume."""


class Record(NamedTuple):
    """A message in a volume: its row (None in format 1), its size in bytes and its recipe; a damaged file may say anything."""

    row: int | None
    size: int
    recipe: bytes


class MessageRows:
    """The rows of the messages of a volume. ``indexed``: it has an index by SHA-256; ``numbered``: its rows have numbers."""

    def __init__(self, *, indexed: bool, numbered: bool = True, locate: Locator | None = None) -> None:
        self.indexed = indexed
        self._numbered = numbered
        self._sql = _FOUND.format(id="id" if numbered else "NULL")
        self._locate = locate
        self._scan: _Scan | None = None
        self._turn = asyncio.Lock()

    async def find(self, database: Database, digests: Sequence[bytes]) -> dict[bytes, Record]:
        """The records of those of ``digests`` that the volume has. Raises ``DamagedError``, ``StorageError``."""
        found: dict[bytes, Record] = {}
        damage: DamagedError | None = None
        if self.indexed:
            try:
                found = await database.job(partial(_records, self._sql, digests, set(digests)))
            except DamagedError as error:
                if not self._numbered:
                    raise
                # The rows are apart from their index.
                damage = error
        left = [sha256 for sha256 in digests if sha256 not in found]
        if left and self._numbered and self._locate is not None and (located := await self._locate.rows(left)):
            found |= await database.job(partial(_records, _AT, sorted(located.values()), set(left)))
            left = [sha256 for sha256 in left if sha256 not in found]
        if left and (damage is not None or not self.indexed):
            found |= await self._scanned(database, left)
        return found

    async def others(self, database: Database, sha256: bytes, first: Record) -> list[Record]:
        """Further rows of a message, as two processes may have written them at one moment."""
        if first.row is None:
            return []
        rows = await database.read("SELECT id, size, recipe FROM message WHERE sha256 = ? AND id <> ?", (sha256, first.row))
        return [Record(*row) for row in rows]

    async def _scanned(self, database: Database, digests: Sequence[bytes]) -> dict[bytes, Record]:
        async with self._turn:
            if self._scan is None:
                ends = await _tried(database, digests)
                if len(ends) == len(digests):
                    return ends
                self._scan = await _Scan.open(await self._locate.last() if self._locate is not None else 0)
            found = await self._scan.records(database, digests)
            if len(found) < len(set(digests)) and self._scan.first:
                found = await (await self._scan_all()).records(database, digests)
        return found

    async def _scan_all(self) -> _Scan:
        """The scan of all rows; one that began behind others is given up."""
        if self._scan is not None and self._scan.first:
            await self._scan.close()
            self._scan = None
        self._scan = self._scan or await _Scan.open()
        return self._scan

    async def all(self, database: Database) -> list[bytes]:
        """The SHA-256 of all messages of a volume without an index, in the order of their rows, as far as these can be read."""
        async with self._turn:
            rows = await (await self._scan_all()).all(database)
        return [row[0] for row in await database.among("SELECT sha256 FROM message WHERE id IN (??) ORDER BY id", rows)]

    async def close(self) -> None:
        if self._scan is not None:
            await self._scan.close()
            self._scan = None


class _Scan:
    """The rows of a volume by the beginning of the SHA-256, as far as the volume was read: those behind the row ``first``."""

    def __init__(self, known: Database, first: int) -> None:
        self._known = known
        self.first = self._reached = first

    @classmethod
    async def open(cls, first: int = 0) -> _Scan:
        with _scratch():
            known = await Database.scratch()
            await known.read("CREATE TABLE place (key BLOB, id INTEGER, PRIMARY KEY (key, id)) WITHOUT ROWID")
        return cls(known, first)

    async def close(self) -> None:
        await self._known.close()

    async def records(self, database: Database, digests: Sequence[bytes]) -> dict[bytes, Record]:
        """The records of those of ``digests`` that are in these rows, the volume's newest rows among them."""
        await self._go_on(database)
        keys = list({sha256[:KEY_BYTES] for sha256 in digests})
        rows = [row[0] for row in await self._known.among("SELECT id FROM place WHERE key IN (??)", keys)]
        return await database.job(partial(_records, _AT, sorted(rows), set(digests)))

    async def all(self, database: Database) -> list[int]:
        """All rows that have a SHA-256, in order."""
        await self._go_on(database)
        return [row[0] for row in await self._known.read("SELECT id FROM place ORDER BY id")]

    async def _go_on(self, database: Database) -> None:
        """Read the rows that were not read yet, up to the last that the file may have. Raises ``StorageError``."""
        most = int(await database.value("PRAGMA page_count")) * int(await database.value("PRAGMA page_size")) // LEAST_BYTES
        end: int | None = None
        while end is None or self._reached < end:
            try:
                page, reached = await database.job(partial(_page, self._reached, most))
            except DamagedError:
                page, reached = [], self._reached
            if reached == self._reached:
                if end is None:
                    end = await _end(database, most)
                if reached >= end:
                    break
                # The end of the table, or a page that is damaged or out of order: behind it are more rows, by their numbers.
                page, reached = await database.job(partial(_single, self._reached)), self._reached + STEP
            with _scratch():
                async with self._known.transaction() as transaction:
                    await transaction.many("INSERT OR IGNORE INTO place VALUES (?, ?)", sorted(page))
            self._reached = reached


@contextmanager
def _scratch() -> Iterator[None]:
    """Context that tells errors of the scratch file from those of the volume."""
    try:
        yield
    except StorageError as error:
        raise ScratchError(error.reason) from error


async def _end(database: Database, most: int) -> int:
    """The number of the last row, up to ``most``, the rows that the file has room for."""
    try:
        return min(int(await database.value("SELECT coalesce(max(id), 0) FROM message")), most)
    except DamagedError:
        return most


def _records(sql: str, values: Sequence[Any], wanted: set[bytes], connection: sqlite3.Connection) -> dict[bytes, Record]:
    """The records that ``sql`` finds by ``values``, of the messages that are ``wanted``; of two of one message the first."""
    found: dict[bytes, Record] = {}
    for some, piece in pieces(sql, values):
        for row, sha256, size, recipe in connection.execute(some, piece):
            if sha256 in wanted:
                found.setdefault(sha256, Record(row, size, recipe))
    return found


async def _tried(database: Database, digests: Sequence[bytes]) -> dict[bytes, Record]:
    """Those of ``digests`` that are in the last rows."""
    try:
        return await database.job(partial(_tail, set(digests)))
    except (DamagedError, StorageError):
        return {}


def _tail(wanted: set[bytes], connection: sqlite3.Connection) -> dict[bytes, Record]:
    sql = "SELECT id, sha256, size, recipe FROM message ORDER BY id DESC LIMIT ?"
    return {
        sha256: Record(row, size, recipe)
        for row, sha256, size, recipe in connection.execute(sql, (max(TAIL_ROWS, 2 * len(wanted)),))
        if sha256 in wanted
    }


def _page(after: int, most: int, connection: sqlite3.Connection) -> tuple[list[tuple[bytes, int]], int]:
    """The next rows as far as their numbers ascend up to ``most``, and the last number; ``after`` where there is none."""
    sql = "SELECT sha256, id FROM message WHERE id > ? ORDER BY id LIMIT ?"
    rows = connection.execute(sql, (after, PAGE_ROWS)).fetchall()
    for at, (one, other) in enumerate(pairwise(rows)):
        if one[1] >= other[1]:
            # The first of the two may be the wrong one.
            rows = rows[:at]
            break
    while rows and rows[-1][1] > most:
        rows.pop()
    return _keys(rows), rows[-1][1] if rows else after


def _single(after: int, connection: sqlite3.Connection) -> list[tuple[bytes, int]]:
    """The rows with the next numbers, each asked for by itself."""
    found = []
    for number in range(after + 1, after + STEP + 1):
        try:
            found += connection.execute("SELECT sha256, id FROM message WHERE id = ?", (number,)).fetchall()
        except sqlite3.OperationalError:
            # The file cannot be read now; that tells nothing of the row.
            raise
        except sqlite3.DatabaseError:
            continue
    return _keys(found)


def _keys(rows: Iterable[tuple[object, int]]) -> list[tuple[bytes, int]]:
    return [(sha256[:KEY_BYTES], number) for sha256, number in rows if isinstance(sha256, bytes)]
