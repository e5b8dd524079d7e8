"""Other processes of this machine, by the kernel."""

from __future__ import annotations

import os
from pathlib import Path

#: States in /proc of a process stopped by a signal or a debugger (proc(5)).
_STOPPED = ("T", "t")


def is_stopped(pid: int) -> bool:
    """True when a process was stopped (SIGSTOP); False where the kernel does not tell.

    /proc may hide even processes of the same account (``guard``, hidepid of proc(5)); the state of a child is told to its
    parent all the same.
    """
    try:
        # The program's name is in parentheses before it, and may contain any character.
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return _is_stopped_child(pid)
    return state in _STOPPED


def _is_stopped_child(pid: int) -> bool:
    try:
        # Only peeked at: the parent's own wait must still see it.
        return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except OSError:
        # Not our child, or gone.
        return False
