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
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.config import Home
from core.model import RunStatus
from core.service.detach import ensure_running
from core.service.lock import is_running
from core.service.queue import Queue
from tests import homes, services
from tests.conftest import StartDovecot
from tests.homes import ALICE, profile, wait_for
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import Proxy
from tests.services import StartService, assert_complete, process_of

service = services.service
server = services.server


@pytest.fixture
def slow(server: Dovecot) -> Iterator[Proxy]:
    """The way to that mailbox, which ends in the middle until it is opened."""
    with Proxy(server.host, server.plain_port) as proxy:
        proxy.stall_after_bytes = 700_000
        yield proxy


def home_with(path: Path, *ports: tuple[str, int], password: str = "secret", volume_bytes: int = 0) -> Home:
    names = ["Test", *(f"Test{number}" for number in range(2, 10))]
    profiles = [profile(host, port, name=name) for name, (host, port) in zip(names, ports, strict=False)]
    return asyncio.run(homes.with_profile(path, *profiles, password=password, volume_bytes=volume_bytes))


def _in_the_middle(home: Home, proxy: Proxy) -> None:
    """Wait until a run has come as far as the proxy lets it."""
    wait_for(lambda: homes.status(home) == "running" and proxy.bytes_to_client >= 600_000, "the run's middle")


def _finish(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), f"the end of process {pid}")


@pytest.mark.server
def test_a_second_service_of_a_home_is_refused(tmp_path: Path, service: StartService) -> None:
    """Busy (exit 5) while the first lives; when that is killed nothing is left that keeps the next from starting."""
    home = home_with(tmp_path / "home")
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
    home = home_with(tmp_path / "home", (slow.host, slow.port))
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
    assert_complete(home, server)


def _served(server: Dovecot) -> list[bytes]:
    return [path.read_bytes() for folder in server.folders(ALICE) for path in server.messages(ALICE, folder)]


@pytest.mark.server
def test_a_running_run_is_cancelled_within_two_seconds(
    tmp_path: Path, server: Dovecot, slow: Proxy, service: StartService
) -> None:
    """Also while the server says nothing; what was archived stays, and the next run brings the rest."""
    home = home_with(tmp_path / "home", (slow.host, slow.port))
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
    assert_complete(home, server)


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
    home = home_with(tmp_path / "home", *[(slow.host, slow.port)] * 5)
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
    home = home_with(tmp_path / "home", (slow.host, slow.port))
    assert homes.cli(home, "run", "Test", "--detach").returncode == 0
    pid = process_of(home)
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
    assert_complete(home, server)


@pytest.mark.server
def test_closing_the_terminal_leaves_the_run_alone(tmp_path: Path, server: Dovecot, slow: Proxy) -> None:
    """The terminal of ``archivar run`` goes away, with SIGHUP to all that are in it: the run ends as if nothing was."""
    home = home_with(tmp_path / "home", (slow.host, slow.port))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, homes.command(home, "run", "Test"), homes.environment(TERM="xterm"))
    try:
        wait_for(lambda: bool(homes.rows(home.catalog, "SELECT 1 FROM run")), "the queued run")
        _in_the_middle(home, slow)
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    running = process_of(home)
    assert os.getsid(running) not in (pid, os.getsid(0))
    os.kill(running, signal.SIGHUP)
    slow.stall_after_bytes = None
    ended = homes.wait_until_final(home)
    _finish(running)
    assert ended.status is RunStatus.SUCCEEDED
    assert ended.resumed == 0
    assert_complete(home, server)


@pytest.mark.server
def test_users_added_while_a_run_goes_on_keep_one_chain_over_many_volumes(
    tmp_path: Path, server: Dovecot, service: StartService
) -> None:
    """Command line and service write to small volumes in turn: none is refused, verify is clean."""
    home = home_with(tmp_path / "home", (server.host, server.plain_port), volume_bytes=150_000)
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
    assert_complete(home, server)


@pytest.mark.server
def test_a_refused_password_is_nowhere_to_be_seen(tmp_path: Path, dovecot: StartDovecot, service: StartService) -> None:
    """Login refused: failed (exit 3) and recorded; neither files, nor output, nor a command line of a process has the word."""
    word = "Geh31m-nicht-zeigen"
    server = dovecot()
    home = home_with(tmp_path / "home", (server.host, server.plain_port), password=word)
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
    home = home_with(tmp_path / "home")

    async def start() -> None:
        await asyncio.gather(*(ensure_running(home) for _ in range(5)))

    asyncio.run(start())
    pid = process_of(home)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        assert int(stat[1]) != os.getpid()
        assert stat[4] == "0", "it has a controlling terminal"
        assert os.getsid(pid) != os.getsid(0)
    finally:
        _finish(pid)
    assert homes.rows(home.catalog, "SELECT count(*) FROM service") == [(1,)]
