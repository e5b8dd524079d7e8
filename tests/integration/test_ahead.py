"""A plain ``archivar run`` is queued before the program is loaded; in any doubt the command itself queues it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.cli import ahead as plain
from core.cli import following
from core.cli.context import context
from core.config import Home
from core.model import moment, now
from core.service import ahead, starting
from core.service import detach as detaching
from core.service.lock import ServiceLock, is_running
from core.service.queue import Queue
from tests import homes
from tests.homes import change, rows

#: Modules outside the core that may be loaded before a run is queued: of the standard library, without those that take long.
SLOW = {"asyncio", "dataclasses", "ssl", "subprocess", "typer", "logging", "inspect", "aiosqlite", "email", "tempfile"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    async def make() -> Home:
        home = await homes.with_profile(tmp_path_factory.mktemp("ahead") / "home", homes.profile("127.0.0.1", 1))
        archive = await Archive.open(home)
        await homes.store(archive, {1: homes.message(1)})
        await archive.close()
        return home

    return asyncio.run(make())


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(made.path, tmp_path / "home")))


@pytest.fixture
def served(home: Home) -> Iterator[Home]:
    """The home while a service runs, which takes nothing from the queue."""
    lock = ServiceLock(home)
    lock.acquire()
    yield home
    lock.release()


def _queued(home: Home, profile: str = "Test", *, dry_run: bool = False) -> int | None:
    found = ahead.queue(str(home.path), profile, dry_run=dry_run)
    if found is None:
        return None
    assert not found.launched
    found.close()
    return found.run


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_row_is_that_of_the_queue(served: Home, dry_run: bool) -> None:
    assert _queued(served, "TEST", dry_run=dry_run) == 1
    [row] = rows(served.catalog, "SELECT * FROM run")
    assert abs(moment(homes.run_row(served).requested.isoformat()) - now()) < timedelta(minutes=2)
    assert _queued(served) is None, "one run of a profile at a time"
    change(served.catalog, "DELETE FROM run", "DELETE FROM sqlite_sequence")

    async def ask() -> None:
        archive = await Archive.open(served)
        try:
            await Queue(archive.database).enqueue("Test", dry_run=dry_run)
        finally:
            await archive.close()

    asyncio.run(ask())
    [other] = rows(served.catalog, "SELECT * FROM run")
    assert [type(value) for value in row] == [type(value) for value in other]
    assert (row[:3], row[4:]) == (other[:3], other[4:])
    assert len(row[3]) == len(other[3])


def _older(home: Home) -> None:
    change(home.catalog, "PRAGMA user_version = 3")


def _trigger(home: Home) -> None:
    change(home.catalog, "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM profile; END")


def _backup(home: Home) -> None:
    home.backup_note.write_text("{}")


def _missing(home: Home) -> None:
    home.volume(1).rename(home.volume(2))


def _cut(home: Home) -> None:
    home.volume(1).chmod(0o600)
    os.truncate(home.volume(1), 5000)


def _shorter(home: Home) -> None:
    change(home.volume(1), "DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)")


def _longer(home: Home) -> None:
    change(home.catalog, "UPDATE applied SET seq = seq - 1")


def _gone(home: Home) -> None:
    home.catalog.unlink()


def _garbage(home: Home) -> None:
    home.catalog.write_bytes(b"no database" * 1000)


@pytest.mark.parametrize("doubt", [_older, _trigger, _backup, _missing, _cut, _shorter, _longer, _gone, _garbage])
def test_in_doubt_nothing_is_queued(served: Home, doubt: Callable[[Home], None]) -> None:
    doubt(served)
    before = homes.files(served.volumes)
    assert _queued(served) is None
    assert homes.files(served.volumes) == before
    if doubt not in (_gone, _garbage):
        assert rows(served.catalog, "SELECT 1 FROM run") == []


def test_an_unknown_profile_and_a_lock_queue_nothing(served: Home) -> None:
    assert _queued(served, "Other") is None
    with closing(sqlite3.connect(served.catalog, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert _queued(served) is None
        connection.execute("ROLLBACK")
    assert rows(served.catalog, "SELECT 1 FROM run") == []


PLAIN: tuple[tuple[Sequence[str], tuple[str, str, bool] | None], ...] = (
    (["run", "Test"], ("/default", "Test", False)),
    (["--json", "run", "--dry-run", "Test"], ("/default", "Test", True)),
    (["run", "Test", "--home", "/a", "--detach"], ("/a", "Test", False)),
    (["--home=/a", "run", "Test"], ("/a", "Test", False)),
    (["run"], None),
    (["run", "Test", "Other"], None),
    (["run", "--", "Test"], None),
    (["run", "Test", "--home"], None),
    (["run", "Test", "--home="], None),
    (["--home=", "run", "Test", "--home", "/a"], None),
    (["--home", "", "run", "Test", "--home=/a"], None),
    (["run", "Test", "--home=/a", "--home", ""], None),
    (["--dry-run", "run", "Test"], None),
    (["--home", "/a", "--detach", "run", "Test"], None),
    (["Test", "run", "--dry-run"], None),
    (["run", "Test", "--help"], None),
    (["run", "Test", "-h"], None),
    (["run", "-x"], None),
    (["run", ""], None),
    (["missing", "run"], None),
    (["user", "add", "run"], None),
    ([], None),
)


@pytest.mark.parametrize(("words", "wanted"), PLAIN)
def test_the_plain_form_of_a_run_alone_is_queued_ahead(
    words: Sequence[str], wanted: tuple[str, str, bool] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str, bool]] = []
    monkeypatch.setenv("ARCHIVAR_HOME", "/default")
    monkeypatch.setattr(starting, "start", lambda home: None)
    monkeypatch.setattr(ahead, "queue", lambda home, name, *, dry_run, service: asked.append((home, name, dry_run)))
    plain.queue(words)
    assert asked == ([wanted] if wanted else [])


def test_little_is_loaded_before_a_run_is_queued(served: Home) -> None:
    """A fraction of the program: the rest is loaded while the service works."""
    code = (
        "import sys, json; before = set(sys.modules)\n"
        "from tui import __main__\n"
        "import core.cli.ahead, core.service.ahead as ahead\n"
        "close, queue = ahead.QueuedAhead.__init__, []\n"
        "def seen(self, *given):\n"
        "    close(self, *given)\n"
        "    print(json.dumps(sorted(set(sys.modules) - before)))\n"
        "    sys.exit()\n"
        "ahead.QueuedAhead.__init__ = seen\n"
        f"sys.argv = ['archivar', 'run', 'Test', '--home', {str(served.path)!r}]\n"
        "__main__.main()\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], env=homes.environment(), capture_output=True, text=True)
    loaded = set(json.loads(done.stdout))
    assert {name for name in loaded if name.startswith("core")} == {
        *("core", "core.cli", "core.cli.ahead", "core.service", "core.service.ahead", "core.service.starting"),
        *("core.system", "core.system.guard", "core.system.homes", "core.system.program"),
    }
    assert {name.partition(".")[0] for name in loaded} & SLOW == set()
    assert {name.partition(".")[0] for name in loaded} - {"core", "tui"} <= sys.stdlib_module_names


def test_a_command_whose_run_is_queued_loads_no_archive(served: Home) -> None:
    """Nor Typer: it has to wait for the run, and to tell its end."""
    code = (
        "import atexit, json, sys\n"
        "from tui import __main__\n"
        "atexit.register(lambda: sys.stderr.write('\\n' + json.dumps(sorted(sys.modules))))\n"
        f"sys.argv = ['archivar', 'run', 'Test', '--detach', '--json', '--home', {str(served.path)!r}]\n"
        "__main__.main()\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], env=homes.environment(), capture_output=True, text=True)
    assert json.loads(done.stdout)["run"] == 1, done.stderr
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    packages = {".".join(name.split(".")[:2]) for name in loaded if name.startswith("core.")}
    assert packages & {"core.imap", "core.profiles", "core.message", "core.directory"} == set()
    assert {name for name in loaded if name.startswith(("core.archive.", "core.engine."))} <= {
        *("core.archive.opening", "core.engine.visit", "core.engine.visit.progress", "core.engine.run"),
        *("core.engine.run.progress_words", "core.engine.run.foreseen", "core.engine.run.briefs"),
    }
    assert {name.partition(".")[0] for name in loaded} & {"typer", "rich", "cryptography", "backports", "httpx"} == set()


def test_the_command_takes_the_run_that_was_queued(home: Home) -> None:
    """One run, its service, and no word about another."""
    done = homes.cli(home, "run", "Test", "--detach", "--json")
    try:
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["run"] == 1
        assert "already" not in done.stderr
        assert rows(home.catalog, "SELECT id FROM run") == [(1,)]
    finally:
        homes.cli(home, "service", "stop")
    homes.wait_for(lambda: not is_running(home), "the end of the service")


@pytest.mark.parametrize("detach", [False, True])
def test_a_run_that_ended_before_the_command_is_loaded_needs_no_service(
    home: Home, detach: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service may have ended by then as well: its result is the answer."""
    monkeypatch.setattr(starting, "is_served", lambda home: True)
    monkeypatch.setattr(detaching, "START_SECONDS", 0.0)
    monkeypatch.setattr(context, "find", lambda: home)
    queued = ahead.queue(str(home.path), "Test", dry_run=False)
    assert queued is not None
    queued.launched = True
    change(home.catalog, "UPDATE run SET status = 'cancelled', started = requested, finished = requested")
    answer = asyncio.run(following.follow(queued, detach=detach))
    assert answer.json is not None
    assert answer.json()["status"] == "cancelled"
    assert list(answer.notes) == []


def _services(home: Home) -> list[int]:
    """The processes of services of the home, waiting ones among them."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = place.read_bytes().split(b"\0")
            if b"core.service" in words and os.fsencode(home.path) in words:
                found.append(int(place.parent.name))
    return found


def _note_service(home: Home) -> None:
    """Leave what a service of before has left."""
    home.log.parent.mkdir()
    home.log.touch()


def test_a_service_that_was_started_for_no_run_leaves_the_archive_as_it_is(home: Home) -> None:
    """It is started before the command has looked; it ends unseen when there is nothing to queue."""
    _note_service(home)
    before = homes.files(home.volumes)
    done = homes.cli(home, "run", "Other")
    assert done.returncode == 2, done.stderr
    homes.wait_for(lambda: not _services(home), "the end of the service")
    assert not home.lock.exists()
    assert homes.files(home.volumes) == before
    assert home.log.read_text() == ""


def test_a_service_is_left_when_its_command_is_killed_before_the_run_is_queued(home: Home) -> None:
    assert starting.start(str(home.path)) is None, "where there was none, nothing is made before a run is queued"
    assert not home.log.exists()
    _note_service(home)
    service = starting.start(str(home.path))
    assert service is not None
    homes.wait_for(lambda: bool(_services(home)), "the service")
    service.leave()
    homes.wait_for(lambda: not _services(home), "the end of the service")
    assert not home.lock.exists()


def test_no_service_is_started_beside_another_or_without_an_archive(served: Home, tmp_path: Path) -> None:
    assert starting.start(str(served.path)) is None
    assert starting.start(str(tmp_path / "nowhere")) is None
    assert not (tmp_path / "nowhere").exists()


def test_a_service_started_for_a_run_is_like_one_that_a_shell_starts(home: Home, tmp_path: Path) -> None:
    """Its session, folder, streams and environment: nothing of the command goes on in it, no password either."""
    environment = {**homes.environment(), "ARCHIVE_PASSWORD": "of-a-profile"}
    code = (
        "import sys, time\n"
        "from core.service import starting\n"
        f"starting.start({str(home.path)!r}, first=True).serve()\n"
        "print('served', flush=True)\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code], env=environment, cwd=tmp_path, check=True)
    homes.wait_for(lambda: is_running(home), "the service")
    try:
        [pid] = _services(home)
        there = Path(f"/proc/{pid}")
        assert os.getsid(pid) == os.getpgid(pid) != os.getsid(0)
        if os.geteuid() == 0:
            # Nobody else may look, see ``guard``.
            assert (there / "cwd").readlink() == Path("/")
            assert {(there / "fd" / str(number)).readlink() for number in (0, 1)} == {Path(os.devnull)}
            assert (there / "fd" / "2").readlink() == home.log
            assert b"of-a-profile" not in (there / "environ").read_bytes()
    finally:
        homes.cli(home, "service", "stop")
    homes.wait_for(lambda: not _services(home), "the end of the service")


def test_damage_that_the_service_meets_is_the_answer(home: Home) -> None:
    """The ends of the files do not show it; the run fails, and the command tells why with its exit code."""
    change(home.volume(1), "CREATE TABLE other (a)")
    try:
        done = homes.cli(home, "run", "Test")
        assert done.returncode == 4, done.stderr
        assert "000001.sqlite" in done.stderr
        assert rows(home.catalog, "SELECT status FROM run") == [("failed",)]
    finally:
        homes.cli(home, "service", "stop")
