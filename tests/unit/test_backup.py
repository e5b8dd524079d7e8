"""Backup: a copy that is whole at any moment, brought up to the archive, of this archive alone."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.store import volume_copy
from core.archive.store.volume import Volume
from core.archive.store.volume_extent import Extent, extent
from core.archive.transfer import backup as backups
from core.archive.transfer import last_backup
from core.archive.transfer.backup import Backup, back_up
from core.config import Home
from core.errors import BusyError, DamagedError, HomeError, InputError, StorageError
from core.problems import backup as problems
from core.problems import disk
from core.problems.archive import BACKUP, BACKUP_INCOMPLETE
from core.problems.backup import COPY_CHANGED
from tests import homes
from tests.backups import filled, findings
from tests.homes import message
from tests.support import coded


def _sealed(home: Home) -> dict[str, tuple[int, int, bytes]]:
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in map(home.volume, home.volume_numbers()[:-1])
    }


async def test_a_backup_is_whole_and_the_next_copies_only_what_is_new(tmp_path: Path) -> None:
    """Verify of the copy is clean, sealed volumes are byte for byte the same and not touched again, the key is 0600."""
    archive = await filled(tmp_path / "home")
    copy = Home(tmp_path / "copy")
    numbers = archive.home.volume_numbers()
    first = await back_up(archive, copy.path)
    assert first.volumes == len(numbers) >= 3
    assert await findings(copy) == []
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
    assert await findings(copy) == []
    assert second.head.seq > first.head.seq
    last = await last_backup.last(archive)
    assert last is not None
    assert (last.seq, last.directory) == (second.head.seq, str(copy.path))
    entry = (await homes.entries(archive))[-1]
    assert (entry.kind, entry.payload["seq"], entry.payload["hash"]) == ("backed_up", second.head.seq, second.head.hash.hex())
    await archive.close()


async def test_a_file_that_reads_back_otherwise_is_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not keep what was written: named, and nothing takes the place of a volume."""
    archive = await filled(tmp_path / "home", count=4)
    copy = Home(tmp_path / "copy")
    with monkeypatch.context() as patch:
        patch.setattr(volume_copy, "_read_back", lambda path: bytes(32))
        with pytest.raises(StorageError, check=coded(COPY_CHANGED)):
            await back_up(archive, copy.path)
    assert copy.volume_numbers() == []
    await back_up(archive, copy.path)
    assert await findings(copy) == []
    await archive.close()


async def test_a_backup_broken_off_anywhere_leaves_a_whole_copy_and_is_carried_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after any piece, the volumes that are there verify clean; the state is never ahead; the next one completes."""

    class Stop(Exception):
        pass

    monkeypatch.setattr(volume_copy, "PIECE", 60_000)
    archive = await filled(tmp_path / "home", count=8)
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
                assert [text for text in await findings(copy) if not text.startswith(allowed)] == []
                if first:
                    with pytest.raises(HomeError, check=coded(BACKUP_INCOMPLETE)):
                        await Archive.open(copy)
            else:
                break
            await back_up(archive, copy.path)
            assert await findings(copy) == []
            assert not [path for path in copy.path.rglob("*") if path.name.endswith((".new", ".taken"))]
        else:
            pytest.fail("it never came to its end")
        assert stop > 5
        shutil.rmtree(base)
        shutil.copytree(copy.path, base)
        for number in range(20, 24):
            await homes.store(archive, {number: message(number, 70_000)})
    await archive.close()


async def test_a_folder_that_is_no_backup_of_this_archive_is_left_as_it_is(tmp_path: Path) -> None:
    """Something else, a file, another archive's backup, a home, the own home and what lies around it: refused, untouched."""
    archive = await filled(tmp_path / "here" / "home", count=2)
    other = await filled(tmp_path / "other", count=1)
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
    archive = await filled(tmp_path / "home", count=2)
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
    archive = await filled(tmp_path / "home")
    copy = Home(tmp_path / "copy")
    await back_up(archive, copy.path)
    copy.volume(1).chmod(0o600)
    copy.volume(1).write_bytes(b"x" * 100_000)
    with pytest.raises(DamagedError, match=r"000001\.sqlite"):
        await back_up(archive, copy.path)
    copy.volume(1).unlink()
    await back_up(archive, copy.path)
    assert await findings(copy) == []
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
    assert await findings(copy) == []
    await archive.close()


async def test_a_copy_that_cannot_be_read_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = await filled(tmp_path / "home")
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
    archive = await filled(tmp_path / "home", count=2)
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
    assert await findings(copy) == []
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
    archive = await filled(tmp_path / "home", count=2)
    seconds: list[asyncio.Future[Backup]] = []

    def tick(done: Backup) -> None:
        if not seconds:
            seconds.append(asyncio.ensure_future(back_up(archive, tmp_path / "copy")))  # noqa: TID251 (awaited below)

    await back_up(archive, tmp_path / "copy", tick=tick)
    with pytest.raises(BusyError, check=coded(problems.UNDER_WAY)):
        await seconds[0]
    assert await findings(Home(tmp_path / "copy")) == []
    await archive.close()
