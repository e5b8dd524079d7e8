"""Signs of life of a home's service: a stopped process keeps its lock for ever.

The service touches its lock file every second, from its loop; the kernel knows if the process was stopped. No database is read
here, since a stopped process may hold its lock as well.
"""

from __future__ import annotations

import asyncio
import os
import time
from enum import StrEnum

from core.config import Home
from core.problems import service
from core.problems.code import Reason
from core.service.lock import is_running
from core.system.process import is_stopped
from core.values import dataclass

#: Seconds without a sign of life after which the loop hangs, or the machine is overloaded.
SILENCE_SECONDS = 5.0
#: Seconds to a second look, after the machine woke up or its clock was set.
AGAIN_SECONDS = 1.5
#: Seconds to wait for locks while the service that may hold them is stuck.
PATIENCE_SECONDS = 2.0


class Life(StrEnum):
    """``STOPPED``: by a signal. ``SILENT``: it gives no sign of life."""

    NONE = "none"
    ALIVE = "alive"
    STOPPED = "stopped"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Presence:
    """The state of the service; its process id (0 if unknown), and seconds since its last sign of life."""

    life: Life
    pid: int = 0
    silence: float = 0.0

    @property
    def fault(self) -> Reason | None:
        """The reason why the service is stuck; None when it works, or when none runs."""
        if self.life is Life.STOPPED:
            return service.STOPPED(pid=self.pid)
        if self.life is Life.SILENT:
            return service.SILENT(seconds=round(self.silence), pid=self.pid)
        return None


def look(home: Home) -> Presence:
    """The present state of the service."""
    if not is_running(home):
        return Presence(Life.NONE)
    try:
        touched = home.lock.stat().st_mtime
        text = home.lock.read_text(encoding="ascii")
        unmarked = bool(os.statvfs(home.lock).f_flag & os.ST_RDONLY)
    except (OSError, UnicodeError):
        return Presence(Life.ALIVE)
    pid = int(text) if text.strip().isdigit() and len(text) < 12 else 0
    # Where nothing can be written there are no signs of life.
    silence = 0.0 if unmarked else max(time.time() - touched, 0.0)
    if pid and is_stopped(pid):
        return Presence(Life.STOPPED, pid, silence)
    return Presence(Life.SILENT if pid and silence > SILENCE_SECONDS else Life.ALIVE, pid, silence)


async def settled(home: Home) -> Presence:
    """The state of the service, after a second look at one that is silent."""
    found = look(home)
    if found.life is Life.SILENT:
        await asyncio.sleep(AGAIN_SECONDS)
        found = look(home)
    return found


async def stuck(home: Home) -> Reason | None:
    """The service if it is running and stuck, else None; a silent one gets a second look."""
    return (await settled(home)).fault
