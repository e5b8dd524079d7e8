"""Backups of an archive that is written to: open volumes, pages that change, and what came meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from core import files
from core.archive.archive import Archive
from core.archive.store import page_copy, volume_copy
from core.archive.store.ledger import Head
from core.archive.transfer import catalog_copy
from core.archive.transfer.backup import back_up
from core.archive.transfer.catalog_copy import CatalogCopy
from core.config import Home
from core.errors import DamagedError, StorageError
from core.problems.storage import FULL
from tests import homes
from tests.backups import VOLUME_BYTES, filled, findings
from tests.homes import message


async def test_a_volume_that_was_open_at_one_backup_is_finished_by_the_next(tmp_path: Path) -> None:
    """The copy of the open volume gets its rest and its seal, by rows, without being begun anew."""
    archive = await homes.begin(tmp_path / "home", volume_bytes=VOLUME_BYTES)
    await homes.store(archive, {1: message(1, 60_000)})
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    inode = copy.volume(1).stat().st_ino
    for number in range(2, 8):
        await homes.store(archive, {number: message(number, 60_000)})
    assert len(archive.home.volume_numbers()) > 1
    await back_up(archive, copy.path)
    assert copy.volume(1).stat().st_ino == inode
    assert copy.volume(1).stat().st_mode & 0o777 == 0o400
    for table in ("meta", "part", "message", "ledger"):
        sql = f"SELECT * FROM {table} ORDER BY 1"
        assert homes.rows(copy.volume(1), sql) == homes.rows(archive.home.volume(1), sql)
    assert await findings(copy) == []
    await archive.close()


async def test_a_copy_that_lacks_most_of_a_volume_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row by row its trees would be written again and again; the earlier copy stays until the new one is whole."""
    monkeypatch.setattr(volume_copy, "SMALL", 0)
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: message(1)})
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    inode = copy.volume(1).stat().st_ino
    await homes.store(archive, {number: message(number, 100) for number in range(2, 300)})
    with monkeypatch.context() as patch:
        patch.setattr(volume_copy, "_protect", Mock(side_effect=StorageError(FULL(file="x", said="full"))))
        with pytest.raises(StorageError):
            await back_up(archive, copy.path)
    assert copy.volume(1).stat().st_ino == inode
    assert await findings(copy) == []
    await back_up(archive, copy.path)
    assert copy.volume(1).stat().st_ino != inode
    assert copy.volume(1).stat().st_mode & 0o777 == 0o600
    for table in ("meta", "part", "message", "ledger"):
        sql = f"SELECT * FROM {table} ORDER BY 1"
        first, second = (homes.rows(home.volume(1), sql) for home in (copy, archive.home))
        # The backup's own entry comes after its copy.
        assert first == second[: len(first)]
    assert await findings(copy) == []
    assert not [path.name for path in copy.path.rglob("*") if path.name.endswith((".new", ".taken"))]
    await archive.close()


async def test_the_first_copy_of_an_open_volume_is_written_about_once(tmp_path: Path) -> None:
    """Not each page of its trees with every piece."""
    archive = await homes.begin(tmp_path / "home")
    for batch in range(4):
        await homes.store(archive, {batch * 500 + number: message(batch * 500 + number, 100) for number in range(1, 501)})
    size = archive.home.volume(1).stat().st_size + archive.home.catalog.stat().st_size
    size += archive.home.catalog.with_name(f"{archive.home.catalog.name}-wal").stat().st_size

    def written() -> int:
        return int(Path("/proc/self/io").read_text().split("wchar: ")[1].split()[0])

    before = written()
    await back_up(archive, tmp_path / "copy")
    assert written() - before < 2 * size
    await archive.close()


async def test_what_is_archived_meanwhile_makes_no_copy_that_is_ahead_of_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that never rests during a backup, through several volumes: each copy is clean, and reads back what it lists."""
    monkeypatch.setattr(volume_copy, "PIECE", 30_000)
    archive = await filled(tmp_path / "home", count=4)
    writer = await Archive.open(archive.home)
    copying = asyncio.Event()

    async def write() -> None:
        for number in itertools.count(101):
            await copying.wait()
            await homes.store(writer, {number: message(number, 40_000 if number % 3 else 300)})

    copy = Home(tmp_path / "copy")
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(write())
        for _ in range(4):
            head = await archive.head()
            copying.set()
            done = await back_up(archive, copy.path)
            copying.clear()
            assert done.head.seq >= head.seq
            assert await findings(copy) == []
        writing.cancel()
    await writer.close()
    opened = await Archive.open(copy)
    assert len(await homes.raws(opened)) > 4
    await opened.close()
    await archive.close()


async def test_the_state_is_taken_before_the_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages archived after the state was taken are in the volumes, and the copy's catalog does not know them yet."""
    archive = await filled(tmp_path / "home", count=3)
    copy = Home(tmp_path / "copy")
    take = catalog_copy.take

    async def late(home: Home, place: Home, *, whole: bool = False) -> CatalogCopy:
        taken = await take(home, place, whole=whole)
        await homes.store(archive, {50: message(50)})
        return taken

    monkeypatch.setattr(catalog_copy, "take", late)
    # The first copies the whole catalog, the second what is new in it.
    for _ in range(2):
        done = await back_up(archive, copy.path)
        assert homes.rows(copy.catalog, "SELECT seq FROM applied")[0][0] == done.head.seq - 1
        assert await findings(copy) == []
    await archive.close()


@pytest.mark.parametrize("piece", [1, 100_000])
async def test_a_volume_that_is_written_to_while_its_pages_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """Each commit comes to its end between two pieces; the copy begins anew, then is made by rows, and is clean."""
    monkeypatch.setattr(volume_copy, "PIECE", piece)
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {number: message(number, 60_000) for number in range(1, 12)})
    writer = await Archive.open(archive.home)
    begun, copied = page_copy.RESTARTS + 1, page_copy._copy
    loop = asyncio.get_running_loop()
    results = list[bool]()

    def watched(
        target: Path, piece: int, told: Callable[[int], None], stopped: threading.Event, connection: sqlite3.Connection
    ) -> bool:
        def commit(size: int) -> None:
            nonlocal begun
            told(size)
            if begun:
                begun -= 1
                stored = homes.store(writer, {1000 + begun: message(1000 + begun, 30_000)})
                asyncio.run_coroutine_threadsafe(stored, loop).result(30)

        results.append(copied(target, piece, commit, stopped, connection))
        return results[-1]

    monkeypatch.setattr(page_copy, "_copy", watched)
    copy = Home(tmp_path / "copy")
    done = await back_up(archive, copy.path)
    assert (results, begun) == ([False], 0)
    assert done.bytes < 2 * archive.home.volume(1).stat().st_size
    assert await findings(copy) == []
    shutil.rmtree(copy.path)
    done = await back_up(archive, copy.path)
    assert results == [False, True]
    assert await findings(copy) == []
    assert done.head == Head(*homes.rows(copy.volume(1), "SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1")[0])
    assert copy.volume(1).stat().st_mode & 0o777 == 0o600
    await writer.close()
    await archive.close()


async def test_a_copy_by_pages_is_synced_before_it_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written without a single sync: with its name before its bytes, a crash would leave a volume of zeros."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: message(1, 60_000)})
    copy = Home(tmp_path / "copy")
    synced, real = set[str](), os.fsync

    def watched(descriptor: int) -> None:
        if os.fstat(descriptor).st_size:
            synced.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    await back_up(archive, copy.path)
    await archive.close()
    assert str(files.aside(copy.volume(1))) in synced


async def test_a_copy_by_pages_tells_of_the_end_that_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries that are written after the original was looked at are copied with its pages."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: message(1, 60_000)})
    copied = page_copy.copy

    async def later(*args: Any) -> bool:
        await homes.store(archive, {2: message(2)})
        return await copied(*args)

    monkeypatch.setattr(page_copy, "copy", later)
    head, _ = await volume_copy.bring_up(archive.home.volume(1), tmp_path / "copy.sqlite", lambda size: None)
    assert head == await archive.head()
    await archive.close()


async def test_a_writer_can_commit_between_any_two_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While rows are written to the copy, nothing of the original is locked; no piece is larger than it should be."""
    monkeypatch.setattr(volume_copy, "PIECE", 100_000)
    monkeypatch.setattr(page_copy, "RESTARTS", -1)
    archive = await homes.begin(tmp_path / "home")
    for number in range(1, 12):
        await homes.store(archive, {number: message(number, 60_000)})
    copied, sizes = volume_copy._copy_piece, list[int]()

    def watched(table: volume_copy.CopiedTable, after: int, last: int, connection: sqlite3.Connection) -> tuple[int, int]:
        with closing(sqlite3.connect(archive.home.volume(1), timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            other.execute("ROLLBACK")
        reached, size = copied(table, after, last, connection)
        sizes.append(size)
        return reached, size

    monkeypatch.setattr(volume_copy, "_copy_piece", watched)
    await back_up(archive, tmp_path / "copy")
    assert len(sizes) > 3
    assert max(sizes) <= 100_000
    await archive.close()


async def test_a_damaged_page_of_the_open_volume_is_named_by_the_file_that_has_it(tmp_path: Path) -> None:
    """Found while rows are copied: not the file that was being written."""
    archive = await homes.begin(tmp_path / "home")
    for number in range(1, 20):
        await homes.store(archive, {number: message(number, 60_000)})
    await archive.close()
    volume = archive.home.volume(1)
    [(root,)] = homes.rows(volume, "SELECT rootpage FROM sqlite_schema WHERE name = 'part'")
    [(size,)] = homes.rows(volume, "PRAGMA page_size")
    with volume.open("r+b") as file:
        # A page of the first rows: the last ones are read when a volume is opened.
        file.seek((root - 1) * size + 12)
        first = int.from_bytes(file.read(2), "big")
        file.seek((root - 1) * size + first)
        file.seek((int.from_bytes(file.read(4), "big") - 1) * size)
        file.write(b"\xff" * 8)
    archive = await Archive.open(Home(tmp_path / "home"))
    with pytest.raises(DamagedError, match=r"^000001\.sqlite"):
        await back_up(archive, tmp_path / "copy")
    assert Home(tmp_path / "copy").volume_numbers() == []
    await archive.close()
