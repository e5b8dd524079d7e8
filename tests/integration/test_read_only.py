"""Archives that cannot be written can still be read: a read-only file system, a full disk, an account without the right to."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core import files
from core.archive import copied_catalog
from core.archive.archive import Archive
from core.archive.search.search_index import bring_up
from core.config import Home
from core.errors import StorageError
from core.problems import archive as problems
from core.service.lock import is_running
from tests import disks, homes, older
from tests.homes import message
from tests.integration.test_full_disk import fill

READING: list[tuple[str, ...]] = [
    ("show", "1"),
    ("search", "message"),
    ("folders", "alice"),
    ("status",),
    ("stats",),
    ("runs",),
    ("user", "list"),
    ("ledger", "show"),
    ("ledger", "head"),
    ("settings",),
    ("verify",),
]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 16 MB."""
    with disks.small_disk(tmp_path / "disk", "16m") as place:
        yield place


def _remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True, capture_output=True)


def _home(path: Path) -> Home:
    home = asyncio.run(homes.filled(path))

    async def index() -> None:
        archive = await Archive.open(home)
        try:
            await bring_up(archive)
        finally:
            await archive.close()

    asyncio.run(index())
    return home


def _check_reading(home: Home, tmp_path: Path) -> str:
    """All that reads works, and exports what is there; what was said beside the results."""
    said = ""
    for words in READING:
        done = homes.cli(home, *words)
        # A disk that takes nothing more needs attention.
        assert done.returncode == (1 if words == ("status",) else 0), (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        said += done.stderr
    assert "12 messages found" in said
    exported = homes.cli(home, "export", "--format", "eml", str(tmp_path / "out"))
    assert exported.returncode == 0, exported.stderr
    assert len(list((tmp_path / "out").rglob("*.eml"))) == 12
    return said + exported.stderr


def _check_refused(home: Home) -> None:
    for words in (("user", "add", "bob"), ("service", "run")):
        refused = homes.cli(home, *words)
        assert refused.returncode in (2, 3), (words, refused.stdout, refused.stderr)
        assert "Traceback" not in refused.stderr


def test_a_read_only_file_system_can_be_read(disk: Path, tmp_path: Path) -> None:
    """Show, search, export, verify and all that only looks; nothing is changed, and what cannot be done says so."""
    home = _home(disk / "home")
    before = homes.files(home.path)
    _remount(disk, "ro")
    said = _check_reading(home, tmp_path)
    assert "could not be noted in the ledger" in said
    _check_refused(home)
    assert homes.cli(home, "service", "stop").returncode == 0
    assert homes.files(home.path) == before


def test_what_is_only_in_the_log_is_said_not_to_be_seen(disk: Path, tmp_path: Path) -> None:
    """A process that died left changes beside the catalog: read as it stands, the catalog does not have them."""
    home = _home(disk / "home")
    # A connection that never ends in order keeps the log as it is; its copy is what a crash leaves.
    import sqlite3

    with closing(sqlite3.connect(home.catalog)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("INSERT INTO setting VALUES ('unseen', '1')")
        connection.commit()
        log = Path(f"{home.catalog}-wal").read_bytes()
    Path(f"{home.catalog}-wal").write_bytes(log)
    Path(f"{home.catalog}-shm").unlink(missing_ok=True)
    _remount(disk, "ro")
    done = homes.cli(home, "folders", "alice")
    assert done.returncode == 0, done.stderr
    assert "not seen" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_can_be_read_and_a_service_stopped(disk: Path, tmp_path: Path) -> None:
    """With and without a service that has it open; without an index that could be made, search says so."""
    home = _home(disk / "home")
    service = homes.start_service(home)
    try:
        homes.wait_for(lambda: is_running(home), "the service")
        homes.wait_for(lambda: homes.rows(home.catalog, "SELECT 1 FROM service"), "its announcement")
        ballast = fill(disk, 0)
        said = _check_reading(home, tmp_path)
        assert "could not be noted in the ledger" in said
        stopped = homes.cli(home, "service", "stop")
        assert stopped.returncode == 0, stopped.stderr
        assert not is_running(home)
    finally:
        homes.end(service)
    (tmp_path / "second").mkdir()
    _check_reading(home, tmp_path / "second")
    ballast.unlink()
    assert homes.cli(home, "user", "add", "bob").returncode == 0
    assert homes.findings(home) == []


def test_a_service_is_stopped_where_nothing_can_be_written_any_more(disk: Path) -> None:
    """The disk turned read-only under a running service: a signal ends it."""
    home = _home(disk / "home")
    bound = disk.parent / "bound"
    bound.mkdir()
    service = homes.start_service(home)
    try:
        homes.wait_for(lambda: is_running(home), "the service")
        homes.wait_for(lambda: homes.rows(home.catalog, "SELECT 1 FROM service"), "its announcement")
        subprocess.run(["mount", "--bind", str(disk), str(bound)], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,ro,bind", str(bound)], check=True)
            stopped = homes.cli(bound / "home", "service", "stop", "--json")
            assert stopped.returncode == 0, stopped.stderr
            assert json.loads(stopped.stdout) == {"stopped": True}
        finally:
            subprocess.run(["umount", str(bound)], check=True)
        service.wait(homes.DEADLINE)
        assert not is_running(home)
    finally:
        if service.poll() is None:
            homes.end(service)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another account")
def test_a_backup_of_a_read_only_home_is_complete(disk: Path, tmp_path: Path) -> None:
    """Copied to another disk while its own can only be read; the copy proves clean."""
    home = _home(disk / "home")
    _remount(disk, "ro")
    done = homes.cli(home, "backup", str(tmp_path / "backup"))
    assert done.returncode == 0, done.stderr
    assert "could not be noted" in done.stderr
    assert homes.findings(Home(tmp_path / "backup")) == []
    assert homes.cli(home, "repair").returncode in (0, 3)
    assert message(1)


def test_a_catalog_of_an_older_version_is_read_from_a_copy(disk: Path, tmp_path: Path) -> None:
    """Every reading command tells what it tells where the catalog can be brought up to date; nothing is left of the copy."""
    for place in (disk, tmp_path):
        with tarfile.open(older.FORMAT_1) as packed:
            packed.extractall(place, filter="data")
    there, here = Home(disk / "format-1"), Home(tmp_path / "format-1")
    before = homes.files(there.path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    _remount(disk, "ro")
    commands = [words for words in READING if words[0] not in ("status", "stats", "search", "settings", "verify")]
    for command in (*commands, ("user", "list", "--json")):
        wanted, done = homes.cli(here, *command), homes.cli(there, *command, TMPDIR=str(temporary))
        assert (done.returncode, done.stdout) == (wanted.returncode, wanted.stdout), (command, done.stderr)
        assert "older version" in done.stderr
        assert list(temporary.iterdir()) == []
    done = homes.cli(there, "user", "add", "another")
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr
    assert homes.files(there.path) == before


@pytest.mark.parametrize("version", [1, 10, 15, 17])
def test_an_archive_of_an_older_version_is_backed_up_and_verified_where_it_is_only_read(
    version: int, disk: Path, tmp_path: Path
) -> None:
    """The second backup brings the first up to it; both are whole, and are archives of today once they are made such."""
    there = older.unpacked(disk, version)
    _remount(disk, "ro")
    assert homes.findings(there) == []
    for _ in range(2):
        done = homes.cli(there, "backup", str(tmp_path / "backup"))
        assert done.returncode == 0, done.stderr
    assert homes.findings(Home(tmp_path / "backup")) == []
    for command in (("verify",), ("rebuild",), ("verify",)):
        done = homes.cli(tmp_path / "backup", *command)
        assert done.returncode == 0, (command, done.stderr)


async def test_a_copy_that_has_no_room_is_said_to_have_none(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedies are named: the disk of the archive, or another folder for temporary files."""
    with tarfile.open(older.FORMAT_1) as packed:
        packed.extractall(disk, filter="data")
    _remount(disk, "ro")
    monkeypatch.setattr(copied_catalog, "_ROOM", 10**9)
    with pytest.raises(StorageError) as told:
        await Archive.open(Home(disk / "format-1"))
    assert told.value.reason.code is problems.CATALOG_OLDER
    assert {"TMPDIR", "Mount"} <= set(re.findall(r"\w+", told.value.hint))


def test_the_copy_of_a_killed_process_is_removed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, used = tmp_path / "archivar-catalog-left", tmp_path / "archivar-catalog-used"
    left.mkdir()
    used.mkdir()
    home = _home(tmp_path / "home")
    with files.lock(used) as held:
        assert held
        made = copied_catalog._made(home, StorageError(problems.READ_ONLY(path=str(home.path))))
    assert sorted(tmp_path.glob("archivar-*")) == sorted((used, made))
