"""The forecast of the archive's disk: by when its free space is used, as the archive has grown in the last weeks.

Told only from a whole week of growth on, which does not count the first day: that brings the mail of years. Of up to four weeks
the middle one counts, so that one large import is no trend, and days without work are in each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median
from typing import Any

from core.archive.read import statistics
from core.archive.read.statistics import MailSum
from core.archive.store.space import DiskUse
from core.db.queries import Queries
from core.values import dataclass

#: The weeks that are looked at, and the days beyond which nothing is told.
WEEKS, LONGEST = 4, 3650
_WEEK = 7


@dataclass(frozen=True, slots=True)
class DiskForecast:
    """Days until the free space is used, and the bytes on disk by which the archive grows in a day."""

    days: int
    per_day: int
    until: date

    def as_json(self) -> dict[str, Any]:
        return {"days": self.days, "bytes_per_day": self.per_day, "until": self.until.isoformat()}


@dataclass(frozen=True, slots=True)
class Growth:
    """The mail that came into an archive: all of it, that of the last days, and the first day."""

    total: MailSum
    days: Mapping[date, MailSum]
    since: date | None


async def growth(source: Queries, today: date) -> Growth:
    """The growth of the last month."""
    days = await statistics.growth(source, today - timedelta(days=31))
    return Growth(await statistics.total(source), days, await statistics.known_since(source))


def forecast(grown: Growth, disk: DiskUse, today: date) -> DiskForecast | None:
    """The forecast; None where a week is not known yet, nothing grows, or the space is enough for years."""
    if grown.since is None or not grown.total.bytes:
        return None
    weeks = min(((today - grown.since).days - 1) // _WEEK, WEEKS)
    if weeks < 1:
        return None
    days = [today - timedelta(days=ago) for ago in range(1, weeks * _WEEK + 1)]
    sizes = [grown.days[day].bytes if day in grown.days else 0 for day in days]
    week = median(sum(sizes[at : at + _WEEK]) for at in range(0, len(sizes), _WEEK))
    # Mail is compressed on disk, and catalog and index come on top.
    share = (disk.used - disk.log) / grown.total.bytes
    per_day = week / _WEEK * share
    if per_day <= 0 or disk.free / per_day > LONGEST:
        return None
    left = int(disk.free / per_day)
    return DiskForecast(left, int(per_day), today + timedelta(days=left))
