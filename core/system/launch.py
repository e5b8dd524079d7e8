"""Starts modules of this program as processes of their own, without the passwords in this one's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import core
from core.system import guard

# A shell in between ends at once, so the process is not our child and leaves no zombie.
_DETACH = 'log=$1; shift; "$@" </dev/null >/dev/null 2>>"$log" &'


def detached(module: str, words: Sequence[str], log: Path) -> None:
    """Start a process that outlives this one and its terminal; its standard error goes to ``log``.

    Raises ``OSError``, ``subprocess.SubprocessError``.
    """
    subprocess.run(
        ["/bin/sh", "-c", _DETACH, "archivar", str(log), *_command(module, words)],
        check=True,
        cwd="/",
        env=_environment(),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def beside(
    module: str,
    words: Sequence[str],
    *,
    by: Sequence[str] = (),
    stdin: int = subprocess.DEVNULL,
    stderr: int | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a process beside this one, in a session of its own: it does not end when a terminal does.

    ``by``: a wrapper program with its arguments. Raises ``OSError``.
    """
    try:
        return subprocess.Popen(
            [*by, *_command(module, words)],
            cwd="/",
            env=_environment(),
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=True,
        )
    except (MemoryError, subprocess.SubprocessError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def _command(module: str, words: Sequence[str]) -> list[str]:
    # -P: a folder called "core" in the administrator's current folder is not ours.
    return [sys.executable, "-P", "-m", module, *words]


def _environment() -> dict[str, str]:
    """The environment without systemd's and the shell's variables (``guard.environment``)."""
    source = str(Path(core.__file__).resolve().parent.parent)
    return guard.environment(PYTHONPATH=os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH")))))
