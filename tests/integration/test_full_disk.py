"""A full disk ends a run with that reason; nothing half written is visible, and the next run completes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.archive.proof.verify import verify
from core.config import Home
from core.errors import StorageError
from core.model import RunStatus
from core.service.lock import is_running
from tests import disks, homes
from tests.conftest import StartDovecot
from tests.homes import ALICE, message, profile
from tests.support import all_digests

MEGABYTE = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own."""
    with disks.small_disk(tmp_path / "disk", "8m") as disk:
        yield disk


def _free(disk: Path) -> int:
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


def fill(disk: Path, leave: int) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        while (size := min(_free(disk) - leave, MEGABYTE)) > 0:
            file.write(b"x" * size)
            file.flush()
    return ballast


@pytest.mark.server
def test_a_run_on_a_full_disk_fails_with_that_reason_and_completes_after_space_is_made(
    small_disk: Path, dovecot: StartDovecot
) -> None:
    """Exit 3, recorded, verify clean with all that was archived before; after space is made the rest comes."""
    server = dovecot()
    for number in range(20):
        server.deliver(ALICE, "Early", message(number, 500))
    for number in range(100, 140):
        server.deliver(ALICE, "INBOX", message(number, 160_000))
    home = asyncio.run(homes.with_profile(small_disk / "home", profile(server.host, server.plain_port)))
    ballast = fill(small_disk, 2 * MEGABYTE)

    failed = homes.cli(home, "run", "Test", "--json")
    assert failed.returncode == 3, failed.stderr
    value = json.loads(failed.stdout)
    assert value["status"] == "failed"
    assert "disk is full" in json.dumps(value["mailboxes"][0]["problems"])
    row = homes.run_row(home)
    assert row.status is RunStatus.FAILED
    assert "disk is full" in row.reason
    ballast.unlink()
    assert homes.findings(home) == []
    stored = homes.rows(home.volume(1), "SELECT count(*) FROM message")[0][0]
    listed = homes.rows(home.catalog, "SELECT count(*) FROM message")[0][0]
    assert stored == listed < 60
    assert homes.rows(home.volume(1), "SELECT count(*) FROM ledger WHERE kind = 'run.finished'") == [(1,)]

    done = homes.cli(home, "run", "Test", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["totals"]["archived"] + stored == 60
    assert homes.cli(home, "service", "stop").returncode == 0
    assert not is_running(home)
    rows = homes.rows(home.volume(1), "SELECT sha256 FROM message")
    assert {row[0].hex() for row in rows} == all_digests(server.expected(ALICE))
    assert homes.findings(home) == []


def test_every_command_on_a_full_disk_says_so_and_leaves_the_archive_as_it_was(small_disk: Path) -> None:
    """No traceback, no half user, no half profile: exit 3 and the word, and the archive goes on when space is made."""
    home = asyncio.run(homes.filled(small_disk / "home", count=2))
    before = homes.rows(home.volume(1), "SELECT seq, hash FROM ledger")
    ballast = fill(small_disk, 0)
    for number in range(3):
        result = homes.cli(home, "user", "add", f"user{number}", "--full-name", "x" * 200)
        assert result.returncode == 3, result.stdout + result.stderr
        assert "disk is full" in result.stderr or "No space left" in result.stderr
        assert "Traceback" not in result.stderr
    ballast.unlink()
    assert homes.findings(home) == []
    assert homes.rows(home.volume(1), "SELECT seq, hash FROM ledger")[: len(before)] == before
    assert homes.cli(home, "user", "add", "bob").returncode == 0
    assert homes.findings(home) == []


def test_a_volume_that_cannot_be_begun_leaves_nothing_behind(small_disk: Path) -> None:
    """Sealed, but no room for the next volume: the write is refused whole, and goes through when space is made."""

    async def work() -> None:
        archive = await homes.begin(small_disk / "home", volume_bytes=1)
        home: Home = archive.home
        try:
            await homes.store(archive, {1: message(1)})
            await archive.catch_up()
            ballast = fill(small_disk, 20_000)
            numbers, head = home.volume_numbers(), await archive.head()
            with pytest.raises(StorageError):
                await homes.store(archive, {2: message(2, 100_000)})
            assert (home.volume_numbers(), await archive.head()) == (numbers, head)
            ballast.unlink()
            await homes.store(archive, {2: message(2, 100_000)})
            assert len(await homes.raws(archive)) == 2
        finally:
            await archive.close()
        assert [finding.text for finding in (await verify(home)).findings] == []

    asyncio.run(work())
