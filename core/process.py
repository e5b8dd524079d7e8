"""Other processes of this machine, as the kernel sees them."""

from __future__ import annotations

from pathlib import Path

#: How /proc calls a process that was stopped by a signal, or by a debugger (proc(5)).
_STOPPED = ("T", "t")


def is_stopped(pid: int) -> bool:
    """Was it stopped (SIGSTOP), so that it does nothing until it is continued? Where the kernel does not say, it was not."""
    try:
        # The program's name stands in parentheses before it, and may hold any character.
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state in _STOPPED
