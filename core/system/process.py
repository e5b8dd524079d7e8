"""Other processes of this machine, as the kernel sees them."""

from __future__ import annotations

import os
from pathlib import Path

#: How /proc calls a process that was stopped by a signal, or by a debugger (proc(5)).
_STOPPED = ("T", "t")


def is_stopped(pid: int) -> bool:
    """Was it stopped (SIGSTOP), so that it does nothing until it is continued? Where the kernel does not say, it was not.

    /proc may hide even the processes of the same account (``guard``, hidepid of proc(5)); of a child the kernel says it to its
    parent all the same.
    """
    try:
        # The program's name stands in parentheses before it, and may hold any character.
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return _is_stopped_child(pid)
    return state in _STOPPED


def _is_stopped_child(pid: int) -> bool:
    try:
        # Only looked at: whoever waits for it shall still be told.
        return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except OSError:
        # None of ours, or gone.
        return False
