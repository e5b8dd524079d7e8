"""The catalog of a backup, brought up to the archive's: by what is new, or as a whole file.

The projection of the ledger follows the volumes of the copy, as that of the archive follows its own. What is in no volume (the
tables ``STATE``) is compared row by row, at one moment, before the volumes are copied; the rows that differ are kept until the
copy has followed up to the last entry that the archive's catalog had applied then. So the cost is that of what is new, and the
copy is at any moment a catalog that is not ahead of its volumes. Where it does not fit, the whole file is copied instead.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from core import files
from core.archive.store.ledger import Head
from core.config import Home
from core.db.database import Database
from core.db.migrate import check, is_older
from core.errors import BusyError, DamagedError, HomeError
from core.problems.archive import CATALOG_DAMAGED
from core.values import dataclass

#: Tables of what is in no volume. All others are made from the ledger, or say where to look first.
STATE = (
    *("password", "folder_state", "run", "run_result", "run_progress", "run_told", "run_mailbox", "run_event", "service"),
    *("planned", "setting", "damage", "server", "server_identity", "comparison", "compared", "seal_place"),
)
#: Tables whose rows are numbered in the order of the ledger: two catalogs of the same entries have the same last numbers.
_NUMBERED = ("message", "folder", "placement", "source_folder", "filing", "unknown_address")
#: Rows of the catalog whose copying costs as much as following one message, and one entry.
_ROWS_A_MESSAGE, _ROWS_AN_ENTRY = 16, 100
#: Rows up to which no cost is weighed.
_FEW_ROWS = 10_000
#: The log of the copy is written into its file at so many pages, each change of a page before that once.
_PRAGMAS = ("main.journal_mode = WAL", "synchronous = NORMAL", "cache_size = -32768", "wal_autocheckpoint = 16000")


class Unfit(Exception):
    """The copy's catalog cannot be brought up by what is new: it is copied whole."""


class CatalogCopy(Protocol):
    """The archive's catalog as it was at one moment."""

    async def follow(self) -> None:
        """Bring the projection up, now that the volumes are copied. Raises ``Unfit``."""

    async def put(self) -> None:
        """Put the state in place; the copy is complete then."""

    async def drop(self) -> None:
        """Release what is held, and remove what is not in place."""


async def take(home: Home, place: Home, *, whole: bool = False) -> CatalogCopy:
    """The catalog of ``home`` for the backup in ``place``: what is new in it, or the ``whole``. Before volumes are copied."""
    # Left by a killed backup; a journal among it would be applied to the new file.
    for leftover in place.path.glob(f"{place.catalog.name}.taken*"):
        leftover.unlink()
    # A connection of its own: the archive's would be blocked for all other uses.
    source = await Database.open(home.catalog, read_only=True)
    try:
        if not whole and place.catalog.exists():
            # Of another schema, damaged, or far behind: the whole file takes its place.
            with suppress(Unfit, DamagedError, HomeError):
                return await _NewRows.take(source, place)
        taken = await _WholeFile.take(source, place)
    except BaseException:
        await source.close()
        raise
    await source.close()
    return taken


# The whole file ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _WholeFile:
    """A copy of the file beside its place, where it could be ahead of the volumes."""

    aside: Path
    catalog: Path

    @classmethod
    async def take(cls, source: Database, place: Home) -> CatalogCopy:
        aside = place.catalog.with_name(f"{place.catalog.name}.taken")
        await source.backup(aside)
        copy = await Database.open(aside, read_only=True)
        try:
            # A damaged catalog never takes the place of a sound one.
            if (said := await copy.value("PRAGMA quick_check(1)")) != "ok":
                raise DamagedError(CATALOG_DAMAGED(file=source.path.name, said=str(said)))
        except DamagedError:
            aside.unlink(missing_ok=True)
            raise
        finally:
            await copy.close()
        return cls(aside, place.catalog)

    async def follow(self) -> None:
        """It has all of that moment."""

    async def put(self) -> None:
        if self.catalog.exists():
            # A log that a reader of the backup left would be taken for a part of the new file.
            try:
                await _into_one_file(self.catalog)
            except (DamagedError, BusyError):
                for suffix in ("-wal", "-shm", "-journal"):
                    self.catalog.with_name(f"{self.catalog.name}{suffix}").unlink(missing_ok=True)
        files.put(self.aside, self.catalog)

    async def drop(self) -> None:
        self.aside.unlink(missing_ok=True)


async def _into_one_file(path: Path) -> None:
    database = await Database.open(path)
    try:
        await database.configure(("journal_mode = DELETE",))
    finally:
        await database.close()
    files.durable(path)


# What is new ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Position:
    """The position of a catalog: archive, last entry applied, and the last numbers of its tables."""

    archive: str
    head: Head
    last: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _NewRows:
    """The copy's catalog, open, and beside it in a temporary database the rows of the state that differ (``changed``).

    ``source``: the archive's catalog, of which nothing is held in between.
    """

    source: Database
    database: Database
    place: Home
    wanted: _Position
    changed: Sequence[_Table]

    @classmethod
    async def take(cls, source: Database, place: Home) -> CatalogCopy:
        database = await Database.open(place.catalog, make=False)
        try:
            # An older program's, in a home that can only be read, may lack tables.
            if await check(database) != await check(source) or await is_older(source):
                raise Unfit
            await database.read("ATTACH DATABASE '' AS changed")
            await database.read("ATTACH DATABASE ? AS source", (source.uri,))
            wanted, changed = await database.job(_differences)
            await database.read("DETACH DATABASE source")
        except BaseException:
            await database.close()
            raise
        return cls(source, database, place, wanted, changed)

    async def follow(self) -> None:
        # Imported only here: a first backup does not need it.
        from core.archive.catalog.replay import replay

        try:
            await self.database.configure(_PRAGMAS)
            await replay(self.database, self.place, self.wanted.head.seq, self.source)
            reached = await self.database.job(partial(_position, "main"))
        except (DamagedError, BusyError) as error:
            raise Unfit from error
        if reached != self.wanted:
            raise Unfit

    async def put(self) -> None:
        async with self.database.transaction() as transaction:
            for table in self.changed:
                for statement in table.statements():
                    await transaction.execute(statement)
        await self.database.read("PRAGMA main.wal_checkpoint(TRUNCATE)")
        # A connection that reads the backup needs the log; the file is whole with it, and without it as well.
        with suppress(BusyError):
            await self.database.configure(("main.journal_mode = DELETE",))
        files.durable(self.place.catalog)

    async def drop(self) -> None:
        await self.database.close()
        await self.source.close()


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the state: its columns, and those of its key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @classmethod
    def of(cls, name: str, connection: sqlite3.Connection) -> _Table:
        rows = connection.execute(f"PRAGMA main.table_info({name})").fetchall()
        return cls(name, tuple(row[1] for row in rows), tuple(row[1] for row in sorted(rows, key=lambda row: row[5]) if row[5]))

    def compare(self, connection: sqlite3.Connection) -> bool:
        """Note the rows that the source has otherwise, and the keys of those that it has not; True when there are any."""
        same = " AND ".join(f"here.{name} = there.{name}" for name in self.key)
        # Some columns compare without regard to case; this comparison must see every letter.
        other = " OR ".join(f"there.{name} COLLATE BINARY IS NOT here.{name}" for name in self.columns)
        keys = ", ".join(f"here.{name}" for name in self.key)
        connection.execute(
            f"CREATE TABLE changed.{self.name} AS SELECT there.* FROM source.{self.name} there "
            f"LEFT JOIN main.{self.name} here ON {same} WHERE here.{self.key[0]} IS NULL OR {other}"
        )
        connection.execute(
            f"CREATE TABLE changed.{self.name}_gone AS SELECT {keys} FROM main.{self.name} here "
            f"WHERE NOT EXISTS (SELECT 1 FROM source.{self.name} there WHERE {same})"
        )
        sql = f"SELECT EXISTS (SELECT 1 FROM changed.{self.name}) OR EXISTS (SELECT 1 FROM changed.{self.name}_gone)"
        return bool(connection.execute(sql).fetchone()[0])

    def statements(self) -> Sequence[str]:
        """The statements that write what was noted."""
        key, columns = ", ".join(self.key), ", ".join(self.columns)
        gone = f"DELETE FROM main.{self.name} WHERE ({key}) IN (SELECT {key} FROM changed."
        return (
            f"{gone}{self.name}_gone)",
            # Before any is written: another column may be unique too.
            f"{gone}{self.name})",
            f"INSERT INTO main.{self.name} ({columns}) SELECT {columns} FROM changed.{self.name}",
        )


def _differences(connection: sqlite3.Connection) -> tuple[_Position, list[_Table]]:
    """The position of the source, and the tables with noted differences, all of one moment. Raises ``Unfit``."""
    connection.execute("BEGIN")
    try:
        wanted, here = _position("source", connection), _position("main", connection)
        entries, messages = wanted.head.seq - here.head.seq, wanted.last[0] - here.last[0]
        cost = entries * _ROWS_AN_ENTRY + messages * _ROWS_A_MESSAGE
        if wanted.archive != here.archive or entries < 0 or cost > max(wanted.last[0], _FEW_ROWS):
            raise Unfit
        if not entries and here != wanted:
            raise Unfit
        tables = [_Table.of(name, connection) for name in STATE]
        return wanted, [table for table in tables if table.compare(connection)]
    finally:
        # An error of the scratch file ends the transaction by itself.
        if connection.in_transaction:
            connection.execute("COMMIT")


def _position(schema: str, connection: sqlite3.Connection) -> _Position:
    row = connection.execute(f"SELECT archive_id, seq, hash FROM {schema}.applied").fetchone()
    if row is None:
        raise Unfit
    last = [connection.execute(f"SELECT max(id) FROM {schema}.{table}").fetchone()[0] or 0 for table in _NUMBERED]
    return _Position(row[0], Head(row[1], bytes(row[2])), tuple(last))
