"""Archivar as an administrator runs it: the command, which starts the service, in a home of its own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.server import PASSWORD
from tests.servers.dovecot import Dovecot


@dataclass(frozen=True, slots=True)
class Measured:
    """One ``archivar run``: wall seconds of the command, seconds of the run itself, peak memory of the service in bytes.

    Looking at the memory takes time, so that ``peak`` is 0 unless it was asked for.
    """

    wall: float
    run: float
    peak: int
    result: dict[str, Any]


def environment() -> dict[str, str]:
    """The variables of a command: those of a program that is installed, whose compiled modules are kept."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "BENCH_PASSWORD": PASSWORD}


class Home:
    """A home with a user and a profile for each mailbox."""

    def __init__(self, path: Path, server: Dovecot | None = None, *, port: int = 0) -> None:
        self.path = path
        self._given = server
        self._wanted_port = port

    @property
    def _server(self) -> Dovecot:
        """The server of its profiles: none is needed where they are there already."""
        assert self._given is not None
        return self._given

    @property
    def _port(self) -> int:
        return self._wanted_port or self._server.plain_port

    def add(self, login: str) -> str:
        """A user and a profile for one mailbox; the profile's name."""
        name = login.split("@", 1)[0]
        self.command("user", "add", name, "--email", login)
        return self.apply(login)

    def apply(self, login: str) -> str:
        """Save the profile for one mailbox, perhaps with another port than before."""
        name = login.split("@", 1)[0]
        file = self.path.with_name(f"{self.path.name}-{name}.toml")
        file.write_text(
            f"""name = "{name}"
kind = "mailbox"
[server]
host = "{self._server.host}"
port = {self._port}
access = "imap"
[login]
username = "{login}"
password_env = "BENCH_PASSWORD"
[folders]
include = ["**", "Junk E-mail"]
[target]
user = "{name}"
"""
        )
        self.command("profile", "apply", str(file))
        return name

    def add_many(self, logins: Sequence[str]) -> str:
        """Users for ``logins``, and one profile for all of their mailboxes, opened by the server's master user."""
        for login in logins:
            self.command("user", "add", login.split("@", 1)[0], "--email", login)
        assert self._server.master is not None
        file = self.path.with_name(f"{self.path.name}-staff.toml")
        file.write_text(
            f"""name = "staff"
kind = "mailboxes"
[server]
host = "{self._server.host}"
port = {self._port}
access = "imap"
connections = 4
[login]
method = "master-user"
username = "{self._server.master[0]}"
password_env = "BENCH_PASSWORD"
[folders]
include = ["**", "Junk E-mail"]
"""
        )
        self.command("profile", "apply", str(file))
        return "staff"

    def command(self, *arguments: str) -> dict[str, Any]:
        """An ``archivar`` command; its JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "tui", "--home", str(self.path), *arguments, "--json"],
            check=True,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        value = json.loads(done.stdout)
        assert isinstance(value, dict)
        return value

    def run(self, profile: str, *, memory: bool = False) -> Measured:
        """One run, from the command's start to its end; with ``memory`` the service is looked at all the while."""
        watch = _Memory(self) if memory else None
        begun = time.perf_counter()
        result = self.command("run", profile)
        wall = time.perf_counter() - begun
        started, finished = (seconds_of(result[key]) for key in ("started", "finished"))
        return Measured(wall, finished - started, watch.stop() if watch else 0, result)

    def service(self) -> int | None:
        """The process of the service, if there is one."""
        try:
            with closing(sqlite3.connect(f"{(self.path / 'archive.sqlite').as_uri()}?mode=ro", uri=True)) as connection:
                row = connection.execute("SELECT pid FROM service").fetchone()
        except sqlite3.Error:
            return None
        return int(row[0]) if row and Path(f"/proc/{row[0]}").exists() else None

    def stop(self) -> None:
        self.command("service", "stop")

    def volume_bytes(self) -> int:
        return sum(file.stat().st_size for file in (self.path / "volumes").glob("*.sqlite"))


class _Memory:
    """Looks at the memory of a service and its helping processes every few milliseconds, and keeps the most."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._most = 0
        self._ended = threading.Event()
        # A run that fails must not keep the benchmarks from ending.
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            if pid := self._home.service():
                self._most = max(self._most, _resident(pid))

    def stop(self) -> int:
        """The most bytes that were seen."""
        self._ended.set()
        self._thread.join()
        return self._most


def _resident(pid: int) -> int:
    """Bytes in memory of a process and its children; what they share counts once."""
    found = 0
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    try:
        for one in (pid, *(int(child) for task in tasks for child in task.read_text().split())):
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    found += int(line.split()[1]) * 1024
    except OSError:
        # It has just ended.
        return 0
    return found


def seconds_of(text: str) -> float:
    """A time of a result, in seconds."""
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
