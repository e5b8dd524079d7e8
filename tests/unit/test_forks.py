"""Forks are what new processes would be, and the process they come from outlives its clients."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests import forks, homes
from tests.command import Archivar, Typed


def test_one_who_dies_while_asking_does_no_harm(tmp_path: Path) -> None:
    """Killed before it asked, in the middle, and before it was answered: the next one is served."""
    archivar = Archivar(tmp_path)
    assert archivar("--version").out.startswith("archivar ")
    address = f"\0{forks.name()}"
    for said in (b"", (1_000_000).to_bytes(8), (1_000_000).to_bytes(8) + b'{"module"'):
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(address)
            asking.sendall(said)
    read, write = os.pipe()
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(address)
        request = (
            b'{"module": "tui", "words": ["--version"], "env": {}, "cwd": "/", "session": false, "umask": 63, "files": []}'
        )
        socket.send_fds(asking, [len(request).to_bytes(8) + request], [write])
    os.close(write)
    os.close(read)
    assert archivar("--version").out.startswith("archivar ")


@pytest.mark.parametrize("whole", [False, True], ids=["fork", "whole"])
def test_a_command_ends_as_an_interpreter_ends(tmp_path: Path, whole: bool) -> None:
    """Exit code, output and what is told of wrong usage."""
    archivar = Archivar(tmp_path, whole=whole)
    assert archivar("user", "list", "--json", code=2).json["error"]
    wrong = archivar("no-such-command", code=2)
    assert (wrong.out, wrong.err.startswith("archivar: ")) == ("", True)


def test_a_fork_is_seen_to_end(tmp_path: Path) -> None:
    """Its process is the one that is named, its command line its own, and its end is told with the signal that made it."""
    archivar = Archivar(tmp_path)
    archivar("user", "add", "alice", "--email", "alice@example.test")
    fork = forks.start("core.service", [str(archivar.home)], archivar.environment())
    assert fork.poll() is None
    line = Path(f"/proc/{fork.pid}/cmdline")
    homes.wait_for(lambda: str(archivar.home).encode() in line.read_bytes().split(b"\0"), "the command line")
    fork.kill()
    assert fork.wait(60) == fork.poll() == -signal.SIGKILL


def test_a_fork_has_a_terminal_for_its_own(tmp_path: Path) -> None:
    """It is the first of its session and in the foreground: what the terminal's keys mean comes to it, and to nobody else."""
    archivar = Archivar(tmp_path)
    archivar("user", "add", "alice", "--email", "alice@example.test")
    with Typed(archivar, "service", "run", columns=400) as typed:
        assert isinstance(typed.process, forks.Fork)
        typed.until(lambda text: "is running; its log is" in text)
        fields = Path(f"/proc/{typed.process.pid}/stat").read_text().rpartition(")")[2].split()
        group, session, terminal, foreground = fields[2:6]
        assert group == session == foreground == str(typed.process.pid)
        assert int(terminal)
        typed.type("\x03")
        assert typed.end() in (0, 130)
