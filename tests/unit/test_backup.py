"""Backup: a copy that is whole at any moment, brought up to the archive, of this archive alone."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.store import page_copy, volume_copy
from core.archive.store.ledger import Head
from core.archive.store.volume import Volume
from core.archive.store.volume_extent import Extent, extent
from core.archive.transfer import backup as backups
from core.archive.transfer import catalog_copy, last_backup
from core.archive.transfer.backup import Backup, back_up
from core.archive.transfer.catalog_copy import CatalogCopy
from core.config import Home
from core.errors import BusyError, DamagedError, HomeError, InputError, StorageError
from core.problems import backup as problems
from core.problems import disk
from core.problems.archive import BACKUP, BACKUP_INCOMPLETE
from core.problems.backup import COPY_CHANGED
from core.problems.storage import FULL
from core.secrets import Secret
from tests import homes
from tests.homes import message
from tests.support import coded

VOLUME_BYTES = 130_000


async def _filled(path: Path, count: int = 12) -> Archive:
    """An open archive with sealed volumes, an open one and a key."""
    archive = await homes.begin(path, volume_bytes=VOLUME_BYTES)
    archive.home.key.encrypt(Secret("x"), purpose="test")
    for number in range(1, count + 1):
        await homes.store(archive, {number: message(number, 60_000 if number % 2 else 300)})
    return archive


async def _findings(home: Home) -> list[str]:
    return [f"{one.where}: {one.text}" for one in (await verify(home)).findings]


def _sealed(home: Home) -> dict[str, tuple[int, int, bytes]]:
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in map(home.volume, home.volume_numbers()[:-1])
    }


async def test_a_backup_is_whole_and_the_next_copies_only_what_is_new(tmp_path: Path) -> None:
    """Verify of the copy is clean, sealed volumes are byte for byte the same and not touched again, the key is 0600."""
    archive = await _filled(tmp_path / "home")
    copy = Home(tmp_path / "copy")
    numbers = archive.home.volume_numbers()
    first = await back_up(archive, copy.path)
    assert first.volumes == len(numbers) >= 3
    assert await _findings(copy) == []
    assert copy.volume(1).read_bytes() == archive.home.volume(1).read_bytes()
    assert copy.key.path.read_bytes() == archive.home.key.path.read_bytes()
    assert copy.key.path.stat().st_mode & 0o777 == 0o600
    assert copy.path.stat().st_mode & 0o777 == 0o700
    before = _sealed(copy)

    await homes.store(archive, {100: message(100, 20_000)})
    second = await back_up(archive, copy.path)
    assert second.already >= len(before)
    assert second.bytes < 60_000
    assert {name: value for name, value in _sealed(copy).items() if name in before} == before
    assert await _findings(copy) == []
    assert second.head.seq > first.head.seq
    last = await last_backup.last(archive)
    assert last is not None
    assert (last.seq, last.directory) == (second.head.seq, str(copy.path))
    entry = (await homes.entries(archive))[-1]
    assert (entry.kind, entry.payload["seq"], entry.payload["hash"]) == ("backed_up", second.head.seq, second.head.hash.hex())
    await archive.close()


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
    assert await _findings(copy) == []
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
    assert await _findings(copy) == []
    await back_up(archive, copy.path)
    assert copy.volume(1).stat().st_ino != inode
    assert copy.volume(1).stat().st_mode & 0o777 == 0o600
    for table in ("meta", "part", "message", "ledger"):
        sql = f"SELECT * FROM {table} ORDER BY 1"
        first, second = (homes.rows(home.volume(1), sql) for home in (copy, archive.home))
        # The backup's own entry comes after its copy.
        assert first == second[: len(first)]
    assert await _findings(copy) == []
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


async def test_a_file_that_reads_back_otherwise_is_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not keep what was written: named, and nothing takes the place of a volume."""
    archive = await _filled(tmp_path / "home", count=4)
    copy = Home(tmp_path / "copy")
    with monkeypatch.context() as patch:
        patch.setattr(volume_copy, "_read_back", lambda path: bytes(32))
        with pytest.raises(StorageError, check=coded(COPY_CHANGED)):
            await back_up(archive, copy.path)
    assert copy.volume_numbers() == []
    await back_up(archive, copy.path)
    assert await _findings(copy) == []
    await archive.close()


async def test_a_backup_broken_off_anywhere_leaves_a_whole_copy_and_is_carried_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after any piece, the volumes that are there verify clean; the state is never ahead; the next one completes."""

    class Stop(Exception):
        pass

    monkeypatch.setattr(volume_copy, "PIECE", 60_000)
    archive = await _filled(tmp_path / "home", count=8)
    base, copy = tmp_path / "base", Home(tmp_path / "copy")
    base.mkdir()
    for first in (True, False):
        allowed = ("catalog: archive.sqlite is missing", "volumes: There are no volumes") if first else ()
        for stop in range(1, 100):
            if copy.path.exists():
                shutil.rmtree(copy.path)
            shutil.copytree(base, copy.path)
            left = stop

            def tick(done: Backup) -> None:
                nonlocal left
                left -= 1
                if not left:
                    raise Stop

            try:
                await back_up(archive, copy.path, tick=tick)
            except Stop:
                assert [text for text in await _findings(copy) if not text.startswith(allowed)] == []
                if first:
                    with pytest.raises(HomeError, check=coded(BACKUP_INCOMPLETE)):
                        await Archive.open(copy)
            else:
                break
            await back_up(archive, copy.path)
            assert await _findings(copy) == []
            assert not [path for path in copy.path.rglob("*") if path.name.endswith((".new", ".taken"))]
        else:
            pytest.fail("it never came to its end")
        assert stop > 5
        shutil.rmtree(base)
        shutil.copytree(copy.path, base)
        for number in range(20, 24):
            await homes.store(archive, {number: message(number, 70_000)})
    await archive.close()


async def test_what_is_archived_meanwhile_makes_no_copy_that_is_ahead_of_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that never rests during a backup, through several volumes: each copy is clean, and reads back what it lists."""
    monkeypatch.setattr(volume_copy, "PIECE", 30_000)
    archive = await _filled(tmp_path / "home", count=4)
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
            assert await _findings(copy) == []
        writing.cancel()
    await writer.close()
    opened = await Archive.open(copy)
    assert len(await homes.raws(opened)) > 4
    await opened.close()
    await archive.close()


async def test_the_state_is_taken_before_the_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages archived after the state was taken are in the volumes, and the copy's catalog does not know them yet."""
    archive = await _filled(tmp_path / "home", count=3)
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
        assert await _findings(copy) == []
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
    assert await _findings(copy) == []
    shutil.rmtree(copy.path)
    done = await back_up(archive, copy.path)
    assert results == [False, True]
    assert await _findings(copy) == []
    assert done.head == Head(*homes.rows(copy.volume(1), "SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1")[0])
    assert copy.volume(1).stat().st_mode & 0o777 == 0o600
    await writer.close()
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


async def test_a_folder_that_is_no_backup_of_this_archive_is_left_as_it_is(tmp_path: Path) -> None:
    """Something else, a file, another archive's backup, a home, the own home and what lies around it: refused, untouched."""
    archive = await _filled(tmp_path / "here" / "home", count=2)
    other = await _filled(tmp_path / "other", count=1)
    await back_up(other, tmp_path / "others")
    await other.close()
    (tmp_path / "something").mkdir()
    (tmp_path / "something" / "letter.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "backup.json").write_text(json.dumps({"version": 2, "archive": "ab"}))
    (tmp_path / "link").symlink_to(archive.home.path)
    before = homes.files(tmp_path)
    for name, code in {
        "something": problems.NOT_EMPTY,
        "file": disk.NO_FOLDER,
        "file/below": disk.NO_FOLDER,
        "others": problems.OF_OTHER_ARCHIVE,
        "other": problems.NOT_EMPTY,
        "newer": problems.NEWER,
        "link": problems.WITHIN_HOME,
        "here/home/volumes": problems.WITHIN_HOME,
        "here": problems.WITHIN_HOME,
    }.items():
        with pytest.raises(InputError, check=coded(code)):
            await back_up(archive, tmp_path / name)
    after = homes.files(tmp_path)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    # The open catalog's shared memory changes with every read.
    assert changed == {"here/home/archive.sqlite-shm"}
    await archive.close()


async def test_a_copy_that_has_what_the_archive_has_not_is_kept(tmp_path: Path) -> None:
    """The archive was put back to an older state and went on: the backup is not written over."""
    archive = await _filled(tmp_path / "home", count=2)
    await archive.close()
    shutil.copytree(tmp_path / "home", tmp_path / "older")
    copy = Home(tmp_path / "copy")
    archive = await Archive.open(Home(tmp_path / "home"))
    await homes.store(archive, {50: message(50)})
    await back_up(archive, copy.path)
    await archive.close()
    kept = homes.rows(copy.volume(1), "SELECT * FROM ledger")
    older = await Archive.open(Home(tmp_path / "older"))
    for _ in range(2):
        with pytest.raises(InputError, check=coded(problems.COPY_DIVERGED)):
            await back_up(older, copy.path)
        await homes.store(older, {60: message(60), 61: message(61)})
        await homes.store(older, {62: message(62)})
    await older.close()
    assert homes.rows(copy.volume(1), "SELECT * FROM ledger") == kept


async def test_a_damaged_copy_is_named_and_copied_anew_once_it_is_moved_away(tmp_path: Path) -> None:
    """No guess about a copy that cannot be read: the person is told which file, and the next backup heals it."""
    archive = await _filled(tmp_path / "home")
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    copy.volume(1).chmod(0o600)
    copy.volume(1).write_bytes(b"x" * 100_000)
    with pytest.raises(DamagedError, match=r"000001\.sqlite"):
        await back_up(archive, copy.path)
    copy.volume(1).unlink()
    await back_up(archive, copy.path)
    assert await _findings(copy) == []
    await archive.close()


async def test_what_a_killed_backup_left_beside_a_copy_is_never_rolled_back_into_the_next(tmp_path: Path) -> None:
    """The copy was moved away, its hot journal was not: it holds pages of another file and the size of that."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {number: message(number, 20_000) for number in range(1, 30)})
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    volume = copy.volume(1)
    journal = volume.with_name(f"{volume.name}-journal")
    with closing(sqlite3.connect(volume, isolation_level=None)) as connection:
        for pragma in ("journal_mode = TRUNCATE", "cache_size = 1", "cache_spill = 1"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE part SET data = zeroblob(length(data))")
        # As it is after a kill in the middle of a commit.
        left = journal.read_bytes()
        connection.execute("ROLLBACK")
    assert left.startswith(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")
    await homes.store(archive, {number: message(number, 20_000) for number in range(30, 60)})
    volume.unlink()
    journal.write_bytes(left)
    await back_up(archive, copy.path)
    stored = homes.rows(archive.home.volume(1), "SELECT sha256 FROM message")
    assert homes.rows(volume, "SELECT sha256 FROM message") == stored
    assert await _findings(copy) == []
    await archive.close()


async def test_a_copy_that_cannot_be_read_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = await _filled(tmp_path / "home")
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    closed: list[Path] = []
    close = Volume.close

    async def failing(volume: Volume) -> Extent:
        if volume.path == copy.volume(1):
            raise DamagedError(problems.COPY_CHANGED(path=str(volume.path)))
        return await extent(volume)

    async def counted(volume: Volume) -> None:
        closed.append(volume.path)
        await close(volume)

    monkeypatch.setattr(volume_copy, "extent", failing)
    monkeypatch.setattr(Volume, "close", counted)
    with pytest.raises(DamagedError) as failure:
        await volume_copy.bring_up(archive.home.volume(1), copy.volume(1), lambda _: None)
    assert failure.value.reason.code is problems.COPY_UNREADABLE
    assert closed == [copy.volume(1), archive.home.volume(1)]
    await archive.close()


async def test_a_backup_is_read_only_until_it_is_released(tmp_path: Path) -> None:
    """Nothing is appended to a copy, nor is it backed up itself; what a reader left beside its catalog does no harm."""
    archive = await _filled(tmp_path / "home", count=2)
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    opened = await Archive.open(copy)
    with pytest.raises(HomeError, check=coded(BACKUP)):
        await opened.append([homes.draft("profile.removed", {"name": "x"})])
    with pytest.raises(HomeError, check=coded(BACKUP)):
        await opened.writer.renew(homes.draft("repaired", {"messages": []}), [message(1)])
    with pytest.raises(HomeError, check=coded(problems.OF_BACKUP)):
        await back_up(opened, tmp_path / "second")
    assert len(await homes.raws(opened)) == 2
    await opened.close()
    await homes.store(archive, {9: message(9)})
    # As a backup that was killed leaves it: a log that SQLite would take for a part of the new file.
    shutil.copy(archive.home.path / "archive.sqlite-wal", copy.path / "archive.sqlite.taken-wal")
    for number in range(10, 20):
        await homes.store(archive, {number: message(number)})
    done = await back_up(archive, copy.path)
    assert homes.rows(copy.catalog, "SELECT seq FROM applied") == [(done.head.seq,)]
    assert await _findings(copy) == []
    assert backups.release(copy)
    assert not backups.release(copy)
    opened = await Archive.open(copy)
    await opened.append([homes.draft("profile.removed", {"name": "x"})])
    await opened.close()
    with pytest.raises(InputError, check=coded(problems.NOT_EMPTY)):
        await back_up(archive, copy.path)
    await archive.close()


async def test_two_backups_to_one_folder_do_not_meet(tmp_path: Path) -> None:
    """The second is told that the first is under way."""
    archive = await _filled(tmp_path / "home", count=2)
    seconds: list[asyncio.Future[Backup]] = []

    def tick(done: Backup) -> None:
        if not seconds:
            seconds.append(asyncio.ensure_future(back_up(archive, tmp_path / "copy")))  # noqa: TID251 (awaited below)

    await back_up(archive, tmp_path / "copy", tick=tick)
    with pytest.raises(BusyError, check=coded(problems.UNDER_WAY)):
        await seconds[0]
    assert await _findings(Home(tmp_path / "copy")) == []
    await archive.close()
