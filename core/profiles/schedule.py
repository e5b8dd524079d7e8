"""Schedule of a profile: an interval, a time of day, or a cron line. Pure; moments are aware, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from core.profiles import cron, zones
from core.text.patterns import pattern
from core.values import dataclass

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WHAT_EVERY = "a number and a unit such as 15 minutes, 2 hours or 1 day, from 1 minute to 30 days"
WHAT_DAILY = "a time of day such as 02:00"
WHAT_CRON = "five fields that name some moment: minute hour day month weekday, such as 0 2 * * mon-fri"
WHAT_ZONE = "a name of the IANA list such as Europe/Berlin"
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=30)
_EVERY = pattern(r"\s*([0-9]{1,5})\s*(minute|hour|day)s?\s*", re.IGNORECASE)
_DAILY = pattern(r"([01][0-9]|2[0-3]):([0-5][0-9])")
#: A start planned later than the schedule's next one, by more than this, was planned by a wrong clock.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Exactly one of ``every``, ``daily`` (perhaps on ``weekdays`` only) and ``cron``.

    ``time_zone``: an IANA name, empty for the system's. Not ``automatic``: kept, but nothing is started. Raises ``ValueError``
    for a contradiction; ``check_*`` check zone and cron line.
    """

    every: str = ""
    daily: str = ""
    weekdays: tuple[str, ...] = ()
    cron: str = ""
    time_zone: str = ""
    automatic: bool = True

    def __post_init__(self) -> None:
        if sum(map(bool, (self.every, self.daily, self.cron))) != 1:
            raise ValueError("exactly one of every, daily and cron is needed")
        if self.every and check_every(self.every) != self.every:
            raise ValueError(f"{self.every!r} is not in its plain form")
        if self.daily and not _DAILY.fullmatch(self.daily):
            raise ValueError(f"{self.daily!r} is no time of day")
        if self.weekdays and (not self.daily or self.weekdays != in_order(self.weekdays)):
            raise ValueError("weekdays are for daily, each once and in order")
        if self.time_zone and self.every:
            raise ValueError("a time zone has no meaning with every")

    def next_start(self, after: datetime) -> datetime:
        """The first start after ``after``, aware UTC. Raises ``ValueError`` when this system does not know the time zone.

        ``every`` is counted from ``after``, which should be a start then. Where the clock leaps over a time, that start is at
        the leap; where a time comes twice, it is at the first one. A cron line with ``*`` in its hours follows hours as they
        pass, so it neither starts at the leap nor pauses while an hour is repeated.
        """
        after = after.astimezone(UTC)
        if self.every:
            return after + _interval(self.every)
        zone = zones.zone(self.time_zone)
        line = self._cron_line
        if "*" in line.split()[1]:
            return _by_the_hour(line, after, zone)
        shown = zones.wall(after, zone)
        while True:
            shown = cron.following(line, shown)
            if (moment := zones.moment_of(shown, zone)) > after:
                return moment

    def following(self, planned: datetime, now: datetime) -> datetime:
        """The first start after ``now``, where ``planned`` was one: missed starts in between are left out."""
        if not self.every:
            return self.next_start(max(planned, now))
        interval = _interval(self.every)
        return planned + interval * max((now - planned) // interval + 1, 1)

    def too_late(self, planned: datetime, now: datetime) -> bool:
        """True when the start at ``planned`` was computed while the clock was ahead."""
        return planned > self.next_start(now + CLOCK_TOLERANCE)

    @property
    def _cron_line(self) -> str:
        if self.cron:
            return self.cron
        hour, minute = self.daily.split(":")
        return f"{int(minute)} {int(hour)} * * {','.join(self.weekdays) or '*'}"

    def sentence(self, *, short: bool = False) -> str:
        """The schedule in words: ``every 15 minutes`` (short: ``15 min``), ``mon-fri at 02:00 (Europe/Berlin)``."""
        if self.every:
            count, _, unit = self.every.partition(" ")
            unit = "min" if short and unit == "minutes" else unit
            return f"every {unit if count == '1' else f'{count} {unit}'}"
        zone = f" ({self.time_zone})" if self.time_zone else ""
        if self.cron:
            return f"cron {self.cron}{zone}"
        days = "daily" if len(self.weekdays) in (0, len(WEEKDAYS)) else _days(self.weekdays)
        return f"{days} at {self.daily}{zone}"


def check_every(text: str) -> str:
    """``text`` in its plain form, such as ``15 minutes``. Raises ``ValueError``."""
    match = _EVERY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no interval")
    count, unit = int(match[1]), match[2].lower()
    if not SHORTEST <= timedelta(**{f"{unit}s": count}) <= LONGEST:
        raise ValueError(f"{text!r} is too short or too long")
    return f"{count} {unit}{'' if count == 1 else 's'}"


def check_daily(text: str) -> str:
    """``text`` as ``HH:MM``. Raises ``ValueError``."""
    text = text.strip()
    text = text if text[1:2] != ":" else f"0{text}"
    if not _DAILY.fullmatch(text):
        raise ValueError(f"{text!r} is no time of day")
    return text


def check_cron(text: str) -> str:
    """``text`` with single blanks. Raises ``ValueError`` when it has not five fields, or matches no time."""
    return cron.plain(text)


def check_zone(text: str) -> str:
    """Raise ``ValueError`` when this system does not know the time zone."""
    zones.zone(text.strip())
    return text.strip()


def in_order(weekdays: tuple[str, ...]) -> tuple[str, ...]:
    """Each of ``weekdays`` once, from Monday on. Raises ``ValueError`` for an unknown one."""
    if strange := set(weekdays) - set(WEEKDAYS):
        raise ValueError(f"{min(strange)!r} is no weekday")
    return tuple(day for day in WEEKDAYS if day in weekdays)


def _interval(every: str) -> timedelta:
    count, unit = every.split()
    return timedelta(**{f"{unit.removesuffix('s')}s": int(count)})


def _by_the_hour(line: str, after: datetime, zone: tzinfo | None) -> datetime:
    """The next match, where matching starts again at each clock change with the new wall time."""
    start, known = after, zones.offset(after, zone)
    while True:
        moment = cron.following(line, (start + known).replace(tzinfo=None)).replace(tzinfo=UTC) - known
        if zones.offset(moment, zone) == known:
            return moment
        change = zones.change_between(start, moment, zone)
        known = zones.offset(change, zone)
        # The moment of the change itself may match.
        start = change - timedelta(microseconds=1)


def _days(weekdays: tuple[str, ...]) -> str:
    """``mon-fri``, ``mon, wed``."""
    first, last = WEEKDAYS.index(weekdays[0]), WEEKDAYS.index(weekdays[-1])
    if len(weekdays) > 2 and last - first == len(weekdays) - 1:
        return f"{weekdays[0]}-{weekdays[-1]}"
    return ", ".join(weekdays)
