"""Processor time of programs that are measured: of a process, and of all that it has started."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def alone(process: int) -> float:
    """Seconds of processor time of a process without those that it has started; 0 when it is gone."""
    return sum(_times(process)[:2])


def together(process: int) -> float:
    """Seconds of processor time of a process and all it has started, those that have ended too; 0 when it is gone."""
    total, left = 0.0, [process]
    while left:
        one = left.pop()
        total += sum(_times(one))
        try:
            tasks = list(Path(f"/proc/{one}/task").glob("*/children"))
            left += [int(child) for task in tasks for child in task.read_text().split()]
        except OSError:
            # It has just ended: its time is in that of its parent, once that has noticed.
            continue
    return total


def _times(process: int) -> tuple[float, ...]:
    """Seconds in its own code, in the system for it, and the same of its children that have ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return (0.0, 0.0, 0.0, 0.0)
    return tuple(int(field) / _TICKS for field in fields[11:15])


def machine() -> float:
    """Seconds of processor time of the whole machine since it was started."""
    user, nice, system, _idle, _waits, interrupts, soft, *_ = (
        int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + interrupts + soft) / _TICKS


class Watch:
    """The seconds of processor time since the watch began, by what gives them."""

    def __init__(self, clocks: Mapping[str, Callable[[], float]]) -> None:
        self._clocks = clocks
        self._before = {name: clock() for name, clock in clocks.items()}

    def passed(self) -> dict[str, float]:
        """The seconds of each."""
        return {name: max(0.0, clock() - self._before[name]) for name, clock in self._clocks.items()}
