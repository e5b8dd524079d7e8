"""Numbered scripts bring archive.sqlite to the program's schema, each whole or not at all."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.registry import users
from core.db import migrate as module
from core.db.database import Database
from core.db.migrate import Migration, migrate, migrations, statements
from core.errors import HomeError
from tests import homes

SCHEMA = resources.files("core.db") / "schema.sql"


def _normal(sql: str) -> str:
    plain = re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", sql))
    # A column that was added later comes after a blank.
    return plain.replace("( ", "(").replace(" )", ")").replace(" ,", ",").strip().rstrip(";")


def _schema(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
        return {_normal(row[0]) for row in rows}


async def _migrated(path: Path) -> None:
    database = await Database.open(path)
    try:
        await migrate(database)
    finally:
        await database.close()


async def test_schema_sql_is_what_all_migrations_make(tmp_path: Path) -> None:
    """The file to read and the scripts that are run give exactly the same schema."""
    await _migrated(tmp_path / "a.sqlite")
    made = _schema(tmp_path / "a.sqlite")
    assert {_normal(statement) for statement in statements(SCHEMA.read_text("utf-8")) if _normal(statement)} == made
    with closing(sqlite3.connect(tmp_path / "b.sqlite")) as connection:
        connection.executescript(SCHEMA.read_text("utf-8"))
    assert _schema(tmp_path / "b.sqlite") == made


async def test_each_migration_is_recorded_and_none_is_applied_twice(tmp_path: Path) -> None:
    """Numbers without a gap from 1 on; a second time nothing happens, and no backup is made of what is new."""
    await _migrated(tmp_path / "a.sqlite")
    before = homes.files(tmp_path)
    await _migrated(tmp_path / "a.sqlite")
    assert homes.files(tmp_path) == before
    numbers = [migration.number for migration in migrations()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert homes.rows(tmp_path / "a.sqlite", "SELECT number FROM migration") == [(number,) for number in numbers]


async def test_a_migration_that_fails_changes_nothing_and_a_backup_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first statement of the failing script is rolled back; the backup beside it holds the same."""
    path = tmp_path / "a.sqlite"
    await _migrated(path)
    before = _schema(path)
    number = migrations()[-1].number + 1
    broken = Migration(number, f"{number:04}_broken.sql", "CREATE TABLE half (a);\nCREATE TABLE half (b);")
    scripts = [*migrations(), broken]
    with monkeypatch.context() as patch:
        patch.setattr(module, "migrations", lambda: scripts)
        with pytest.raises(sqlite3.OperationalError):
            await _migrated(path)
    assert _schema(path) == before
    assert homes.rows(path, "PRAGMA user_version") == [(number - 1,)]
    assert _schema(tmp_path / f"a.sqlite.before-{number:04}") == before

    script = "-- Why.\nCREATE TABLE whole (a TEXT); -- more; words\nCREATE INDEX i ON whole (a);"
    good = Migration(number, f"{number:04}_good.sql", script)
    with monkeypatch.context() as patch:
        patch.setattr(module, "migrations", lambda: [*scripts[:-1], good])
        await _migrated(path)
    assert len(_schema(path)) == len(before) + 2


async def test_processes_that_migrate_at_once_do_not_trip_over_each_other(tmp_path: Path) -> None:
    """Eight connections open the same new file at the same moment: one schema, each script recorded once."""
    await asyncio.gather(*(_migrated(tmp_path / "a.sqlite") for _ in range(8)))
    assert homes.rows(tmp_path / "a.sqlite", "SELECT count(*) FROM migration") == [(len(migrations()),)]


@pytest.mark.parametrize("newer", ["catalog", "volume", "volume alone"])
async def test_what_a_newer_program_wrote_is_refused_and_nothing_is_touched(tmp_path: Path, newer: str) -> None:
    """A newer catalog or volume: exit 2, and not one file is made, changed or removed, in content or in time."""
    home = await homes.filled(tmp_path / "home", batches=1)
    if newer == "catalog":
        homes.change(home.catalog, f"PRAGMA user_version = {migrations()[-1].number + 1}")
    else:
        homes.change(home.volume(1), "UPDATE meta SET value = 3 WHERE key = 'format'")
    if newer == "volume alone":
        home.catalog.unlink()
    before = homes.files(home.path)
    with pytest.raises(HomeError, match="newer"):
        await Archive.open(home)
    assert homes.files(home.path) == before
    for command in (["status"], ["user", "add", "bob"], ["run", "Test"], ["rebuild"]):
        result = await asyncio.to_thread(homes.cli, home, *command)
        assert result.returncode == 2, (command, result.stderr)
        assert "newer" in result.stderr
    after = homes.files(home.path)
    # Rebuild has taken the lock of the service before it opened the archive.
    assert {name: value for name, value in after.items() if name not in (".", "service.lock")} == {
        name: value for name, value in before.items() if name != "."
    }


async def test_users_are_there_after_the_schema_was_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade of an archive that is in use keeps what is in it."""
    archive = await homes.begin(tmp_path / "home")
    home = archive.home
    await archive.close()
    number = migrations()[-1].number + 1
    scripts = [*migrations(), Migration(number, f"{number:04}_more.sql", "ALTER TABLE setting ADD COLUMN note TEXT;")]
    with monkeypatch.context() as patch:
        patch.setattr(module, "migrations", lambda: scripts)
        archive = await Archive.open(home)
        assert [user.name for user in await users.all_users(archive)] == ["alice"]
        await archive.close()
    assert (home.path / f"archive.sqlite.before-{number:04}").stat().st_mode & 0o077 == 0


async def test_what_is_known_of_servers_is_there_after_its_table_was_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail of a catch-all mailbox has no folder of its own: the table is made anew, and every row is as it was."""
    columns = "source_folder_id, uid, message_id, folder_id, size, internaldate, flags, fetched, delete_seq, gone_seq"
    rows = [(1, 1, 1, 1, 100, None, "\\Seen", 1, None, None), (1, 2, 2, 3, 7, 1_700_000_000, "", 0, 5, 9)]
    path = tmp_path / "a.sqlite"
    with monkeypatch.context() as patch:
        patch.setattr(module, "migrations", lambda: [one for one in migrations() if one.number < 4])
        await _migrated(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(f"INSERT INTO source_message ({columns}) VALUES ({','.join('?' * 10)})", rows)
        connection.commit()
    await _migrated(path)
    assert homes.rows(path, f"SELECT {columns} FROM source_message ORDER BY uid") == rows
    assert homes.rows(path, "SELECT DISTINCT report_header, report_size FROM source_message") == [(None, None)]
