"""The catalog of a backup: equal to the archive's of one moment, by what is new alone where that fits."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.catalog import catalog, tallies
from core.archive.proof.verify import verify
from core.archive.store import message_rows, volume_copy
from core.archive.transfer import backup as backups
from core.archive.transfer import catalog_copy
from core.archive.transfer.backup import back_up
from core.archive.transfer.catalog_copy import STATE
from core.config import Home
from core.db.migrate import migrations
from tests import homes
from tests.catalog_copies import change_much, files_beside, filled, inode_of
from tests.homes import message

Tables = dict[str, list[tuple[Any, ...]]]


async def _findings(home: Home) -> list[str]:
    return [f"{one.where}: {one.text}" for one in (await verify(home)).findings]


def _state(home: Home) -> Tables:
    """All rows of the state, in any order; but for the last backup, which the archive notes when that has ended."""
    found = {table: sorted(homes.rows(home.catalog, f"SELECT * FROM {table}"), key=repr) for table in STATE}
    found["setting"] = [row for row in found["setting"] if row[0] != "backed_up"]
    return found


def _applied(home: Home) -> tuple[Any, ...]:
    return homes.rows(home.catalog, "SELECT archive_id, volume, seq, hash FROM applied")[0]


class _Moment:
    """Notes of the archive's catalog when the copy's is taken: what the copy has to equal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, archive: Archive) -> None:
        self.tables: Tables = {}
        self.state: Tables = {}
        self.whole: list[bool] = []
        take = catalog_copy.take

        async def noted(home: Home, place: Home, *, whole: bool = False) -> catalog_copy.CatalogCopy:
            taken = await take(home, place, whole=whole)
            self.tables, self.state, self.applied = homes.tables(home), _state(home), _applied(home)
            self.whole.append(isinstance(taken, catalog_copy._WholeFile))
            return taken

        monkeypatch.setattr(catalog_copy, "take", noted)

    def equals(self, copy: Home) -> None:
        assert _applied(copy) == self.applied
        assert homes.tables(copy) == self.tables
        assert _state(copy) == self.state
        assert files_beside(copy) == ["archive.sqlite"]


def test_each_table_is_made_from_the_ledger_or_copied(tmp_path: Path) -> None:
    """A table that a later version adds is one or the other: forgotten here, it would stay as it was at the first backup."""
    schema = Path(catalog.__file__).parents[2] / "db" / "schema.sql"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema.read_text())
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    places = {name for name in names if name.startswith(("digest_", "part_"))}
    assert names - places - {"sqlite_sequence", "migration", "applied"} == {*catalog.TABLES, *tallies.DAYS, *STATE}
    assert not set(catalog.TABLES) & set(STATE)


async def test_the_next_backup_writes_what_is_new_and_has_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file, equal to the archive's catalog in all tables, after changes of every kind and after none."""
    archive = await filled(tmp_path / "home")
    copy = Home(tmp_path / "copy")
    seen = _Moment(monkeypatch, archive)
    async with archive.database.transaction() as transaction:
        for number in (1, 2, 3):
            await transaction.execute("INSERT INTO damage VALUES (?, ?, 'text', NULL, 'then')", (number, f"place {number}"))
        await transaction.execute("INSERT INTO planned VALUES ('Test', 'daily', 'then')")
        await transaction.execute("INSERT INTO comparison VALUES ('Test', 'then', NULL)")
    await back_up(archive, copy.path)
    seen.equals(copy)
    inode = inode_of(copy)
    await change_much(archive)
    async with archive.database.transaction() as transaction:
        # Numbers that change places, under a constraint beside the key.
        await transaction.execute("DELETE FROM damage")
        for number in (1, 3):
            await transaction.execute(
                "INSERT INTO damage VALUES (?, ?, 'text', x'01', 'then')", (number, f"place {4 - number}")
            )
        # Another case alone, in a column that compares without regard to it.
        await transaction.execute("UPDATE planned SET profile = 'TEST'")
        await transaction.execute("UPDATE comparison SET ended = 'then'")
    for _ in range(2):
        await back_up(archive, copy.path)
        seen.equals(copy)
        assert inode_of(copy) == inode
    assert seen.whole == [True, False, False]
    assert await _findings(copy) == []
    await archive.close()


async def test_a_backup_of_nothing_new_writes_as_little_of_a_large_catalog_as_of_a_small_one(tmp_path: Path) -> None:
    """A few pages, however many messages there are."""

    def written() -> int:
        return int(Path("/proc/self/io").read_text().split("wchar: ")[1].split()[0])

    costs = []
    for count in (100, 3_000):
        archive = await homes.begin(tmp_path / f"home {count}")
        for first in range(1, count, 500):
            messages = range(first, min(first + 500, count + 1))
            await homes.store(archive, {number: message(number, 100) for number in messages})
        copy = Home(tmp_path / f"copy {count}")
        await back_up(archive, copy.path)
        begun = written()
        taken = await catalog_copy.take(archive.home, copy)
        costs.append(written() - begun)
        await volume_copy.bring_up(archive.home.volume(1), copy.volume(1), lambda _: None)
        begun = written()
        await taken.follow()
        await taken.put()
        await taken.drop()
        costs[-1] += written() - begun
        assert copy.catalog.stat().st_size > 300 * count
        await archive.close()
    assert costs[0] == costs[1] < 50_000


async def _older(archive: Archive, copy: Home) -> None:
    """As an earlier version wrote it, in the same place of the same ledger."""
    kept = homes.rows(copy.catalog, "SELECT * FROM applied")[0]
    copy.catalog.unlink()
    with closing(sqlite3.connect(copy.catalog)) as connection:
        for one in migrations()[:-1]:
            connection.executescript(one.sql)
        connection.execute(f"PRAGMA user_version = {migrations()[-2].number}")
        connection.execute(f"INSERT INTO applied VALUES ({','.join('?' * len(kept))})", kept)
        connection.commit()


async def _strange(archive: Archive, copy: Home) -> None:
    homes.change(copy.catalog, "DROP TABLE seal_place")


async def _cut(archive: Archive, copy: Home) -> None:
    copy.catalog.write_bytes(copy.catalog.read_bytes()[:30_000])


async def _damaged_page(archive: Archive, copy: Home) -> None:
    """A page that nobody looks at before it is written to."""
    [(page,)] = homes.rows(copy.catalog, "SELECT rootpage FROM sqlite_schema WHERE name = 'placement_list'")
    with copy.catalog.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)


async def _numbered_otherwise(archive: Archive, copy: Home) -> None:
    """As where the archive was made anew without a volume, which the backup has."""
    homes.change(copy.catalog, "UPDATE folder SET id = id + 10")


async def _of_other_ledger(archive: Archive, copy: Home) -> None:
    homes.change(copy.catalog, "UPDATE applied SET hash = zeroblob(32)")


async def _ahead(archive: Archive, copy: Home) -> None:
    homes.change(copy.catalog, "UPDATE applied SET seq = seq + 1000")


async def _empty(archive: Archive, copy: Home) -> None:
    homes.change(copy.catalog, "DELETE FROM applied")


async def _far_behind(archive: Archive, copy: Home) -> None:
    for first in range(1000, 2200, 100):
        await homes.store(archive, {number: message(number, 100) for number in range(first, first + 100)})


@pytest.mark.parametrize(
    "change",
    [_older, _strange, _cut, _damaged_page, _numbered_otherwise, _of_other_ledger, _ahead, _empty, _far_behind],
    ids=lambda change: change.__name__,
)
async def test_a_catalog_that_does_not_fit_is_replaced(
    change: Callable[[Archive, Home], Awaitable[None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an earlier version, damaged, of other entries or far behind: the whole file, and the next one follows again."""
    archive = await filled(tmp_path / "home")
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    await change(archive, copy)
    await homes.store(archive, {50: message(50)})
    seen = _Moment(monkeypatch, archive)
    done = await back_up(archive, copy.path)
    assert seen.whole in ([True], [False, True])
    seen.equals(copy)
    assert done.volumes + done.already == len(archive.home.volume_numbers())
    assert await _findings(copy) == []
    await homes.store(archive, {51: message(51)})
    await back_up(archive, copy.path)
    assert not seen.whole[-1]
    seen.equals(copy)
    await archive.close()


async def test_new_messages_of_an_open_volume_are_read_where_the_catalog_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many others are in it: it has no index, and is not read from its beginning for them."""
    archive = await filled(tmp_path / "home", volume_bytes=0)
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    for first in (100, 130):
        await homes.store(archive, {number: message(number, 100) for number in range(first, first + 30)})
    seen = _Moment(monkeypatch, archive)
    with monkeypatch.context() as patch:
        patch.setattr(message_rows, "_tried", AsyncMock(side_effect=AssertionError))
        patch.setattr(message_rows, "_page", AsyncMock(side_effect=AssertionError))
        await back_up(archive, copy.path)
    assert seen.whole == [False]
    seen.equals(copy)
    await archive.close()


async def test_beside_a_volume_that_cannot_be_copied_the_catalog_is_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy lacks entries that the archive's catalog has, and lists what that lists."""
    archive = await filled(tmp_path / "home", count=4)
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    first = len(archive.home.volume_numbers())
    for number in range(60, 68):
        await homes.store(archive, {number: message(number, 60_000)})
    assert len(archive.home.volume_numbers()) > first + 1
    await archive.close()
    broken = archive.home.volume(first + 1)
    broken.chmod(0o600)
    broken.write_bytes(b"x" * 100_000)
    archive = await Archive.open(archive.home)
    seen = _Moment(monkeypatch, archive)
    done = await back_up(archive, copy.path)
    assert [one.file for one in done.damaged] == [broken.name]
    assert done.volumes + done.already + 1 == len(archive.home.volume_numbers())
    seen.equals(copy)
    await archive.close()


async def test_a_backup_that_is_read_meanwhile_is_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a console that stays open over several backups: it sees each, and none waits for it, also to replace the file."""
    archive = await filled(tmp_path / "home", count=3)
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    reader = await Archive.open(copy)
    assert len(await homes.raws(reader)) == 3
    for number in (30, 31):
        await homes.store(archive, {number: message(number, 300)})
        await back_up(archive, copy.path)
        assert len(await homes.raws(reader)) == number - 26
    await homes.store(archive, {32: message(32, 300)})
    with monkeypatch.context() as patch:
        patch.setattr(catalog_copy, "_FEW_ROWS", 0)
        await back_up(archive, copy.path)
    assert homes.rows(copy.catalog, "SELECT count(*) FROM message") == [(6,)]
    await reader.close()
    seen = _Moment(monkeypatch, archive)
    await back_up(archive, copy.path)
    seen.equals(copy)
    assert await _findings(copy) == []
    await archive.close()


async def test_entries_applied_by_a_reader_of_the_backup_are_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened while it is brought up, a backup follows its volumes by itself, further than the state that was taken."""
    archive = await filled(tmp_path / "home", count=3)
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    await homes.store(archive, {40: message(40)})
    seen = _Moment(monkeypatch, archive)
    follow = catalog_copy._NewRows.follow

    async def late(self: catalog_copy._NewRows) -> None:
        opened = await Archive.open(copy)
        await opened.close()
        await follow(self)

    copy_volumes = backups._copy_volumes

    async def more(*arguments: Any) -> None:
        if len(seen.whole) == 1:
            await homes.store(archive, {41: message(41)})
        await copy_volumes(*arguments)

    monkeypatch.setattr(catalog_copy._NewRows, "follow", late)
    monkeypatch.setattr(backups, "_copy_volumes", more)
    await back_up(archive, copy.path)
    assert seen.whole == [False, True]
    seen.equals(copy)
    assert await _findings(copy) == []
    await archive.close()
