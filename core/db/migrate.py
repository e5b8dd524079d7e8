"""Migration of archive.sqlite to the program's schema: numbered scripts, each in one transaction with its record.

A backup is made first when the file already holds anything; a file newer than the program is refused untouched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path

from core.db.database import Database
from core.db.shape import Shape, made_by
from core.errors import DamagedError, HomeError
from core.model import now, timestamp
from core.problems import archive as problems
from core.values import dataclass

#: SQLite's codes for a row that a table does not take.
_REFUSED = (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG)
#: The scripts are files beside this module.
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Migration:
    """A script by its number; without a ``text`` the file of that name, read when it is run: most need the numbers alone."""

    number: int
    name: str
    text: str = ""

    @property
    def sql(self) -> str:
        """The statements of the script."""
        return self.text or _HERE.joinpath("migrations", self.name).read_text(encoding="utf-8")


def migrations() -> list[Migration]:
    """All scripts of the program, in order."""
    return list(_scripts())


@lru_cache
def _scripts() -> tuple[Migration, ...]:
    found = []
    for item in _HERE.joinpath("migrations").iterdir():
        if item.name.endswith(".sql") and item.name[:4].isdigit():
            found.append(Migration(int(item.name[:4]), item.name))
    return tuple(sorted(found, key=lambda migration: migration.number))


@lru_cache
def _schema() -> str:
    """The schema that the program's scripts make, as one script: several times as quick."""
    return _HERE.joinpath("schema.sql").read_text(encoding="utf-8")


async def check(database: Database) -> int:
    """The schema number of ``database``, which from now on is written to only while its schema is that of this number.

    Raises ``HomeError`` when it is newer than the program, ``DamagedError`` when its schema is not what the scripts make.
    """
    await database.guard(partial(_refuse_strange, database.path))
    return int(await database.value("PRAGMA user_version"))


async def is_older(database: Database) -> bool:
    """True when ``database`` lacks scripts of this program. Raises as ``check`` does."""
    return await check(database) < migrations()[-1].number


@lru_cache
def _statistics() -> Shape:
    """The tables that ANALYZE makes in every release of SQLite."""
    tables = (("sqlite_stat1", "tbl,idx,stat"), ("sqlite_stat4", "tbl,idx,neq,nlt,ndlt,sample"))
    rows = [("table", name, name, f"CREATE TABLE {name}({columns})") for name, columns in tables]
    numbers = ("application_id", "user_version", "encoding", "schema_version")
    return Shape.of([*rows, *(("", name, "", 0) for name in numbers)])


def _refuse_strange(path: Path, found: Shape) -> None:
    refuse_newer(path, found.user_version)
    # Statistics are SQLite's own, and at worst make it slow.
    found = found.without(_statistics())
    numbered = f"PRAGMA user_version = {found.user_version}"
    if found.user_version == migrations()[-1].number and not found.differences(made_by(_schema(), numbered)):
        return
    scripts = [one for one in migrations() if one.number <= found.user_version]
    if wrong := found.differences(made_by(*(one.sql for one in scripts), numbered)):
        raise DamagedError(problems.CATALOG_SCHEMA(file=path.name, wrong=wrong))


def refuse_newer(path: Path, version: int) -> None:
    """Raise ``HomeError`` when ``version`` is newer than the program."""
    newest = migrations()[-1].number
    if version > newest:
        raise HomeError(problems.CATALOG_NEWER(file=path.name, schema=version, known=newest))


async def migrate(database: Database, *, keep: bool = True) -> None:
    """Apply the missing scripts. To ``keep`` makes a backup of a file that holds anything."""
    version = await check(database)
    missing = [migration for migration in migrations() if migration.number > version]
    if missing and version and keep:
        await database.backup(database.path.with_name(f"{database.path.name}.before-{missing[-1].number:04}"))
    if not missing:
        return
    # All in one transaction, so that no other process meets a half-migrated schema.
    async with database.transaction() as transaction:
        for migration in missing:
            # Another process may have been first.
            if int(await transaction.value("PRAGMA user_version")) >= migration.number:
                continue
            with _damage(database.path):
                for statement in statements(migration.sql):
                    await transaction.execute(statement)
            await transaction.execute(
                "INSERT INTO migration (number, name, at) VALUES (?, ?, ?)",
                (migration.number, migration.name, timestamp(now())),
            )
            await transaction.execute(f"PRAGMA user_version = {migration.number}")


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Context of the statements of a script: rows that it fails on are none that the program wrote."""
    try:
        yield
    except sqlite3.Error as error:
        if (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _REFUSED:
            raise DamagedError(problems.CATALOG_DAMAGED(file=path.name, said=str(error))) from error
        raise


def statements(sql: str) -> Iterator[str]:
    """The statements of a script, one by one, to run in a transaction with others."""
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        yield pending
