"""The Date field of a message as seconds since 1970. Pure; for any text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from core.text.patterns import pattern

_MONTHS = {
    name: number
    for number, name in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1)
}
#: RFC 5322 section 3.3, without comments, from 1970 on and without leap seconds.
_USUAL = pattern(
    rf"(?:[A-Za-z]{{3}}, )?([0-9]{{1,2}}) ({'|'.join(_MONTHS)}) (19[7-9][0-9]|[2-9][0-9]{{3}}) "
    r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]) ([+-][0-9]{4}|GMT)"
)
_FIRST_DAY = date(1970, 1, 1).toordinal()
_LAST_SECOND = 253402300799


def seconds(text: str) -> int | None:
    """UTC seconds of a Date field; None for 31 June, before 1970, after 9999, or a zone of a day or more."""
    found = _USUAL.fullmatch(text)
    return _usual(found) if found else unusual(text)


def _usual(written: re.Match[str]) -> int | None:
    day, month, year, hour, minute, second, zone = written.groups()
    try:
        days = date(int(year), _MONTHS[month], int(day)).toordinal() - _FIRST_DAY
    except ValueError:
        return None
    ahead = 0 if zone == "GMT" else (int(zone[1:3]) * 60 + int(zone[3:])) * (-60 if zone[0] == "-" else 60)
    found = ((days * 24 + int(hour)) * 60 + int(minute)) * 60 + int(second) - ahead
    return found if abs(ahead) < 86_400 and 0 <= found <= _LAST_SECOND else None


def unusual(text: str) -> int | None:
    """The same for a date in any form, which takes longer."""
    # Few dates need it, and its import takes as long as all other imports of a process that prepares messages.
    from email.utils import parsedate_tz

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
