"""The way in which modules of this program become programs of their own. Only the standard library, as commands wait for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import core
from core.system import guard

#: Exit code of a process that could not become the program, as that of a shell.
_NOT_STARTED = 127


def command(module: str, words: Sequence[str]) -> list[str]:
    """The words that start ``module`` with these arguments."""
    # -P: a folder called "core" in the administrator's current folder is not ours.
    return [sys.executable, "-P", "-m", module, *words]


def environment() -> dict[str, str]:
    """The environment without systemd's and the shell's variables (``guard.environment``)."""
    source = os.path.dirname(os.path.dirname(os.path.realpath(core.__file__)))
    return guard.environment(PYTHONPATH=os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH")))))


def forked(module: str, words: Sequence[str], log: str, *, stdin: int) -> None:
    """Start a process that outlives this one and its terminal, as ``launch.detached`` does; its errors go to ``log``.

    Without a shell and without ``subprocess``, which take longer than the rest. Only for a process of one thread, since a fork
    copies no other. Raises ``OSError``.
    """
    started, given = command(module, words), environment()
    child = os.fork()
    if child:
        # The one in between ends at once, so the process is not our child and leaves no zombie.
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.chdir("/")
        nowhere = os.open(os.devnull, os.O_RDWR)
        into = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number, place in ((0, stdin), (1, nowhere), (2, into)):
            os.dup2(place, number)
        os.execve(started[0], started, given)
    finally:
        # Nothing of the process that was copied goes on here, whatever failed.
        os._exit(_NOT_STARTED)
