"""The service and schedules: it starts what is due once, obeys changes, and stays for what will be due."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from core.config import Home
from core.model import RunStatus, now, timestamp
from core.profiles.schedule import Schedule
from core.service import worker
from core.service.lock import is_running
from tests import homes, services
from tests.homes import ALICE, message, profile, wait_for
from tests.servers.dovecot import Dovecot
from tests.services import StartService, assert_complete, process_of

service = services.service
server = services.server

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
    assert_complete(home, server)
    server.deliver(ALICE, "INBOX", message(999))
    _make_due(home)
    wait_for(lambda: len(homes.rows(home.catalog, "SELECT 1 FROM run")) > 1, "the second run")
    assert homes.wait_until_final(home, 2).automatic
    assert homes.rows(home.catalog, "SELECT profile FROM run") == [("Test",), ("Test",)]
    assert_complete(home, server)


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
    pid = process_of(home)
    assert homes.cli(home, "profile", "automatic", "Test", "on").returncode == 0
    assert is_running(home)
    announced = homes.rows(home.catalog, "SELECT pid, started FROM service")
    idle = time.monotonic() + worker.IDLE_SECONDS + 3
    wait_for(lambda: time.monotonic() > idle, "the time in which an idle service ends")
    assert is_running(home)
    assert homes.rows(home.catalog, "SELECT pid, started FROM service") == announced, "it never thought of ending"
    assert process_of(home) == pid
    _make_due(home)
    wait_for(lambda: len(homes.rows(home.catalog, "SELECT 1 FROM run")) > 1, "the run that the schedule starts")
    assert homes.wait_until_final(home, 2).automatic
    assert homes.cli(home, "profile", "automatic", "Test", "off").returncode == 0
    wait_for(lambda: not is_running(home), "the end of a service that nothing needs")
