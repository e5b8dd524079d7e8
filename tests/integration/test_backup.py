"""Backups of a living archive: during a run, killed, on a full disk, and restored."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.config import Home
from core.demo.mail import sample_mailbox
from core.model import RunStatus
from tests import forks, homes
from tests.conftest import StartDovecot
from tests.homes import ALICE
from tests.integration.test_full_disk import MEGABYTE, fill, small_disk
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import Proxy
from tests.support import all_digests

__all__ = ["small_disk"]
MESSAGES = 600
#: What verify may say of a first backup that was broken off: no state, no volumes yet.
NOT_YET = ("catalog: archive.sqlite is missing", "volumes: There are no volumes")


def _backup(home: Home, copy: Home) -> dict[str, object]:
    result = homes.cli(home, "backup", str(copy.path), "--json")
    assert result.returncode == 0, result.stderr
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


async def _digests(home: Home) -> set[str]:
    archive = await Archive.open(home)
    try:
        return set(await homes.raws(archive))
    finally:
        await archive.close()


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    """A mailbox of several volumes."""
    server = dovecot()
    for sample in sample_mailbox(ALICE, MESSAGES, seed=5, average_size=30_000):
        server.deliver(ALICE, sample.folder, sample.raw, sample.flags, sample.internaldate)
    return server


@pytest.fixture
def way(server: Dovecot) -> Iterator[Proxy]:
    """The way to that mailbox, which ends in the middle until it is opened."""
    with Proxy(server.host, server.plain_port) as proxy:
        proxy.stall_after_bytes = 5 * MEGABYTE
        yield proxy


@pytest.mark.server
@pytest.mark.slow
def test_backups_during_a_run_are_clean_and_can_be_restored(server: Dovecot, way: Proxy, tmp_path: Path) -> None:
    """Taken again and again while the service archives through several volumes; the restored home has all and goes on."""
    one = homes.profile(way.host, way.port, timeout=homes.DEADLINE)
    home = asyncio.run(homes.with_profile(tmp_path / "home", one, volume_bytes=MEGABYTE // 2))
    copy = Home(tmp_path / "copy")
    homes.enqueue(home)
    service = homes.start_service(home)
    homes.wait_for(lambda: homes.rows(home.volume(1), "SELECT 1 FROM message"), "the first messages")
    during = 0
    while homes.status(home) not in homes.FINAL:
        _backup(home, copy)
        during += homes.status(home) == "running"
        assert homes.findings(copy) == []
        # The first one surely fell into the run, however quick that is; the next ones meet it writing.
        way.stall_after_bytes = None
    assert homes.wait_until_final(home).status is RunStatus.SUCCEEDED
    homes.end(service)
    assert during, "no backup was taken during the run"

    sealed = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in map(copy.volume, copy.volume_numbers()[:-1])}
    _backup(home, copy)
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in sealed} == sealed
    assert len(copy.volume_numbers()) > 2
    result = homes.cli(copy, "verify")
    assert (result.returncode, "clean" in result.stdout) == (0, True), result.stdout + result.stderr
    assert homes.rows(copy.volume(copy.volume_numbers()[-1]), "SELECT 1 FROM ledger WHERE kind = 'verified'") == []

    restored = Home(tmp_path / "restored")
    shutil.copytree(copy.path, restored.path)
    assert homes.cli(restored, "rebuild").returncode == 0
    folders = homes.cli(restored, "folders", "alice", "--json")
    assert folders.stdout == homes.cli(home, "folders", "alice", "--json").stdout
    shown = homes.cli(restored, "show", "1", "--json")
    assert json.loads(shown.stdout)["sha256"] in all_digests(server.expected(ALICE))
    assert homes.cli(restored, "verify").returncode == 0
    assert asyncio.run(_digests(restored)) == asyncio.run(_digests(home))
    # The stored password came along: the restored archive goes on where the backup was taken.
    again = homes.cli(restored, "run", "Test", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["totals"]["archived"] == 0
    assert homes.cli(restored, "service", "stop").returncode == 0


@pytest.mark.slow
def test_a_killed_backup_leaves_no_half_copy_and_the_next_one_completes_it(tmp_path: Path) -> None:
    """Kill -9 at many sizes of the copy, each one going on from the last: the volumes there are clean, the end is whole."""
    home = asyncio.run(homes.filled(tmp_path / "home", batches=16, count=4, size=700_000, volume_bytes=3 * MEGABYTE))
    total = sum(home.volume(number).stat().st_size for number in home.volume_numbers())
    assert total > 10 * MEGABYTE
    copy = Home(tmp_path / "copy")
    killed = 0
    for step in range(1, 9):
        process = homes.start(home, "backup", str(copy.path))
        _wait_for_growth(process, copy, step * total // 10)
        process.kill()
        killed += process.wait() != 0
        assert [text for text in homes.findings(copy) if not text.startswith(NOT_YET)] == []
    assert killed > 3
    _backup(home, copy)
    assert homes.findings(copy) == []
    assert not list(copy.path.rglob(".*"))
    assert asyncio.run(_digests(copy)) == asyncio.run(_digests(home))


def _wait_for_growth(process: forks.Fork, copy: Home, size: int) -> None:
    homes.wait_for(lambda: _size(copy) >= size or process.poll() is not None, f"{size} bytes")


def _size(home: Home) -> int:
    # Files come and go while they are looked at.
    found = subprocess.run(["du", "-sb", str(home.path)], capture_output=True, text=True, check=False).stdout
    return int(found.split()[0]) if found else 0


def test_a_backup_to_a_full_disk_says_so_and_goes_on_when_there_is_space(small_disk: Path, tmp_path: Path) -> None:
    """Exit 3 and the word; the archive is as it was; what was copied stays, and the rest comes."""
    home = asyncio.run(homes.filled(tmp_path / "home", batches=10, count=4, size=300_000, volume_bytes=MEGABYTE))
    before = homes.rows(home.volume(1), "SELECT seq, hash FROM ledger")
    copy = Home(small_disk / "copy")
    for leave in (2_500_000, 1_000_000, 0):
        ballast = fill(small_disk, leave)
        result = homes.cli(home, "backup", str(copy.path))
        assert result.returncode == 3, result.stdout + result.stderr
        assert "disk is full" in result.stderr or "No space left" in result.stderr
        assert "Traceback" not in result.stderr
        ballast.unlink()
    assert len(copy.volume_numbers()) >= 1
    assert [text for text in homes.findings(copy) if not text.startswith(NOT_YET)] == []
    value = _backup(home, copy)
    assert value["already"]
    assert homes.findings(copy) == []
    assert homes.rows(home.volume(1), "SELECT seq, hash FROM ledger") == before
    assert homes.findings(home) == []


def test_a_disk_that_is_full_while_the_catalog_is_brought_up_leaves_one_that_is_whole(small_disk: Path, tmp_path: Path) -> None:
    """Full at many sizes, some of them once the volumes are copied: refused with the reason, clean, and carried on."""
    home, copy = Home(tmp_path / "home"), Home(small_disk / "copy")

    async def work(first: int, count: int) -> None:
        archive = await (Archive.open(home) if home.exists else homes.begin(home.path))
        for batch in range(first, first + count, 50):
            await homes.store(archive, {number: homes.message(number, 100) for number in range(batch, batch + 50)})
        await archive.close()

    asyncio.run(work(1, 1_000))
    _backup(home, copy)
    inode = copy.catalog.stat().st_ino
    asyncio.run(work(2_001, 500))
    reached = homes.rows(home.volume(1), "SELECT max(seq) FROM ledger")
    behind = 0
    for leave in range(0, 2_000_000, 50_000):
        ballast = fill(small_disk, leave)
        result = homes.cli(home, "backup", str(copy.path))
        ballast.unlink()
        if not result.returncode:
            break
        assert result.returncode == 3, result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        assert homes.findings(copy) == []
        behind += homes.rows(copy.volume(1), "SELECT max(seq) FROM ledger") == reached
    else:
        pytest.fail("it never came to its end")
    assert behind > 1
    assert copy.catalog.stat().st_ino == inode
    assert homes.findings(copy) == []
    assert homes.tables(copy) == homes.tables(home)


def test_a_wrong_folder_for_a_backup_is_refused_as_wrong_input(tmp_path: Path) -> None:
    """The home, what is in it, something else; and a backup takes no user and no other backup."""
    home = asyncio.run(homes.filled(tmp_path / "home", batches=1))
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "letter.txt").write_text("mine")
    copy = Home(tmp_path / "copy")
    assert "Backed up never" in homes.cli(home, "status").stdout
    _backup(home, copy)
    for wrong in (home.path, home.volumes, home.path / "new", tmp_path, tmp_path / "else", tmp_path / "else" / "letter.txt"):
        result = homes.cli(home, "backup", str(wrong))
        assert result.returncode == 2, result.stdout + result.stderr
        assert "Traceback" not in result.stderr
    assert not (home.path / "new").exists()
    assert sorted(path.name for path in (tmp_path / "else").iterdir()) == ["letter.txt"]
    assert homes.cli(copy, "user", "add", "bob").returncode == 2
    assert homes.cli(copy, "backup", str(tmp_path / "second")).returncode == 2
    assert "archivar rebuild" in homes.cli(home, "backup", str(copy.path)).stderr
    shown = homes.cli(home, "ledger", "show", "--limit", "1")
    assert f"Backed up to {copy.path}" in shown.stdout
    status = homes.cli(home, "status")
    assert re.search(rf"^Backed up \d\d:\d\d, up to entry \d+, to {re.escape(str(copy.path))}$", status.stdout, re.MULTILINE)
    assert json.loads(homes.cli(home, "status", "--json").stdout)["backed_up"]["directory"] == str(copy.path)
