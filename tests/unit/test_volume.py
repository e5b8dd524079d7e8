"""Volumes: written once, sealed when full, and readable for ever."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.store import volume_file
from core.archive.store.intake import PreparedMessage
from core.archive.store.ledger import ZERO_HASH, Head
from core.archive.store.volume import Volume
from core.archive.store.volume_format import Meta, pack, unpack
from core.archive.store.volume_rows import AppendedRows
from core.errors import DamagedError, StorageError
from tests import homes
from tests.homes import message
from tests.reasons import said

SMALL = 150_000


async def test_a_full_volume_is_sealed_and_the_chain_runs_on_in_the_next(tmp_path: Path) -> None:
    """Sealed volumes are read-only files; each next one carries on seq and hash; every message reads back (P1)."""
    archive = await homes.begin(tmp_path / "home", volume_bytes=SMALL)
    sent = {number: message(number, 20_000) for number in range(1, 31)}
    for start in range(1, 31, 3):
        await homes.store(archive, {uid: sent[uid] for uid in range(start, start + 3)})
    home = archive.home
    numbers = home.volume_numbers()
    assert len(numbers) > 2
    for number in numbers:
        mode = home.volume(number).stat().st_mode & 0o777
        assert mode == (0o600 if number == numbers[-1] else 0o400) or number == numbers[-1]
        assert home.volume(number).stat().st_size < 3 * SMALL
    entries = await homes.entries(archive)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert (await homes.raws(archive)) == {hashlib.sha256(raw).hexdigest(): raw for raw in sent.values()}
    await archive.close()
    assert [finding.text for finding in (await verify(home)).findings] == []


async def test_a_message_that_an_older_volume_has_is_not_stored_again(tmp_path: Path) -> None:
    """Archived once more, volumes later, in another folder: the ledger has it twice, the volumes once."""
    archive = await homes.begin(tmp_path / "home", volume_bytes=1)
    await homes.store(archive, {1: message(1)})
    await homes.store(archive, {2: message(2)})
    await homes.store(archive, {1: message(1), 3: message(3)}, folder="Copy")
    home = archive.home
    await archive.close()
    stored = [row for number in home.volume_numbers() for row in homes.rows(home.volume(number), "SELECT sha256 FROM message")]
    assert len(stored) == len(set(stored)) == 3
    assert len(homes.rows(home.catalog, "SELECT 1 FROM placement")) == 4
    assert [finding.text for finding in (await verify(home)).findings] == []


@pytest.fixture
def shared_path() -> Iterator[Path]:
    """A folder that other accounts can reach, unlike those of pytest."""
    with TemporaryDirectory(prefix="archivar-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def test_two_open_archives_write_in_turn_and_both_see_all(tmp_path: Path) -> None:
    """Two processes that append batch by batch over small volumes: one chain, each message once, both catalogs complete."""
    first = await homes.begin(tmp_path / "home", volume_bytes=SMALL)
    second = await Archive.open(first.home)

    async def fill(archive: Archive, start: int) -> None:
        for number in range(start, start + 20):
            # Every fifth message comes from both.
            shared = number % 5 == 0
            raw = message(number % 100 if shared else number, 20_000)
            await homes.store(archive, {number: raw}, folder=f"F{start}")

    await asyncio.gather(fill(first, 100), fill(second, 200))
    await asyncio.gather(first.catch_up(), second.catch_up())
    assert await homes.raws(first) == await homes.raws(second)
    assert len(await homes.raws(first)) == 36
    home = first.home
    await first.close()
    await second.close()
    assert len(home.volume_numbers()) > 1
    assert [finding.text for finding in (await verify(home)).findings] == []
    assert len(homes.rows(home.catalog, "SELECT 1 FROM source_message")) == 40


async def test_nothing_of_a_batch_is_there_when_its_write_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts, messages and entry are one transaction: an error before its end leaves none of them (P3)."""
    archive = await homes.begin(tmp_path / "home")

    def fail(*_: object) -> bytes:
        raise StorageError(said("The disk is full."))

    with monkeypatch.context() as patch:
        patch.setattr("core.archive.store.volume_rows.chain", fail)
        with pytest.raises(StorageError):
            await homes.store(archive, {1: message(1, 20_000)})
    for table in ("part", "message"):
        assert homes.rows(archive.home.volume(1), f"SELECT count(*) FROM {table}") == [(0,)]
    await homes.store(archive, {1: message(1, 20_000)})
    assert len(await homes.raws(archive)) == 1
    await archive.close()


async def test_the_volume_is_written_before_the_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the catalog applies an entry, another process can read its messages from the volume already (P3)."""
    archive = await homes.begin(tmp_path / "home")
    apply, seen = archive.projection.apply, list[int]()

    async def look(appended: AppendedRows, number: int, fresh: Mapping[bytes, PreparedMessage]) -> None:
        seen.append(homes.rows(archive.home.volume(number), "SELECT count(*) FROM message")[0][0])
        assert homes.rows(archive.home.catalog, "SELECT count(*) FROM message") == [(0,)]
        await apply(appended, number, fresh)

    monkeypatch.setattr(archive.projection, "apply", look)
    await homes.store(archive, {1: message(1), 2: message(2)})
    await archive.close()
    assert seen == [2]


async def test_files_with_odd_names_among_the_volumes_are_left_alone(tmp_path: Path) -> None:
    """Copies, notes, other digits, short names: no volumes, and no reason to stop."""
    home = await homes.filled(tmp_path / "home", batches=1)
    for name in (
        "1.sqlite",
        "000001 (copy).sqlite",
        "00000².sqlite",
        "000001.sqlite.bak",
        "notes.txt",
        "0000001.sqlite",
        "000000.sqlite",
    ):
        (home.volumes / name).write_bytes(b"not ours")
    (home.volumes / "old").mkdir()
    assert home.volume_numbers() == [1]
    archive = await Archive.open(home)
    await homes.store(archive, {50: message(50)})
    await archive.close()
    assert [finding.text for finding in (await verify(home)).findings] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody who cannot write to a read-only file")
def test_sealed_volumes_are_read_by_an_owner_who_is_not_root(shared_path: Path) -> None:
    """Mode 0400 prevents neither reading, going on in the next volume, nor verifying."""
    home = asyncio.run(homes.filled(shared_path / "home", volume_bytes=108_000))
    for path in [home.path, *home.path.rglob("*")]:
        os.chown(path, homes.NOBODY, homes.NOBODY)

    async def work() -> None:
        archive = await Archive.open(home)
        await homes.store(archive, {70: message(70)})
        assert len(await homes.raws(archive)) == 13
        await archive.close()
        assert [finding.text for finding in (await verify(home)).findings] == []

    assert homes.as_nobody(lambda: asyncio.run(work())) == ""
    assert {path.stat().st_uid for path in home.path.rglob("*")} == {homes.NOBODY}


async def test_a_sealed_last_volume_that_cannot_be_written_is_continued_in_the_next(tmp_path: Path) -> None:
    """Restored from a backup that ended with a sealed volume: the next write begins a new one."""
    home = await homes.filled(tmp_path / "home", volume_bytes=108_000)
    for number in home.volume_numbers()[2:]:
        home.volume(number).unlink()
    for path in home.path.glob("archive.sqlite*"):
        path.unlink()
    archive = await Archive.open(home)
    await archive.append([homes.draft("exported", {"owner": "", "folder": "", "format": "eml", "messages": 0})])
    await archive.close()
    assert home.volume_numbers() == [1, 2, 3]
    assert [finding.text for finding in (await verify(home)).findings] == []


def test_a_recipe_comes_back_as_it_was() -> None:
    """Eight bytes a part, big-endian; anything else is damage."""
    assert pack([1, 258]) == bytes(7) + b"\1" + bytes(6) + b"\1\2"
    assert unpack(pack([1, 2**63 - 1])) == (1, 2**63 - 1)
    with pytest.raises(DamagedError):
        unpack(b"1234567")
    with pytest.raises(DamagedError):
        unpack(pack([1, 2**63]))


def test_no_thread_is_left_behind_by_readers_that_come_at_once(tmp_path: Path) -> None:
    """Many first readers of a volume at the same moment open it once; the process ends when the archive is closed."""
    home = asyncio.run(homes.filled(tmp_path / "home"))
    code = (
        "import asyncio, threading\nfrom pathlib import Path\nfrom core.archive.archive import Archive\n"
        "from core.config import Home\n"
        "async def main():\n"
        f"    archive = await Archive.open(Home(Path({str(home.path)!r})), follow=False)\n"
        "    rows = await archive.database.read('SELECT sha256 FROM message')\n"
        "    archive.volumes._open, volumes = {}, archive.volumes._open\n"
        "    await asyncio.gather(*(archive.raw(row[0]) for row in rows))\n"
        "    await asyncio.gather(*(archive.writer.prepare([b'x' * 20000]) for _ in range(5)))\n"
        "    for volume in volumes.values():\n"
        "        await volume.close()\n"
        "    await archive.close()\n"
        "asyncio.run(main())\nassert threading.active_count() == 1, threading.enumerate()\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, env=homes.environment(), capture_output=True, text=True, timeout=30, check=False)
    assert (result.returncode, result.stderr) == (0, "")


async def test_what_is_committed_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3 rests on it: a volume waits for the disk at every commit, a new one is synced before and after it gets its name."""
    synced: list[str] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    path = tmp_path / "000001.sqlite"
    await volume_file.create(path, Meta("id", 1, Head(0, ZERO_HASH)))
    assert synced == [str(tmp_path / ".000001.sqlite.new"), str(tmp_path)]
    volume = await Volume.open(path)
    assert await volume.database.value("PRAGMA synchronous") == 2
    assert await volume.database.value("PRAGMA journal_mode") == "truncate"
    await volume.close()


async def test_an_uncommitted_entry_is_not_read(tmp_path: Path) -> None:
    """An entry of a transaction that may still fail must not be applied."""
    path = tmp_path / "000001.sqlite"
    await volume_file.create(path, Meta("id", 1, Head(0, ZERO_HASH)))
    volume = await Volume.open(path)
    await volume.append([homes.draft("archive.created", {"archive_id": "id"})])
    async with volume.database.transaction() as transaction:
        await transaction.execute("INSERT INTO ledger VALUES (2, '', 'user.saved', '', x'', x'', NULL)")
        assert (await volume.head()).seq == 1
        assert [entry.seq async for entry in volume.entries()] == [1]
    assert (await volume.head()).seq == 2
    await volume.close()
