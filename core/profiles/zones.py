"""Time zones: the moments of wall clock times, also on days of a clock change. Pure functions.

A *wall time* is a naive ``datetime``: as the clock shows it. Moments are aware, in UTC.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

#: Two offsets of one zone differ by less than this, and two changes of it are further apart.
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_DATABASE = "zoneinfo/"


def zone(name: str) -> tzinfo | None:
    """The time zone ``name`` (IANA); None, the system's, for an empty one. Raises ``ValueError``."""
    if not name:
        return None
    # Only here: it takes as long to load as all of this package.
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone that this system knows") from None


def system_zone() -> str:
    """The name of the system's time zone, as far as it has one: ``Europe/Berlin``, else ``UTC+01:00``."""
    if name := os.environ.get("TZ", "").removeprefix(":"):
        return name
    try:
        target = str(Path("/etc/localtime").resolve(strict=True))
    except OSError:
        target = ""
    if _DATABASE in target:
        return target.rpartition(_DATABASE)[2]
    return datetime.now(UTC).astimezone().strftime("UTC%z") if target else "UTC"


def offset(moment: datetime, zone: tzinfo | None) -> timedelta:
    """The clock's offset from UTC at ``moment``."""
    found = moment.astimezone(zone).utcoffset()
    assert found is not None
    return found


def wall(moment: datetime, zone: tzinfo | None) -> datetime:
    """The wall time at ``moment``."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def moment_of(shown: datetime, zone: tzinfo | None) -> datetime:
    """The first moment at which the clock shows ``shown``; where it leaps over that, the moment of the leap."""
    pretended = shown.replace(tzinfo=UTC)
    before, after = offset(pretended - _DAY, zone), offset(pretended + _DAY, zone)
    for one in sorted({before, after}, reverse=True):
        if offset(pretended - one, zone) == one:
            return pretended - one
    return change_between(pretended - after, pretended - before, zone)


def change_between(start: datetime, end: datetime, zone: tzinfo | None) -> datetime:
    """The moment, to the second, of the clock change after ``start`` and not after ``end``."""
    start, end = start.replace(microsecond=0), end.replace(microsecond=0)
    old = offset(start, zone)
    while end - start > _SECOND:
        middle = start + timedelta(seconds=(end - start) // _SECOND // 2)
        if offset(middle, zone) == old:
            start = middle
        else:
            end = middle
    return end
