"""Work with the archive's files in one process releases no lock that it has on them.

POSIX locks belong to a process, not a descriptor: closing any descriptor of a file releases all locks that the process has on
it.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.store.volume import Volume
from tests import homes
from tests.homes import message

_OTHER = """import sqlite3, sys
file = sqlite3.connect(sys.argv[1], timeout=0)
print(*file.execute(sys.argv[2]).fetchall())
file.close()
"""


def _elsewhere(path: Path, sql: str) -> str:
    """The read result of another process, which opens the file and closes it again; or the error that it ends with."""
    answer = subprocess.run([sys.executable, "-c", _OTHER, path, sql], capture_output=True, text=True, check=False)
    return answer.stdout if answer.returncode == 0 else answer.stderr


async def test_a_second_look_at_the_catalog_leaves_the_log_of_the_first(tmp_path: Path) -> None:
    """The archive is opened twice in one process, and closed once; another process that comes and goes removes no log."""
    archive = await homes.begin(tmp_path / "home")
    try:
        log = archive.home.catalog.with_name(f"{archive.home.catalog.name}-wal")
        before = log.stat().st_ino
        await (await Archive.open(archive.home)).close()
        _elsewhere(archive.home.catalog, "SELECT count(*) FROM applied")
        assert log.stat().st_ino == before
        await users.add(archive, "bob", emails=["bob@example.test"])
        assert "bob" in _elsewhere(archive.home.catalog, "SELECT name FROM user")
    finally:
        await archive.close()


async def test_reading_back_keeps_the_lock_of_a_write_that_is_under_way(tmp_path: Path) -> None:
    """Messages are read from the disk while another connection of the process writes the volume: it stays locked for others."""
    archive = await homes.begin(tmp_path / "home")
    try:
        await homes.store(archive, {1: message(1)})
        volume = await Volume.open(archive.home.volume(1))
        with closing(sqlite3.connect(volume.path, isolation_level=None)) as writing:
            writing.execute("BEGIN IMMEDIATE")
            assert [read async for read in volume.read_back([])] == []
            assert "database is locked" in _elsewhere(volume.path, "BEGIN IMMEDIATE")
        await volume.close()
    finally:
        await archive.close()
