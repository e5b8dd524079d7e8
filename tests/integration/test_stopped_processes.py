"""Processes that were stopped (SIGSTOP): clients are told within seconds, and none waits for ever."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.store.offload import Offload, Processes
from core.problems.command_line import sentence
from core.problems.service import SILENT
from core.service import companion, liveness
from core.service.companion import Companion
from core.service.liveness import Life, look
from core.service.lock import ServiceLock
from core.system.process import is_stopped
from core.system.tasks import spawn
from tests.command import Archivar
from tests.homes import begin, message, stop, wait_for
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, mail, sandbox

#: What was promised, with the start of the program.
SECONDS = 10.0


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    """A home with the user alice and a profile whose server falls silent in the middle; its service is ended hard."""
    with ScriptedServer({"INBOX": [Stored(1, mail("one"))]}, Script(silent_after=4)) as server:
        command = Archivar(tmp_path / "cli")
        command.folder.mkdir()
        command("user", "add", "alice", "--email", ALICE)
        file = command.write(
            "alice.toml",
            f'name = "Alice"\nkind = "mailbox"\n[server]\nhost = "{server.host}"\nport = {server.port}\naccess = "imap"\n'
            f'[login]\nusername = "{ALICE}"\npassword_file = "word.txt"\n[target]\nuser = "alice"\n',
        )
        command.write("word.txt", "secret\n").chmod(0o600)
        command("profile", "apply", str(file))
        try:
            yield command
        finally:
            if pid := service_of(command):
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda: not service_of(command), "the end of the service")


def service_of(archivar: Archivar) -> int:
    from core.config import Home

    found = look(Home(archivar.home))
    return 0 if found.life is Life.NONE else found.pid


def running(archivar: Archivar) -> tuple[int, int]:
    """Begin a run that does not end; its number and the service's process."""
    run = archivar("run", "Alice", "--detach", "--json").json["run"]
    wait_for(lambda: archivar("runs", "--json").json["runs"][0]["status"] == "running", "the run")
    return run, service_of(archivar)


def timed(archivar: Archivar, *words: str) -> tuple[int, str]:
    begun = time.monotonic()
    answer = archivar(*words, code=None)
    assert time.monotonic() - begun < SECONDS, f"{words}: {time.monotonic() - begun:.1f} s"
    return answer.code, answer.text


@pytest.mark.parametrize("locked", [False, True], ids=["idle", "holding the lock"])
def test_a_stopped_service_is_noticed_by_every_command(archivar: Archivar, locked: bool) -> None:
    """Status, stop and cancel say within ten seconds what is wrong and how to go on, also when it holds the database's lock."""
    run, pid = running(archivar)
    stop(pid)
    with closing(sqlite3.connect(archivar.home / "archive.sqlite", isolation_level=None)) as holder:
        if locked:
            # As if it had been stopped in the middle of a change.
            with suppress(sqlite3.OperationalError):
                # Or it was indeed.
                holder.execute("BEGIN IMMEDIATE")
        for words in (("status",), ("service", "status"), ("service", "stop"), ("cancel", str(run))):
            code, text = timed(archivar, *words)
            assert "stopped" in text, words
            assert f"kill -CONT {pid}" in text, words
            # Looking needs no lock; what must be written is refused.
            assert code == (5 if words[-1] in ("stop", str(run)) else 1 if "service" in words else 3), words
    os.kill(pid, signal.SIGCONT)
    # Requests made before are done, if they could be written.
    if not locked:
        wait_for(lambda: archivar("runs", "--json").json["runs"][0]["status"] == "cancelled", "the end of the run")


def test_json_tells_how_the_service_is(archivar: Archivar) -> None:
    """For scripts: life is alive, then stopped, then none."""
    _, pid = running(archivar)
    assert archivar("service", "status", "--json").json["life"] == "alive"
    stop(pid)
    assert archivar("service", "status", "--json", code=1).json["life"] == "stopped"
    assert archivar("status", "--json", code=3).json["service_life"] == "stopped"
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not service_of(archivar), "the end of the service")
    assert archivar("service", "status", "--json", code=1).json["life"] == "none"


async def test_a_loop_that_hangs_is_silent(tmp_path: Path) -> None:
    """The lock is held and the process runs, but the lock file is not touched any more."""
    archive = await begin(tmp_path / "home")
    lock = ServiceLock(archive.home)
    lock.acquire()
    assert (look(archive.home).life, look(archive.home).pid) == (Life.ALIVE, os.getpid())
    os.utime(archive.home.lock, (time.time() - 60, time.time() - 60))
    found = await liveness.stuck(archive.home)
    assert found is not None
    assert (found.code, found.values["pid"]) == (SILENT, os.getpid())
    assert "no sign of life for 6" in sentence(found)
    assert look(archive.home).life is Life.SILENT
    lock.beat()
    assert look(archive.home).life is Life.ALIVE
    lock.release()
    assert look(archive.home).life is Life.NONE
    await archive.close()


async def test_a_stopped_helper_does_not_hold_a_run(tmp_path: Path) -> None:
    """The process that compresses is stopped before a batch: it is left for the service to prepare, the process is ended."""
    processes = Processes()
    raws = [message(number, 400_000) for number in range(6)]
    assert await processes.prepare(raws, 1) is not None
    alive: list[Offload] = list(processes._alive)
    for offload in alive:
        stop(offload.pid)
    begun = time.monotonic()
    assert await processes.prepare(raws, 1) is None
    assert time.monotonic() - begun < SECONDS
    await processes.close()
    assert time.monotonic() - begun < 2 * SECONDS
    assert not any(Path(f"/proc/{offload.pid}").exists() for offload in alive)


async def test_a_late_answer_of_a_helper_is_not_taken_for_that_to_the_next_batch(tmp_path: Path) -> None:
    """A batch is cancelled while its process is stopped, and goes on later: its digests would be those of other messages."""
    processes = Processes()
    assert await processes.prepare([message(number, 400_000) for number in range(6)], 1) is not None
    alive: list[Offload] = list(processes._alive)
    for offload in alive:
        stop(offload.pid)
    batches = [spawn(processes.prepare([message(number)], 1), name="batch") for number in (7, 8)]
    await asyncio.sleep(0.5)
    for batch in batches:
        batch.cancel()
    # By then both were found to be stopped.
    await asyncio.sleep(4)
    for offload in alive:
        with suppress(ProcessLookupError):
            os.kill(offload.pid, signal.SIGCONT)
    raw = message(9)
    for _ in alive:
        if (done := await processes.prepare([raw], 1)) is not None:
            assert done[0][0].sha256 == hashlib.sha256(raw).digest()
    await processes.close()


async def test_closing_an_archive_does_not_wait_for_a_stopped_helper(tmp_path: Path) -> None:
    """As a service does that ends."""
    async with sandbox(tmp_path / "home") as box:
        box.archive.writer.expect(10_000_000)
        starting = box.archive.writer._processes._starting
        assert starting is not None
        await starting
        for offload in box.archive.writer._processes._alive:
            stop(offload.pid)
        begun = time.monotonic()
    assert time.monotonic() - begun < SECONDS


async def test_a_stopped_companion_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold locks: it is ended by a task of its own, and its end is seen as any other."""
    monkeypatch.setattr(companion, "LOOK_SECONDS", 0.1)
    archive: Archive = await begin(tmp_path / "home")
    # An interpreter that waits for its input, as a companion does.
    beside = Companion("asyncio", logging.getLogger("test"))
    beside.start(archive.home)
    process = beside._process
    assert process is not None
    stop(process.pid)
    begun = time.monotonic()
    while beside.ended() is None:
        assert time.monotonic() - begun < SECONDS
        await asyncio.sleep(0.05)
    assert process.returncode == -signal.SIGKILL
    await archive.close()


def test_a_process_with_an_odd_name_is_read(tmp_path: Path) -> None:
    """Its name may hold blanks and parentheses; one that is gone is not stopped."""
    assert not is_stopped(os.getpid())
    assert not is_stopped(2**22 + 1)
    assert re.match(r"\d+ \(", Path("/proc/self/stat").read_text(encoding="ascii"))
