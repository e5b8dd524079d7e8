"""Volumes of the present format: a sealing that was broken off, and damaged rows and indexes, which hide nothing else."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.store import message_rows
from core.archive.store.volume import Volume
from tests import homes


async def test_a_volume_whose_sealing_was_broken_off_is_whole_and_finished_by_the_next_writer(tmp_path: Path) -> None:
    """Sealed, without indexes, writable: as a process leaves it that dies there. All reads; one write makes up for it."""
    home = await homes.filled(tmp_path / "home", volume_bytes=108_000)
    before = homes.tables(home)
    homes.change(home.volume(1), "DROP INDEX part_sha256", "DROP INDEX message_sha256")
    home.volume(1).chmod(0o600)
    assert [finding.text for finding in (await verify(home)).findings] == []
    await asyncio.to_thread(homes.rebuild, home)
    assert homes.tables(home) == before
    archive = await Archive.open(home)
    assert len(await homes.raws(archive)) == 12
    assert home.volume(1).stat().st_mode & 0o222
    await homes.store(archive, {90: homes.message(90)})
    await archive.close()
    assert home.volume(1).stat().st_mode & 0o777 == 0o400
    indexes = homes.rows(home.volume(1), "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
    assert {row[0] for row in indexes} == {"part_sha256", "message_sha256"}
    assert [finding.text for finding in (await verify(home)).findings] == []


@pytest.mark.parametrize("killed", ["sealed", "next begun", "indexes half written"])
async def test_a_writer_killed_while_it_seals_loses_nothing(tmp_path: Path, killed: str) -> None:
    """kill -9 at each step of it, in a process of its own; the next writer goes on."""
    archive = await homes.begin(tmp_path / "home")
    home = archive.home
    await homes.store(archive, {number: homes.message(number) for number in range(1, 9)})
    await archive.close()
    code = (
        "import asyncio, os, signal, sys\nfrom pathlib import Path\nfrom core.archive.archive import Archive\n"
        "from core.archive.store import volume_file, volume_rows\nfrom core.archive.store.volume import Volume\n"
        "from core.config import Home\n"
        "def die(*_):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"killed = {killed!r}\n"
        "if killed == 'sealed':\n    volume_file.create = die\n"
        "elif killed == 'next begun':\n    Volume.index = die\n"
        "else:\n"
        "    async def half(transaction):\n"
        "        await transaction.execute('PRAGMA cache_size = 1')\n"
        "        await transaction.execute('CREATE INDEX part_sha256 ON part (sha256)')\n"
        "        die()\n"
        "    volume_rows.put_indexes = half\n"
        "async def main():\n"
        f"    archive = await Archive.open(Home(Path({str(home.path)!r})))\n"
        "    await archive.volumes.next(await archive.volumes.at(1))\n"
        "    await archive.close()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code]
    done = await asyncio.to_thread(subprocess.run, command, env=homes.environment(), timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    again = await Archive.open(home)
    await homes.store(again, {90: homes.message(90)})
    assert len(await homes.raws(again)) == 9
    await again.close()
    assert home.volume_numbers() == [1, 2]
    assert home.volume(1).stat().st_mode & 0o777 == 0o400
    assert [finding.text for finding in (await verify(home)).findings] == []


@pytest.mark.parametrize("damaged", ["cut by a page", "index overwritten"])
def test_a_sealed_volume_is_written_anew_where_only_its_indexes_are_damaged(tmp_path: Path, damaged: str) -> None:
    """All its mail can be read, and a repair mends the file itself; the damaged one stays beside it."""
    home = asyncio.run(homes.filled(tmp_path / "home", volume_bytes=108_000, batches=6))
    path = home.volume(1)
    data = bytearray(path.read_bytes())
    [(root,)] = homes.rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'message_sha256'")
    path.chmod(0o600)
    if damaged == "cut by a page":
        del data[-16384:]
    else:
        data[(root - 1) * 16384 : root * 16384] = bytes(16384)
    path.write_bytes(data)
    path.chmod(0o400)
    before = homes.tables(home)
    assert homes.cli(home, "verify").returncode == 4
    assert homes.cli(home, "repair").returncode == 0
    assert homes.cli(home, "verify").returncode == 0
    assert path.with_name("000001.sqlite.damaged-1").read_bytes() == bytes(data)
    assert path.stat().st_mode & 0o777 == 0o400
    assert homes.tables(home) == before
    assert len(homes.rows(path, "SELECT 1 FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")) == 2


@pytest.mark.parametrize("table", ["part", "message"])
async def test_a_row_before_the_first_is_found(tmp_path: Path, table: str) -> None:
    """No page of a verification begins there, and no reader looks there."""
    home = await homes.filled(tmp_path / "home")
    homes.change(home.volume(1), f"UPDATE {table} SET id = -5 WHERE id = 2")
    assert "found-rows-before-the-first" in [one.reason.code.word for one in (await verify(home)).findings]


@pytest.mark.parametrize("number", [3, 40, 2**40, 700])
async def test_a_wrong_number_of_a_row_hides_no_other_row(tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With any number in one row, the others are found without catalog and index."""
    monkeypatch.setattr(message_rows, "PAGE_ROWS", 10)
    monkeypatch.setattr(message_rows, "TAIL_ROWS", 1)
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {one: homes.message(one) for one in range(1, 61)})
    await archive.close()
    path = archive.home.volume(1)
    digests = {row[1]: row[0] for row in homes.rows(path, "SELECT sha256, id FROM message")}
    with closing(sqlite3.connect(path)) as connection:
        data = bytearray(path.read_bytes())
        [(root,)] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'message'").fetchall()
    start = (root - 1) * 16384
    cell = start + int.from_bytes(data[start + 8 + 2 * 19 : start + 10 + 2 * 19], "big")
    # The length of the row, then its number, both of one byte here.
    assert data[cell + 1] == 20
    if number < 128:
        data[cell + 1] = number
        path.write_bytes(data)
    else:
        homes.change(path, f"UPDATE message SET id = {number} WHERE id = 20")
    volume = await Volume.open(path, read_only=True)
    try:
        found = await volume.rows.find(volume.database, [digests[one] for one in digests if one != 20])
    finally:
        await volume.close()
    assert len(found) == 59


async def test_a_second_copy_of_a_message_is_read_where_the_first_is_damaged(tmp_path: Path) -> None:
    """As two processes may write it at one moment."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {1: homes.message(1)})
    await archive.close()
    path = archive.home.volume(1)
    homes.change(
        path,
        "INSERT INTO part SELECT 2, sha256, codec, size, data FROM part",
        "INSERT INTO message SELECT 2, sha256, size, X'0000000000000002' FROM message",
        "UPDATE part SET data = zeroblob(10) WHERE id = 1",
    )
    again = await Archive.open(archive.home)
    assert list((await homes.raws(again)).values()) == [homes.message(1)]
    await again.close()


async def test_a_damaged_index_of_a_sealed_volume_hides_no_mail(tmp_path: Path) -> None:
    """Its rows are apart from it."""
    home = await homes.filled(tmp_path / "home", volume_bytes=108_000, batches=6)
    path = home.volume(1)
    data = bytearray(path.read_bytes())
    [(root,)] = homes.rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'message_sha256'")
    data[(root - 1) * 16384 : root * 16384] = bytes(16384)
    path.chmod(0o600)
    path.write_bytes(data)
    archive = await Archive.open(home)
    assert len(await homes.raws(archive)) == 18
    await archive.close()
