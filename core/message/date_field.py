"""The Date field of a message as seconds since 1970. Pure; for any text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz


def seconds(text: str) -> int | None:
    """UTC seconds of a Date field; None for 31 June, before 1970, after 9999, or a zone of a day or more."""
    try:
        parsed = parsedate_tz(text)
        if parsed is None:
            return None
        year, month, day, hour, minute, second = parsed[:6]
        zone = timedelta(seconds=parsed[9] or 0)
        if abs(zone) >= timedelta(days=1):
            return None
        # 60 is a leap second, which datetime does not know
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC) - zone
    except (ValueError, IndexError, TypeError, OverflowError):  # what parsedate_tz and datetime raise on odd text
        return None
    return int(moment.timestamp()) if moment.year >= 1970 else None
