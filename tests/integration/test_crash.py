"""Killed at any moment, the archive loses nothing, doubles nothing, and carries on."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.store import volume_file
from core.archive.store.ledger import Head
from core.archive.store.volume_format import Meta
from core.config import Home, find_or_create
from core.demo.mail import sample_mailbox
from core.errors import DamagedError
from core.model import RunStatus
from tests import homes
from tests.conftest import StartDovecot
from tests.homes import ALICE, message
from tests.support import all_digests, placed

MESSAGES = 300
KILLS = 10


async def _content(home: Home) -> tuple[set[str], Counter[tuple[str, str]], Counter[tuple[Any, ...]]]:
    """SHA-256 of what reads back, what is placed where, and how often the ledger names each UID."""
    archive = await Archive.open(home)
    try:
        digests = set(await homes.raws(archive))
        rows = await archive.database.read(
            "SELECT folder.path, message.sha256 FROM placement JOIN folder ON folder.id = placement.folder_id "
            "JOIN message ON message.id = placement.message_id WHERE placement.until_seq IS NULL"
        )
        named: Counter[tuple[Any, ...]] = Counter()
        async for entry in archive.entries():
            if entry.kind == "archived":
                named.update((entry.payload["server_folder"], row[1]) for row in entry.payload["messages"])
        return digests, Counter((path.removeprefix(f"{ALICE}/"), bytes(digest).hex()) for path, digest in rows), named
    finally:
        await archive.close()


def _ledgered(home: Home) -> int:
    """Bytes in the first volume's file."""
    return home.volume(1).stat().st_size


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("group", [1, 2])
def test_a_service_killed_at_ten_random_moments_loses_and_doubles_nothing(
    group: int, dovecot: StartDovecot, tmp_path: Path
) -> None:
    """After kill -9 the next service carries the run on: every message once, totals of the whole run, verify clean."""
    server = dovecot()
    for sample in sample_mailbox(ALICE, MESSAGES, seed=group, average_size=15_000):
        server.deliver(ALICE, sample.folder, sample.raw, sample.flags, sample.internaldate)
    expected = {folder: digests for folder, digests in server.expected(ALICE).items() if folder != "Junk E-mail"}
    total = sum(map(len, expected.values()))
    template = asyncio.run(homes.with_profile(tmp_path / "template", homes.profile(server.host, server.plain_port)))
    homes.enqueue(template)
    empty = _ledgered(template)

    whole = _copy(template, tmp_path / "whole")
    begun = time.monotonic()
    service = homes.start_service(whole)
    assert homes.wait_until_final(whole).status is RunStatus.SUCCEEDED
    duration, growth = time.monotonic() - begun, _ledgered(whole) - empty
    homes.end(service)
    complete = asyncio.run(_content(whole))
    assert complete[0] == all_digests(expected)
    assert complete[1] == placed(expected)

    seed = f"kill {group} {time.time_ns()}"
    random = Random(seed)
    reached = []
    for kill in range(KILLS):
        share = (kill + random.random()) / KILLS
        where = f"seed {seed!r}, kill {kill} at {share:.0%} of {'growth' if kill % 2 else 'time'}"
        home = _copy(template, tmp_path / f"kill{kill}")
        service = homes.start_service(home)
        began = time.monotonic()
        if kill % 2:
            _wait_for_growth(home, empty + share * growth)
        else:
            _wait_until(began + share * duration)
        service.kill()
        service.wait()
        reached.append((homes.status(home), _count_in_ledger(home)))

        number = homes.enqueue(home) if reached[-1][0] in homes.FINAL else 1
        service = homes.start_service(home)
        ended = homes.wait_until_final(home, number)
        homes.end(service)
        assert ended.status is RunStatus.SUCCEEDED, f"{where}: {ended.reason}"
        assert ended.result is not None
        assert ended.result["totals"]["archived"] == (total if number == 1 else 0), where
        assert asyncio.run(_content(home)) == complete, where
        assert homes.findings(home) == [], where
        shutil.rmtree(home.path)
    middle = [count for state, count in reached if state == "running" and 0 < count < total]
    # A busy machine may write all of it in two transactions.
    assert middle, f"too few kills in the middle: {reached}, seed {seed!r}"
    assert len({state for state, _ in reached}) >= 2, f"the kills are not spread: {reached}, seed {seed!r}"


def _wait_for_growth(home: Home, size: float) -> None:
    homes.wait_for(lambda: _ledgered(home) >= size or homes.status(home) in homes.FINAL, f"{size:.0f} bytes")


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _copy(template: Home, path: Path) -> Home:
    shutil.copytree(template.path, path)
    return Home(path)


def _count_in_ledger(home: Home) -> int:
    """Messages that the ledger has, read from a copy so that nothing is mended before the next service comes."""
    copy = home.path / "copy"
    shutil.copytree(home.volumes, copy)
    with closing(sqlite3.connect(copy / "000001.sqlite")) as connection:
        count = int(connection.execute("SELECT count(*) FROM message").fetchone()[0])
    shutil.rmtree(copy)
    return count


async def _without_applying(archive: Archive, monkeypatch: pytest.MonkeyPatch, messages: Mapping[int, bytes]) -> None:
    """Archive as a process does that dies after the volume's commit."""

    with monkeypatch.context() as patch:
        patch.setattr(archive.projection, "apply", AsyncMock())
        await homes.store(archive, messages)


async def test_what_was_committed_before_a_crash_is_in_the_catalog_after_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between volume and catalog is mended at start-up, and the catalog is the one that a rebuild makes."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: message(1)})
    await _without_applying(archive, monkeypatch, {2: message(2), 3: message(3, 20_000)})
    await _without_applying(archive, monkeypatch, {4: message(4)})
    home = archive.home
    await archive.close()
    assert len(homes.tables(home)["message"]) == 1

    archive = await Archive.open(home)
    applied = homes.tables(home)
    assert set(await homes.raws(archive)) == {
        hashlib.sha256(message(n, 20_000 if n == 3 else 300)).hexdigest() for n in (1, 2, 3, 4)
    }
    await archive.rebuild()
    await archive.close()
    assert homes.tables(home) == applied
    assert len(applied["message"]) == 4


async def test_an_entry_of_somebody_who_died_is_applied_before_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that appends after another's unapplied entry applies both, in order, without being restarted."""
    archive = await homes.begin(tmp_path / "home")
    await _without_applying(archive, monkeypatch, {1: message(1)})
    await homes.store(archive, {2: message(2)})
    rows = await archive.database.read("SELECT uid FROM source_message ORDER BY uid")
    assert [row[0] for row in rows] == [1, 2]
    home = archive.home
    await archive.close()
    assert [one.text for one in (await verify(home)).findings] == []


async def test_a_crash_between_sealing_and_the_next_volume_is_carried_on(tmp_path: Path) -> None:
    """A volume that was sealed and has no successor gets one at the next write, and the chain runs on."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: message(1)})
    async for volume in archive.volumes.readable():
        await volume.seal()
    home = archive.home
    await archive.close()
    (home.volumes / ".000002.sqlite.new").write_bytes(b"half a volume")
    (home.volumes / ".000002.sqlite.new-journal").write_bytes(b"half a journal")

    archive = await Archive.open(home)
    assert home.volume_numbers() == [1]
    await homes.store(archive, {2: message(2)})
    assert home.volume_numbers() == [1, 2]
    assert sorted(path.name for path in home.volumes.glob("*.sqlite")) == ["000001.sqlite", "000002.sqlite"]
    assert not list(home.volumes.glob(".*"))
    assert (await homes.raws(archive)).keys() == {hashlib.sha256(message(n)).hexdigest() for n in (1, 2)}
    await archive.close()
    assert [one.text for one in (await verify(home)).findings] == []


async def test_a_transaction_that_a_crash_left_half_written_is_rolled_back(tmp_path: Path) -> None:
    """A volume copied in the middle of a transaction, with its hot journal, opens as it was before the transaction."""
    home = await homes.filled(tmp_path / "home")
    before = homes.rows(home.volume(1), "SELECT seq, hash FROM ledger")
    whole = home.volume(1).read_bytes()
    copy = Home(tmp_path / "copy")
    with closing(sqlite3.connect(home.volume(1), isolation_level=None)) as connection:
        for statement in ("PRAGMA journal_mode = TRUNCATE", "PRAGMA cache_size = 4", "BEGIN IMMEDIATE"):
            connection.execute(statement)
        connection.execute("UPDATE ledger SET actor = 'nobody'")
        for number in range(40):
            connection.execute(
                "INSERT INTO part (sha256, codec, size, data) VALUES (?, 0, 20000, zeroblob(20000))", (b"%d" % number,)
            )
        shutil.copytree(home.path, copy.path)
        connection.execute("ROLLBACK")
    assert copy.volume(1).read_bytes() != whole
    assert Path(f"{copy.volume(1)}-journal").stat().st_size > 0

    archive = await Archive.open(copy)
    await homes.store(archive, {99: message(99)})
    await archive.close()
    assert homes.rows(copy.volume(1), "SELECT seq, hash FROM ledger")[: len(before)] == before
    assert [one.text for one in (await verify(copy)).findings] == []


async def test_a_crash_in_the_very_first_moment_leaves_a_home_that_can_be_begun(tmp_path: Path) -> None:
    """Killed after the catalog was made and before the first volume was, or before its first entry: the next start begins."""
    home = find_or_create(tmp_path / "home")
    home.catalog.touch()
    archive = await Archive.open(home)
    await archive.close()
    assert [row[0] for row in homes.rows(home.volume(1), "SELECT kind FROM ledger")] == ["archive.created"]

    second = find_or_create(tmp_path / "second")
    await volume_file.create(second.volume(1), Meta("0" * 32, 1, Head(0, bytes(32))))
    archive = await Archive.open(second)
    await archive.close()
    assert [row[0] for row in homes.rows(second.volume(1), "SELECT kind FROM ledger")] == ["archive.created"]


async def test_a_catalog_that_knows_volumes_is_never_begun_anew(tmp_path: Path) -> None:
    """Volumes gone (their disk is not mounted): refused, and no new first volume is made."""
    home = await homes.filled(tmp_path / "home")
    shutil.move(home.volumes, tmp_path / "elsewhere")
    home.volumes.mkdir()
    with pytest.raises(DamagedError, match="mounted"):
        await Archive.open(home)
    assert list(home.volumes.iterdir()) == []


async def test_an_unapplied_entry_that_was_changed_is_not_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start-up replay follows the chain: an entry that does not follow is refused, and rebuild accepts it on demand."""
    archive = await homes.begin(tmp_path / "home")
    await archive.append([homes.draft("exported", {"owner": "x", "folder": "", "format": "eml", "messages": 1})])
    await _without_applying(archive, monkeypatch, {1: message(1)})
    home = archive.home
    await archive.close()
    homes.change(home.volume(1), "UPDATE ledger SET at = '2001-01-01T00:00:00.000Z' WHERE kind = 'archived'")
    archive = await Archive.open(home)
    assert "does not follow" in str(archive.damage)
    with pytest.raises(DamagedError, match="does not follow"):
        await archive.append([homes.draft("exported", {"owner": "x", "folder": "", "format": "eml", "messages": 1})])
    await archive.close()
    archive = await Archive.open(home, follow=False)
    await archive.rebuild()
    await archive.close()
    await (await Archive.open(home)).close()


def test_an_archive_appended_to_by_many_processes_keeps_one_chain(tmp_path: Path) -> None:
    """Six processes that add users to a new home at the same moment: all are there, one chain, verify clean."""
    home = Home(tmp_path / "home")
    processes = [
        subprocess.Popen(
            homes.command(home, "user", "add", f"user{number}", "--email", f"user{number}@example.test"),
            env=homes.environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(6)
    ]
    for process in processes:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert {row[0] for row in homes.rows(home.catalog, "SELECT name FROM user")} == {f"user{n}" for n in range(6)}
    assert homes.findings(home) == []
