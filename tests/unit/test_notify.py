"""Notifications to systemd, through a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.service.notify import Notifier


@pytest.fixture(params=["file", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The socket of systemd and its name, both kinds."""
    name = str(tmp_path / "notify") if request.param == "file" else f"@archivar-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(name.replace("@", "\0", 1))
        one.setblocking(False)
        yield one, name


def told(listener: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(listener.recv(100).decode())
        except BlockingIOError:
            return found


def test_systemd_hears_of_the_start_and_of_the_end(listener: tuple[socket.socket, str]) -> None:
    """By a file's name or an abstract one; without a watchdog there are no signs of life."""
    one, name = listener
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready()
    notifier.alive(1.0)
    notifier.stopping()
    assert told(one) == ["READY=1", "STOPPING=1"]


def test_signs_of_life_come_often_enough_and_not_more_often(listener: tuple[socket.socket, str]) -> None:
    """Four in the time that systemd waits for one, however often the loop goes round; none for another process."""
    one, name = listener
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "8000000"}
    notifier = Notifier(environment | {"WATCHDOG_PID": str(os.getpid())})
    for tenth in range(80):
        notifier.alive(100 + tenth / 10)
    assert told(one) == ["WATCHDOG=1"] * 4
    other = Notifier(environment | {"WATCHDOG_PID": "1"})
    other.alive(100.0)
    assert told(one) == []


@pytest.mark.parametrize("address", ["", "/nonexistent/notify", "@nobody-listens-here", "x" * 200])
def test_a_missing_listener_of_notices_is_no_error(address: str) -> None:
    """Without systemd, or after it went away, the service goes on."""
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"})
    notifier.ready()
    notifier.alive(1.0)
    notifier.stopping()
