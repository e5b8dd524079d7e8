"""The service: one a home, independent of its clients, and every run ends with a complete result."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.config import Home
from core.engine.run.run import ProfileRun, RunParameters
from core.engine.visit.limits import Limits
from core.errors import ArchivarError, BusyError, DamagedError, StorageError
from core.model import Run, RunStatus, now, timestamp
from core.problems.event import FINISHED
from core.problems.run import NO_MEMORY
from core.profiles.schedule import Schedule
from core.secrets import Secret
from core.service import run_work, worker
from core.service.detach import ensure_running
from core.service.lock import ServiceLock, is_running
from core.service.queue import Queue
from core.service.run_work import RunWork
from core.service.scheduler import Scheduler
from core.service.worker import Service
from tests import forks, homes
from tests.conftest import StartDovecot
from tests.homes import ALICE, message, profile, wait_for
from tests.reasons import said
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import Proxy
from tests.support import all_digests, placed


class StartService(Protocol):
    """Starts a service; see ``homes.start_service``."""

    def __call__(self, home: Home, *, stays: bool = False) -> forks.Fork: ...


@pytest.fixture
def service() -> Iterator[StartService]:
    """Starts services that are ended with the test."""
    with ExitStack() as ending:

        def start(home: Home, *, stays: bool = False) -> forks.Fork:
            process = homes.start_service(home, stays=stays)
            ending.callback(lambda: process.poll() is None and homes.end(process))
            wait_for(lambda: is_running(home) or process.poll() is not None, "the service's lock")
            return process

        yield start


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    """A Dovecot with a mailbox of 120 messages in two folders."""
    server = dovecot()
    for number in range(120):
        server.deliver(ALICE, "INBOX" if number % 3 else "Projekte", message(number, 20_000 if number % 4 else 500))
    return server


@pytest.fixture
def slow(server: Dovecot) -> Iterator[Proxy]:
    """The way to that mailbox, which ends in the middle until it is opened."""
    with Proxy(server.host, server.plain_port) as proxy:
        proxy.stall_after_bytes = 700_000
        yield proxy


def _home(path: Path, *ports: tuple[str, int], password: str = "secret", volume_bytes: int = 0) -> Home:
    names = ["Test", *(f"Test{number}" for number in range(2, 10))]
    profiles = [profile(host, port, name=name) for name, (host, port) in zip(names, ports, strict=False)]
    return asyncio.run(homes.with_profile(path, *profiles, password=password, volume_bytes=volume_bytes))


def _in_the_middle(home: Home, proxy: Proxy) -> None:
    """Wait until a run has come as far as the proxy lets it."""
    wait_for(lambda: homes.status(home) == "running" and proxy.bytes_to_client >= 600_000, "the run's middle")


def _process_of(home: Home) -> int:
    """The process id of a service that the product started, and that surely is the one of this home."""

    def look() -> int:
        found = homes.rows(home.catalog, "SELECT pid FROM service")
        if not found or not is_running(home):
            return 0
        try:
            line = Path(f"/proc/{found[0][0]}/cmdline").read_bytes()
        except FileNotFoundError:
            return 0
        return int(found[0][0]) if str(home.path).encode() in line.split(b"\0") else 0

    return int(wait_for(look, "the service's row"))


def _finish(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), f"the end of process {pid}")


def _complete(home: Home, server: Dovecot) -> None:
    """Everything of the mailbox is there, once."""

    async def look() -> None:
        archive = await Archive.open(home)
        try:
            assert set(await homes.raws(archive)) == all_digests(server.expected(ALICE))
            count = await archive.database.value("SELECT count(*) FROM placement WHERE until_seq IS NULL")
            assert count == sum(placed(server.expected(ALICE)).values())
        finally:
            await archive.close()

    asyncio.run(look())
    assert homes.findings(home) == []


@pytest.mark.server
def test_a_second_service_of_a_home_is_refused(tmp_path: Path, service: StartService) -> None:
    """Busy (exit 5) while the first lives; when that is killed nothing is left that keeps the next from starting."""
    home = _home(tmp_path / "home")
    first = service(home, stays=True)
    second = homes.cli(home, "service", "run")
    assert second.returncode == 5
    assert "already" in second.stderr
    assert first.poll() is None
    first.kill()
    first.wait()
    assert not is_running(home)
    third = service(home)
    assert is_running(home)
    assert third.poll() is None


@pytest.mark.server
def test_stopping_the_service_interrupts_a_run_and_the_next_service_carries_it_on(
    tmp_path: Path, server: Dovecot, slow: Proxy, service: StartService
) -> None:
    """``service stop`` in the middle of a run: interrupted, not failed; the totals at the end are those of the whole run."""
    home = _home(tmp_path / "home", (slow.host, slow.port))
    homes.enqueue(home)
    first = service(home)
    _in_the_middle(home, slow)
    wait_for(lambda: homes.rows(home.volume(1), "SELECT count(*) FROM message")[0][0] > 0, "the first batch")
    stopped = homes.cli(home, "service", "stop", "--json")
    assert (stopped.returncode, json.loads(stopped.stdout)) == (0, {"stopped": True})
    assert first.wait(homes.DEADLINE) == 0
    assert homes.status(home) == "interrupted"
    before = homes.rows(home.volume(1), "SELECT count(*) FROM message")[0][0]
    assert 0 < before < 120

    slow.stall_after_bytes = None
    service(home)
    ended = homes.wait_until_final(home)
    assert ended.status is RunStatus.SUCCEEDED
    assert ended.resumed == 0
    assert ended.result is not None
    totals = ended.result["totals"]
    assert (totals["found"], totals["archived"], totals["known"], totals["failed"]) == (120, 120, 0, 0)
    assert totals["bytes"] == sum(len(raw) for raw in _served(server))
    _complete(home, server)


def _served(server: Dovecot) -> list[bytes]:
    return [path.read_bytes() for folder in server.folders(ALICE) for path in server.messages(ALICE, folder)]


@pytest.mark.server
def test_a_running_run_is_cancelled_within_two_seconds(
    tmp_path: Path, server: Dovecot, slow: Proxy, service: StartService
) -> None:
    """Also while the server says nothing; what was archived stays, and the next run brings the rest."""
    home = _home(tmp_path / "home", (slow.host, slow.port))
    homes.enqueue(home)
    service(home)
    _in_the_middle(home, slow)
    asked = time.monotonic()
    _cancel(home, 1)
    ended = homes.wait_until_final(home)
    assert time.monotonic() - asked < 2.0
    assert ended.status is RunStatus.CANCELLED
    assert ended.result is not None
    assert ended.result["mailboxes"][0]["status"] == "cancelled"
    slow.stall_after_bytes = None
    assert homes.wait_until_final(home, homes.enqueue(home)).status is RunStatus.SUCCEEDED
    _complete(home, server)


def _cancel(home: Home, *runs: int) -> None:
    async def ask() -> None:
        archive = await Archive.open(home, follow=False)
        try:
            for run in runs:
                await Queue(archive.database).request_cancel(run)
        finally:
            await archive.close()

    asyncio.run(ask())


@pytest.mark.server
def test_a_queued_run_is_cancelled_although_all_places_are_taken(
    tmp_path: Path, server: Dovecot, slow: Proxy, service: StartService
) -> None:
    """Four runs that hang take all places; the fifth, still queued, ends within two seconds of being cancelled."""
    home = _home(tmp_path / "home", *[(slow.host, slow.port)] * 5)
    runs = [homes.enqueue(home, name) for name in ("Test", "Test2", "Test3", "Test4", "Test5")]
    service(home)
    wait_for(lambda: [homes.status(home, run) for run in runs] == ["running"] * 4 + ["queued"], "four running runs")
    asked = time.monotonic()
    _cancel(home, runs[4])
    assert homes.wait_until_final(home, runs[4]).status is RunStatus.CANCELLED
    assert time.monotonic() - asked < 2.0
    _cancel(home, *runs[:4])
    assert {homes.wait_until_final(home, run).status for run in runs[:4]} == {RunStatus.CANCELLED}


@pytest.mark.server
def test_asking_for_a_run_that_goes_on_joins_it(tmp_path: Path, server: Dovecot, slow: Proxy) -> None:
    """A second ``run`` says so and waits for the same result; a dry run is not taken for a real one."""
    home = _home(tmp_path / "home", (slow.host, slow.port))
    assert homes.cli(home, "run", "Test", "--detach").returncode == 0
    pid = _process_of(home)
    try:
        _in_the_middle(home, slow)
        assert homes.enqueue(home) == 1
        dry = homes.cli(home, "run", "Test", "--dry-run")
        assert dry.returncode == 5, dry.stderr
        slow.stall_after_bytes = None
        joined = homes.cli(home, "run", "Test", "--json")
        assert joined.returncode == 0, joined.stderr
        assert json.loads(joined.stdout)["totals"]["archived"] in (120, 0)
    finally:
        _finish(pid)
    _complete(home, server)


@pytest.mark.server
def test_closing_the_terminal_leaves_the_run_alone(tmp_path: Path, server: Dovecot, slow: Proxy) -> None:
    """The terminal of ``archivar run`` goes away, with SIGHUP to all that are in it: the run ends as if nothing was."""
    home = _home(tmp_path / "home", (slow.host, slow.port))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, homes.command(home, "run", "Test"), homes.environment(TERM="xterm"))
    try:
        wait_for(lambda: bool(homes.rows(home.catalog, "SELECT 1 FROM run")), "the queued run")
        _in_the_middle(home, slow)
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    running = _process_of(home)
    assert os.getsid(running) not in (pid, os.getsid(0))
    os.kill(running, signal.SIGHUP)
    slow.stall_after_bytes = None
    ended = homes.wait_until_final(home)
    _finish(running)
    assert ended.status is RunStatus.SUCCEEDED
    assert ended.resumed == 0
    _complete(home, server)


@pytest.mark.server
def test_users_added_while_a_run_goes_on_keep_one_chain_over_many_volumes(
    tmp_path: Path, server: Dovecot, service: StartService
) -> None:
    """Command line and service write to small volumes in turn: none is refused, verify is clean."""
    home = _home(tmp_path / "home", (server.host, server.plain_port), volume_bytes=150_000)
    homes.enqueue(home)
    service(home)
    added = 0
    while homes.status(home) not in homes.FINAL or added < 3:
        result = homes.cli(home, "user", "add", f"user{added}")
        assert result.returncode == 0, result.stderr
        added += 1
    assert homes.wait_until_final(home).status is RunStatus.SUCCEEDED
    assert len(homes.rows(home.catalog, "SELECT 1 FROM user")) == added + 1
    assert len(home.volume_numbers()) > 1
    _complete(home, server)


@pytest.mark.server
def test_a_refused_password_is_nowhere_to_be_seen(tmp_path: Path, dovecot: StartDovecot, service: StartService) -> None:
    """Login refused: failed (exit 3) and recorded; neither files, nor output, nor a command line of a process has the word."""
    word = "Geh31m-nicht-zeigen"
    server = dovecot()
    home = _home(tmp_path / "home", (server.host, server.plain_port), password=word)
    process = service(home)
    result = homes.cli(home, "run", "Test", "--json")
    assert result.returncode == 3
    assert json.loads(result.stdout)["status"] == "failed"
    assert json.loads(result.stdout)["mailboxes"][0]["problems"]
    assert word not in result.stdout + result.stderr
    assert word.encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    homes.end(process)
    for path in home.path.rglob("*"):
        if path.is_file():
            assert word.encode() not in path.read_bytes(), path
    assert homes.run_row(home).status is RunStatus.FAILED


def test_ensure_running_starts_one_service_that_is_nobodys_child(tmp_path: Path) -> None:
    """Asked five times at once, one service runs, in a session of its own, without the terminal."""
    home = _home(tmp_path / "home")

    async def start() -> None:
        await asyncio.gather(*(ensure_running(home) for _ in range(5)))

    asyncio.run(start())
    pid = _process_of(home)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        assert int(stat[1]) != os.getpid()
        assert stat[4] == "0", "it has a controlling terminal"
        assert os.getsid(pid) != os.getsid(0)
    finally:
        _finish(pid)
    assert homes.rows(home.catalog, "SELECT count(*) FROM service") == [(1,)]


# -- started by a schedule

PAST = "2020-01-01T00:00:00.000Z"


def _scheduled(path: Path, server: Dovecot, **fields: Any) -> Home:
    """A home with an automatic profile "Test", by default for every minute, and a manual one "Test2" for the same mailbox."""
    schedule = Schedule(**({"every": "1 minute"} | fields))
    one = profile(server.host, server.plain_port, schedule=schedule)
    return asyncio.run(homes.with_profile(path, one, profile(server.host, server.plain_port, name="Test2")))


def _make_due(home: Home) -> None:
    homes.change(home.catalog, f"UPDATE planned SET next = '{PAST}'")


def _next_start(home: Home) -> str:
    found = homes.rows(home.catalog, "SELECT next FROM planned WHERE profile = 'Test'")
    return str(found[0][0]) if found else ""


@pytest.mark.server
def test_the_service_starts_what_is_due_once_and_plans_the_next_start(
    tmp_path: Path, server: Dovecot, service: StartService
) -> None:
    """Missed for years while no service ran: one run, by the schedule, and the next start lies ahead; then due again, again."""
    home = _scheduled(tmp_path / "home", server)
    _make_due(home)
    before = timestamp(now())
    service(home)
    wait_for(lambda: homes.rows(home.catalog, "SELECT 1 FROM run"), "the run that the schedule starts")
    ended = homes.wait_until_final(home)
    assert (ended.profile, ended.status, ended.automatic) == ("Test", RunStatus.SUCCEEDED, True)
    assert _next_start(home) > before
    _complete(home, server)
    server.deliver(ALICE, "INBOX", message(999))
    _make_due(home)
    wait_for(lambda: len(homes.rows(home.catalog, "SELECT 1 FROM run")) > 1, "the second run")
    assert homes.wait_until_final(home, 2).automatic
    assert homes.rows(home.catalog, "SELECT profile FROM run") == [("Test",), ("Test",)]
    _complete(home, server)


@pytest.mark.server
def test_a_schedule_that_is_saved_or_switched_while_the_service_runs_is_obeyed(
    tmp_path: Path, server: Dovecot, service: StartService
) -> None:
    """Switched off, nothing starts although it was due; switched on, it is planned from then, and started when due."""
    home = _scheduled(tmp_path / "home", server)
    service(home)
    assert homes.cli(home, "profile", "automatic", "Test", "off").returncode == 0
    _make_due(home)
    # A run by hand comes and goes: the service is awake, and has looked at its schedules by then.
    result = homes.cli(home, "run", "Test2", "--json")
    assert result.returncode == 0, result.stderr
    assert homes.rows(home.catalog, "SELECT profile, automatic FROM run") == [("Test2", 0)]
    assert homes.rows(home.catalog, "SELECT * FROM planned") == []
    before = timestamp(now())
    assert homes.cli(home, "profile", "automatic", "Test", "on").returncode == 0
    assert _next_start(home) > before
    _make_due(home)
    wait_for(lambda: len(homes.rows(home.catalog, "SELECT 1 FROM run")) > 1, "the run that the schedule starts")
    assert homes.wait_until_final(home, 2).status is RunStatus.SUCCEEDED


@pytest.mark.server
def test_a_service_that_was_started_for_a_run_stays_for_a_schedule(tmp_path: Path, server: Dovecot) -> None:
    """It would be idle after seconds; saved while it runs, a schedule keeps it; switched off, it goes."""
    home = _scheduled(tmp_path / "home", server, automatic=False)
    assert homes.cli(home, "run", "Test2", "--json").returncode == 0
    pid = _process_of(home)
    assert homes.cli(home, "profile", "automatic", "Test", "on").returncode == 0
    assert is_running(home)
    announced = homes.rows(home.catalog, "SELECT pid, started FROM service")
    idle = time.monotonic() + worker.IDLE_SECONDS + 3
    wait_for(lambda: time.monotonic() > idle, "the time in which an idle service ends")
    assert is_running(home)
    assert homes.rows(home.catalog, "SELECT pid, started FROM service") == announced, "it never thought of ending"
    assert _process_of(home) == pid
    _make_due(home)
    wait_for(lambda: len(homes.rows(home.catalog, "SELECT 1 FROM run")) > 1, "the run that the schedule starts")
    assert homes.wait_until_final(home, 2).automatic
    assert homes.cli(home, "profile", "automatic", "Test", "off").returncode == 0
    wait_for(lambda: not is_running(home), "the end of a service that nothing needs")


# -- in this process, where errors can be put in


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    """An open archive with two profiles whose server refuses at once."""
    monkeypatch.setattr(run_work, "RunParameters", partial(RunParameters, backoff=(0.001, 0.001, 0.001)))
    archive = await homes.begin(tmp_path / "home")
    for name in ("Test", "Other"):
        await saved_profiles.save(archive, profile("127.0.0.1", 9, name=name), Secret("secret"))
    yield archive
    await archive.close()


async def test_an_error_of_the_program_in_one_run_leaves_the_others_alone(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run fails with a word about the log, and the next one is done by the same service."""
    queue = Queue(archive.database)
    prepare = ProfileRun.prepare
    broken = (await queue.enqueue("Test"))[0].id

    async def fail(archive: Archive, job: Any) -> ProfileRun:
        if job.profile.name == "Test":
            raise ZeroDivisionError
        return await prepare(archive, job)

    monkeypatch.setattr(ProfileRun, "prepare", fail)
    other = (await queue.enqueue("Other"))[0].id
    first, second = await homes.serve(archive, broken, other)
    assert first.status is RunStatus.FAILED
    assert "ZeroDivisionError" in first.reason
    assert second.status is RunStatus.FAILED
    assert second.result is not None
    assert "refused" in json.dumps(second.result["mailboxes"]).lower()


@pytest.mark.parametrize("error", [BusyError(said("locked")), StorageError(said("full"))])
async def test_a_queue_that_cannot_be_used_for_a_while_does_not_end_the_service(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, error: ArchivarError
) -> None:
    """Locked or full: tried again, and the run is done when it is over."""
    monkeypatch.setattr(worker, "FAILURE_SECONDS", 0.01)
    run = (await Queue(archive.database).enqueue("Test"))[0].id
    active, failures = Queue.active, iter([error] * 3)

    async def fail(self: Queue) -> list[Run]:
        if (failure := next(failures, None)) is not None:
            raise failure
        return await active(self)

    monkeypatch.setattr(Queue, "active", fail)
    assert (await homes.serve(archive, run))[0].status is RunStatus.FAILED
    assert next(failures, None) is None


async def test_a_result_that_cannot_be_written_at_once_is_written_once(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the result is to be recorded: it is tried again, and ledger and story have it once."""
    monkeypatch.setattr(run_work, "WRITE_SECONDS", 0.01)
    run = (await Queue(archive.database).enqueue("Test"))[0].id
    finish, failures = Queue.finish, iter([StorageError(said("full"))] * 3)

    async def fail(self: Queue, *arguments: Any, **more: Any) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure
        await finish(self, *arguments, **more)

    monkeypatch.setattr(Queue, "finish", fail)
    (ended,) = await homes.serve(archive, run)
    assert ended.status is RunStatus.FAILED
    assert [entry.kind for entry in await homes.entries(archive)].count("run.finished") == 1
    assert [event.kind for event in await Queue(archive.database).events(run)].count("finished") == 1


async def test_a_run_ends_as_failed_even_when_the_ledger_cannot_take_the_result(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged archive is not written to; the queue still tells that the run failed, and the service goes on."""
    run = (await Queue(archive.database).enqueue("Test"))[0].id

    async def refuse(*_: object, **__: object) -> None:
        raise DamagedError(said("Volume 000001.sqlite is damaged."))

    monkeypatch.setattr(Archive, "append", refuse)
    (ended,) = await homes.serve(archive, run)
    assert ended.status is RunStatus.FAILED


async def test_a_run_whose_service_dies_again_and_again_fails_at_last(archive: Archive) -> None:
    """Six deaths without a step further are enough; an orderly stop never counts; a step further counts anew."""
    queue = Queue(archive.database)
    run = (await queue.enqueue("Test"))[0]
    seq = (await archive.head()).seq
    await queue.begin(run, run.requested, seq)
    for _ in range(10):
        await queue.interrupt(run.id)
        assert await queue.take_up(await queue.run(run.id), seq, tries=worker.TRIES)
        await queue.begin(await queue.run(run.id), run.requested, seq)
    for _ in range(worker.TRIES):
        assert await queue.take_up(await queue.run(run.id), seq, tries=worker.TRIES)
    assert await queue.take_up(await queue.run(run.id), seq + 1, tries=worker.TRIES)
    for _ in range(worker.TRIES - 1):
        assert await queue.take_up(await queue.run(run.id), seq + 1, tries=worker.TRIES)
    (ended,) = await homes.serve(archive, run.id)
    assert ended.status is RunStatus.FAILED
    assert "died 5 times" not in ended.reason, "its own entries are a step further"

    again = (await queue.enqueue("Test"))[0]
    seq = (await archive.head()).seq
    await queue.begin(again, again.requested, seq)
    for _ in range(worker.TRIES):
        await queue.take_up(await queue.run(again.id), seq, tries=worker.TRIES)
    (ended,) = await homes.serve(archive, again.id)
    assert ended.status is RunStatus.FAILED
    assert "died 5 times" in ended.reason
    assert (await queue.enqueue("Test"))[1], "the profile can be run again"


async def test_a_cancelled_run_that_was_interrupted_counts_what_it_archived(archive: Archive) -> None:
    """Cancelled before it was carried on: the totals are those of what it did before."""
    queue = Queue(archive.database)
    run = (await queue.enqueue("Test"))[0]
    await queue.begin(run, run.requested, (await archive.head()).seq)
    await homes.store(archive, {1: message(1), 2: message(2)}, run=run.id)
    await queue.interrupt(run.id)
    await queue.request_cancel(run.id)
    (ended,) = await homes.serve(archive, run.id)
    assert ended.status is RunStatus.CANCELLED
    assert ended.result is not None
    assert ended.result["totals"]["archived"] == 2
    assert ended.result["totals"]["bytes"] == len(message(1)) + len(message(2))


async def test_a_run_queued_while_the_service_ends_is_not_forgotten(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queued after the last look at the queue and before the lock is free: the same service does it."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.1)
    queue = Queue(archive.database)
    release, queued = ServiceLock.release, list[int]()
    held = asyncio.Event()

    def late(self: ServiceLock) -> None:
        held.set()
        release(self)

    monkeypatch.setattr(ServiceLock, "release", late)
    end = Service._end

    async def ending(self: Service) -> None:
        await end(self)
        if not queued:
            queued.append((await queue.enqueue("Test"))[0].id)

    monkeypatch.setattr(Service, "_end", ending)
    await asyncio.wait_for(worker.serve(archive.home, until_idle=True), homes.DEADLINE)
    assert held.is_set()
    assert (await queue.run(queued[0])).status is RunStatus.FAILED
    assert not is_running(archive.home)


async def test_a_schedule_saved_while_the_service_ends_is_not_forgotten(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saved after the last look at the schedules and before the lock is free: the same service goes on for it."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.1)
    end, saved = Service._end, list[str]()

    async def ending(self: Service) -> None:
        await end(self)
        if not saved:
            saved.append("Test")
            other = await Archive.open(archive.home)
            await saved_profiles.save(other, profile("127.0.0.1", 9, schedule=Schedule(every="1 minute")))
            await other.close()
            homes.change(archive.home.catalog, f"UPDATE planned SET next = '{PAST}'")

    monkeypatch.setattr(Service, "_end", ending)
    serving = asyncio.ensure_future(worker.serve(archive.home, until_idle=True))  # noqa: TID251 (awaited below)
    await _until(lambda: homes.rows(archive.home.catalog, "SELECT 1 FROM run WHERE automatic AND status = 'failed'"), serving)
    await Queue(archive.database).request_stop()
    await serving


async def _until(condition: Callable[[], object], serving: asyncio.Future[None]) -> None:
    deadline = asyncio.get_running_loop().time() + homes.DEADLINE
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        assert not serving.done()
        await asyncio.wait([serving], timeout=0.01)


async def test_schedules_that_cannot_be_written_for_a_while_do_not_end_the_service(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when a start is due, longer than a service that was started for a run would wait."""
    await saved_profiles.save(archive, profile("127.0.0.1", 9, schedule=Schedule(every="1 minute")))
    homes.change(archive.home.catalog, f"UPDATE planned SET next = '{PAST}'")
    monkeypatch.setattr(worker, "FAILURE_SECONDS", 0.001)
    monkeypatch.setattr(worker, "FAILURES", 2)
    look, failures = Scheduler.look, 0

    async def fail_at_first(self: Scheduler) -> list[int]:
        nonlocal failures
        failures += 1
        if failures < 6:
            await self.refresh()
            raise StorageError(said("the disk is full"))
        return await look(self)

    monkeypatch.setattr(Scheduler, "look", fail_at_first)
    serving = asyncio.ensure_future(worker.serve(archive.home, until_idle=True))  # noqa: TID251 (awaited below)
    await _until(lambda: homes.rows(archive.home.catalog, "SELECT 1 FROM run WHERE automatic AND status = 'failed'"), serving)
    assert failures >= 6
    await Queue(archive.database).request_stop()
    await serving


async def test_systemd_is_told_by_the_loop_that_does_the_work(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready, then signs of life for as long as the loop goes round and no longer, then the end; the heartbeat is written."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "40000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.setattr(worker, "QUEUE_SECONDS", 0.01)
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 0.01)
    told: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)

        def hear() -> list[str]:
            with suppress(BlockingIOError):
                while True:
                    told.append(listener.recv(100).decode())
            return told

        serving = asyncio.ensure_future(worker.serve(archive.home, until_idle=False))  # noqa: TID251 (awaited below)
        await _until(lambda: len(hear()) > 4, serving)
        known = await Queue(archive.database).service()
        assert known is not None
        assert known[2] > known[1]
        hanging, go_on = asyncio.Event(), asyncio.Event()

        async def hang(self: Queue) -> bool:
            hanging.set()
            await go_on.wait()
            return True

        monkeypatch.setattr(Queue, "stop_requested", hang)
        await hanging.wait()
        count = len(hear())
        await asyncio.wait([serving], timeout=0.2)
        assert len(hear()) == count, "a loop that hangs gives no sign of life"
        go_on.set()
        await serving
        hear()
    assert told[0] == "READY=1"
    assert told[-1] == "STOPPING=1"
    assert set(told[1:-1]) == {"WATCHDOG=1"}


async def test_a_run_that_is_stopped_while_it_is_written_down_stays_ended(archive: Archive) -> None:
    """An interruption that comes after the result does not take it back."""
    queue = Queue(archive.database)
    run = (await queue.enqueue("Test"))[0]
    await RunWork(archive, queue, run, Limits()).fail(NO_MEMORY())
    await queue.interrupt(run.id)
    assert (await queue.run(run.id)).status is RunStatus.FAILED
    assert (await users.find(archive, "alice")).name == "alice"


async def test_a_queue_that_cannot_be_written_for_a_while_gives_up_no_run(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full while a run is taken up: a service that stays tries again until there is space, and the run ends."""
    queue = Queue(archive.database)
    run = (await queue.enqueue("Test"))[0]
    await queue.begin(run, run.requested, (await archive.head()).seq)
    await queue.request_cancel(run.id)
    take_up, failures = Queue.take_up, 0

    async def fail_at_first(self: Queue, *arguments: Any, **options: Any) -> bool:
        nonlocal failures
        failures += 1
        if failures < 4:
            raise StorageError(said("the disk is full"))
        return await take_up(self, *arguments, **options)

    monkeypatch.setattr(Queue, "take_up", fail_at_first)
    monkeypatch.setattr(worker, "FAILURE_SECONDS", 0.01)
    monkeypatch.setattr(worker, "FAILURES", 2)
    (ended,) = await homes.serve(archive, run.id)
    assert (ended.status, failures) == (RunStatus.CANCELLED, 4)


async def test_a_result_that_could_not_be_written_at_first_is_of_one_mind(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the ledger could not take "succeeded", the run, its result and the ledger all say "failed"."""
    queue = Queue(archive.database)
    run = (await queue.enqueue("Test"))[0]
    work = RunWork(archive, queue, run, Limits())
    append, calls = archive.append, 0

    async def busy_once(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise BusyError(said("locked"))
        return await append(*arguments, **options)

    monkeypatch.setattr(archive, "append", busy_once)
    with pytest.raises(BusyError):
        await work._finish(RunStatus.SUCCEEDED)
    await work.fail(NO_MEMORY())
    ended = await queue.run(run.id)
    assert ended.result is not None
    [entry] = [entry async for entry in archive.entries() if entry.kind == "run.finished"]
    assert {ended.status.value, ended.result["status"], entry.payload["status"]} == {"failed"}
    assert [event.told.reason for event in await queue.events(run.id) if event.kind == "finished"] == [
        FINISHED(status="failed")
    ]
