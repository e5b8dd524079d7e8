"""The line to a storage: how much of it may be used in which hours, and when what waits will have gone over it.

Written as ``7-19=250,19-7=0``: from 7 to 19 o'clock, by this machine's clock, 250 kB a second; from 19 to 7 nothing at all.
Hours that are not named have no limit. What is put and what is read back count alike.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from core.errors import InputError, StorageError
from core.model import now, timestamp
from core.problems import bucket as problems
from core.values import dataclass

#: The least of an hour with a limit, below which servers take a line for cut; bytes of a kB.
LEAST, KILOBYTE = 16, 1000
#: Days that are looked ahead.
_DAYS = 366
_ALLOWED = "hours and kB a second, such as 7-19=250 or 7-19=250,19-7=0 (0: nothing; else 16 or more)"


@dataclass(frozen=True, slots=True)
class LineLimit:
    """Bytes a second by the hour of the day; None: no limit, 0: nothing is sent."""

    hours: tuple[int | None, ...] = (None,) * 24

    @classmethod
    def parse(cls, text: str) -> LineLimit:
        """The limit that ``text`` is; empty and ``off``: none. Raises ``InputError``."""
        hours: list[int | None] = [None] * 24
        for part in filter(None, text.replace(" ", "").removeprefix("off").split(",")):
            span, _, kilobytes = part.partition("=")
            words = (*span.partition("-")[::2], kilobytes)
            begin, end, rate = map(int, words) if all(map(_is_number, words)) else (0, 0, 0)
            if begin > 23 or end > 24 or begin == end or 0 < rate < LEAST:
                raise InputError(problems.NOT_ALLOWED(field="line", value=text[:80], allowed=_ALLOWED))
            for hour in range(begin, end if end > begin else end + 24):
                if hours[hour % 24] is not None:
                    raise InputError(problems.NOT_ALLOWED(field="line", value=text[:80], allowed=_ALLOWED))
                hours[hour % 24] = rate * KILOBYTE
        return cls(tuple(hours))

    @property
    def is_set(self) -> bool:
        return any(one is not None for one in self.hours)

    def rate(self, at: datetime) -> int | None:
        """The limit at a moment."""
        return self.hours[at.astimezone().hour]

    def opens(self, at: datetime) -> datetime | None:
        """The first moment from ``at`` on at which something may be sent; None when there is none."""
        local = at.astimezone()
        for later in range(25):
            moment = local if not later else local.replace(minute=0, second=0, microsecond=0) + timedelta(hours=later)
            if self.hours[moment.hour] != 0:
                return moment
        return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 7


class LinePace:
    """The pace of one line, for all threads of a process. Called with 0 between two requests, it refuses in closed hours."""

    def __init__(
        self,
        limit: LineLimit,
        *,
        clock: Callable[[], datetime] = now,
        ticks: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._ticks = ticks
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free = float("-inf")
        self._last = LEAST * KILOBYTE

    def __call__(self, count: int) -> None:
        """Wait until ``count`` bytes may be moved. Raises ``StorageError`` for 0 of them in hours in which nothing may."""
        rate = self._limit.rate(self._clock())
        if rate == 0 and not count:
            opens = self._limit.opens(self._clock())
            raise StorageError(problems.LINE_CLOSED(until=opens.strftime("%H:%M") if opens is not None else "-"))
        if rate is None or not count:
            return
        with self._lock:
            # What has begun is ended, at the pace of the hour before: a request that stands still is taken for cut.
            self._last = rate = rate or self._last
            ticks = self._ticks()
            begin = max(ticks, self._free)
            self._free = begin + count / rate
        if begin > ticks:
            self._sleep(begin - ticks)


@dataclass(frozen=True, slots=True)
class Backlog:
    """The volumes that wait for the storage, and their bytes; ``since``: when the oldest of them was sealed.

    ``until``: when all will be there at the present rate; None when that cannot be told. ``rate``: bytes a second, put and
    read back, as they were last.
    """

    volumes: int
    bytes: int
    since: datetime | None = None
    until: datetime | None = None
    rate: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "waiting_bytes": self.bytes,
            "waiting_since": timestamp(self.since) if self.since is not None else None,
            "waiting_until": timestamp(self.until) if self.until is not None else None,
            "rate": self.rate,
        }


def predicted(limit: LineLimit, waiting: int, rate: float | None, at: datetime) -> datetime | None:
    """The moment when ``waiting`` bytes will have been put and read back. ``rate``: of both together, where no limit is."""
    moment, left = at.astimezone(), float(waiting)
    for _ in range(24 * _DAYS):
        allowed = limit.rate(moment)
        speed = rate if allowed is None else allowed / 2 if rate is None else min(allowed / 2, rate)
        if speed is None:
            return None
        following = moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        seconds = (following - moment).total_seconds()
        if speed and left <= speed * seconds:
            return moment + timedelta(seconds=left / speed)
        left -= speed * seconds
        moment = following
    return None
