"""A service whose home is not the one it opened any more ends itself, and leaves what is there now alone."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from core import files
from core.archive.archive import Archive
from core.config import Home
from core.errors import HomeError
from core.service.identity import HomeIdentity
from core.service.lock import ServiceLock, is_running
from core.system import log
from tests import disks, forks, homes
from tests.homes import wait_for

#: Seconds within which such a service has ended, on a busy machine.
SOON = 30.0


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A server that accepts connections and says nothing: a run on it lasts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(homes.DEADLINE)
        yield server


@pytest.fixture
def silent(server: socket.socket) -> int:
    """The port of that server."""
    return int(server.getsockname()[1])


async def _made(path: Path, port: int, *, mail: bool = True) -> Home:
    home = await homes.with_profile(path, homes.profile("127.0.0.1", port))
    if mail:
        archive = await Archive.open(home)
        await homes.store(archive, {number: homes.message(number) for number in range(1, 9)})
        await archive.close()
    return home


@pytest.fixture
def home(tmp_path: Path, silent: int) -> Home:
    return asyncio.run(_made(tmp_path / "home", silent, mail=False))


@pytest.fixture
def other(tmp_path: Path, silent: int) -> Home:
    """Another archive, whose mail is in no index."""
    return asyncio.run(_made(tmp_path / "other", silent))


@pytest.fixture
def service(home: Home, server: socket.socket) -> Iterator[forks.Fork]:
    """The service of ``home``, with a run under way."""
    homes.enqueue(home)
    process = homes.start_service(home, stays=True)
    try:
        connection, _ = server.accept()
        with connection:
            yield process
    finally:
        if process.poll() is None:
            homes.end(process)


def _away(home: Home) -> Home:
    return Home(home.path.with_name("away"))


def _exchange(home: Home, other: Home) -> Home:
    home.path.rename(_away(home).path)
    other.path.rename(home.path)
    return _away(home)


def _remove(home: Home, other: Home) -> Home:
    shutil.rmtree(home.path)
    other.path.rename(home.path)
    return home


def _rename(home: Home, other: Home) -> Home:
    home.path.rename(_away(home).path)
    return _away(home)


def _catalog(home: Home, other: Home) -> Home:
    fresh = home.path / "new"
    shutil.copy(other.catalog, fresh)
    fresh.rename(home.catalog)
    return home


def _lock(home: Home, other: Home) -> Home:
    fresh = home.path / "new"
    fresh.touch()
    fresh.rename(home.lock)
    return home


@pytest.mark.parametrize("change", [_exchange, _remove, _rename, _catalog, _lock])
def test_the_service_ends_itself(change: Callable[[Home, Home], Home], home: Home, other: Home, service: forks.Fork) -> None:
    left = change(home, other)
    replaced = change in (_exchange, _remove)
    before = homes.files(home.path) if replaced else {}
    assert service.wait(SOON) == 2
    if replaced:
        assert homes.files(home.path) == before
    else:
        assert change is not _rename or not home.path.exists()
    if left != home:
        said = left.log.read_text("utf-8")
        assert f"service ended: {home.path}" in said
        assert homes.status(left) == "interrupted", homes.rows(left.catalog, "SELECT reason FROM run")


def test_the_new_home_has_its_own_service_at_once(home: Home, other: Home, service: forks.Fork) -> None:
    homes.enqueue(other)
    _exchange(home, other)
    # The old one may live still.
    own = homes.start_service(home)
    try:
        wait_for(lambda: homes.status(home) == "running", "the run of the new home")
        assert service.wait(SOON) == 2
        assert own.poll() is None
        assert is_running(home)
    finally:
        homes.end(own)


def test_a_home_that_was_unmounted_ends_its_service(tmp_path: Path, silent: int) -> None:
    with ExitStack() as ending:
        disk = ending.enter_context(disks.small_disk(tmp_path / "disk", "16m", lazily=True))
        home = asyncio.run(_made(disk / "home", silent, mail=False))
        homes.enqueue(home)
        process = homes.start_service(home, stays=True)
        ending.callback(lambda: process.poll() is None and homes.end(process))
        wait_for(lambda: is_running(home) and homes.status(home) == "running", "the run")
        subprocess.run(["umount", "-l", str(disk)], check=True)
        assert process.wait(SOON) == 2
        assert list(disk.iterdir()) == []


def _is_indexed(home: Home) -> bool:
    with suppress(sqlite3.Error):
        return home.search.exists() and bool(homes.rows(home.search, "SELECT 1 FROM state"))
    return False


def test_a_process_beside_the_service_ends_too(home: Home, other: Home) -> None:
    """The one that indexes waits for more as long as a run is active, here for ever."""
    homes.enqueue(home)
    words = [sys.executable, "-P", "-m", "core.service.indexing", str(home.path)]
    process = subprocess.Popen(words, cwd="/", env=homes.environment(), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _is_indexed(home), "the index")
        _exchange(home, other)
        before = homes.files(home.path)
        assert process.wait(SOON) == 0
        assert homes.files(home.path) == before
    finally:
        process.kill()
        process.communicate()


def test_what_rebuild_and_repair_replace_ends_no_service(home: Home, other: Home) -> None:
    identity = HomeIdentity.of(other)
    homes.rebuild(other)
    volume = other.volume(1)
    shutil.copy(volume, volume.with_name("new"))
    volume.with_name("new").rename(volume)
    other.search.unlink(missing_ok=True)
    identity.check()
    other.catalog.rename(other.path / "aside")
    with pytest.raises(HomeError, match=r"archive\.sqlite is not there"):
        identity.check()


def test_a_disk_error_ends_no_service(other: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = HomeIdentity.of(other)

    def fails(self: Path) -> os.stat_result:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "stat", fails)
    identity.check()


def test_a_lock_counts_only_while_its_file_is_there(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is replaced between its opening and the lock would keep nobody out."""
    home.lock.touch()
    try_lock = files.try_lock
    replaced: list[bool] = []

    def replacing(descriptor: int, *, shared: bool = False) -> bool:
        if not replaced:
            replaced.append(True)
            home.lock.unlink()
            home.lock.touch()
        return try_lock(descriptor, shared=shared)

    lock = ServiceLock(home)
    monkeypatch.setattr(files, "try_lock", replacing)
    lock.acquire()
    try:
        monkeypatch.undo()
        assert is_running(home)
        assert home.lock.read_text() == str(os.getpid())
    finally:
        lock.release()


def test_a_log_that_was_replaced_is_not_turned_over(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MAX_BYTES", 200)
    handler = log._handler(home.log)
    away = _away(home)
    try:
        home.path.rename(away.path)
        home.log.parent.mkdir(parents=True)
        home.log.write_text("another's")
        for number in range(20):
            handler.handle(logging.LogRecord("archivar", logging.ERROR, "", 0, f"line {number}", None, None))
    finally:
        handler.close()
    assert [path.name for path in home.log.parent.iterdir()] == [home.log.name]
    assert home.log.read_text() == "another's"
    assert "line 19" in away.log.read_text()
    with suppress(OSError):
        shutil.rmtree(away.path)


def test_no_volume_is_begun_in_the_place_of_another_home(home: Home, other: Home) -> None:
    """The moment before the service looks: what it archives then goes nowhere."""

    async def work() -> None:
        archive = await Archive.open(home)
        try:
            await homes.store(archive, {1: homes.message(1)})
            volume = await archive.volumes.at(1)
            await volume.seal()
            _exchange(home, other)
            before = homes.files(home.path)
            with pytest.raises(HomeError):
                await archive.volumes.next(volume)
            assert homes.files(home.path) == before
        finally:
            await archive.close()

    asyncio.run(work())
