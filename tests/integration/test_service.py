"""The service as a process: one a home, independent of its clients, and every run ends with a complete result."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from core.archive.archive import Archive
from core.config import Home
from core.model import RunStatus, now, timestamp
from core.profiles.schedule import Schedule
from core.service import worker
from core.service.detach import ensure_running
from core.service.lock import is_running
from core.service.queue import Queue
from tests import forks, homes
from tests.conftest import StartDovecot
from tests.homes import ALICE, message, profile, wait_for
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
