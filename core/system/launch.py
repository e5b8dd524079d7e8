"""Starts modules of this program as processes of their own, without the passwords in this one's environment."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from core.system import program

# A shell in between ends at once, so the process is not our child and leaves no zombie.
_DETACH = 'log=$1; shift; "$@" </dev/null >/dev/null 2>>"$log" &'


def detached(module: str, words: Sequence[str], log: Path) -> None:
    """Start a process that outlives this one and its terminal; its standard error goes to ``log``.

    Raises ``OSError``, ``subprocess.SubprocessError``.
    """
    subprocess.run(
        ["/bin/sh", "-c", _DETACH, "archivar", str(log), *program.command(module, words)],
        check=True,
        cwd="/",
        env=program.environment(),
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
            [*by, *program.command(module, words)],
            cwd="/",
            env=program.environment(),
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=True,
        )
    except (MemoryError, subprocess.SubprocessError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
