"""Archivar as an administrator runs it: the command, which starts the service, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.server import PASSWORD
from tests.servers.dovecot import Dovecot


@dataclass(frozen=True, slots=True)
class Measured:
    """One ``archivar run``: wall seconds of the command, seconds of the run itself, peak memory of the service in bytes."""

    wall: float
    run: float
    peak: int
    result: dict[str, Any]


class Home:
    """A home with a user and a profile for each mailbox."""

    def __init__(self, path: Path, server: Dovecot, *, port: int = 0) -> None:
        self.path = path
        self._server = server
        self._port = port or server.plain_port

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

    def command(self, *arguments: str) -> dict[str, Any]:
        """An ``archivar`` command; its JSON."""
        environment = {**os.environ, "BENCH_PASSWORD": PASSWORD}
        done = subprocess.run(
            [sys.executable, "-m", "tui", "--home", str(self.path), *arguments, "--json"],
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        value = json.loads(done.stdout)
        assert isinstance(value, dict)
        return value

    def run(self, profile: str) -> Measured:
        """One run, from the command's start to its end."""
        begun = time.perf_counter()
        result = self.command("run", profile)
        wall = time.perf_counter() - begun
        started, finished = (_seconds(result[key]) for key in ("started", "finished"))
        return Measured(wall, finished - started, self._peak(), result)

    def _peak(self) -> int:
        pid = self.command("service", "status").get("pid")
        if pid is None:
            return 0
        # What both sides of shared memory hold is counted twice: an upper bound.
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        children = [child for task in tasks for child in task.read_text().split()]
        return sum(_high_water(int(one)) for one in (pid, *children))

    def stop(self) -> None:
        self.command("service", "stop")

    def volume_bytes(self) -> int:
        return sum(file.stat().st_size for file in (self.path / "volumes").glob("*.sqlite"))


def _high_water(pid: int) -> int:
    """The most memory that a process ever had, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
