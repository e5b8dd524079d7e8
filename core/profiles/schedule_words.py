"""Schedules as words of a setting: ``daily at 02:00``, ``sun at 02:00``, ``every 12 hours``. Pure."""

from __future__ import annotations

from core.profiles.schedule import WEEKDAYS, Schedule, check_daily, check_every, in_order

ALLOWED = "off, daily at 02:00, days of the week such as sun at 02:00 or mon-fri at 20:30, or every 12 hours"
OFF = "off"
_UNITS = ("minute", "hour", "day")


def parse(text: str) -> Schedule | None:
    """The schedule in words, in the time zone of the system; None for ``off``. Raises ``ValueError``."""
    words_ = text.lower().split()
    if words_ == [OFF]:
        return None
    if not text.isascii() or not words_:
        raise ValueError(text)
    if words_[0] == "every" or words_[0][0].isdigit():
        rest = " ".join(words_[words_[0] == "every" :])
        return Schedule(every=check_every(f"1 {rest}" if rest in _UNITS else rest))
    *days, time = words_
    if days and days[-1] == "at":
        days.pop()
    return Schedule(daily=check_daily(time), weekdays=_weekdays("".join(days)))


def words(schedule: Schedule | None) -> str:
    """The words of a schedule, as ``parse`` takes them."""
    return OFF if schedule is None else schedule.sentence()


def _weekdays(text: str) -> tuple[str, ...]:
    """Days of the week from ``mon-fri`` or ``mon, wed``; none for all. Raises ``ValueError``."""
    if text == "daily":
        return ()
    days: list[str] = []
    for part in text.split(","):
        ends = [WEEKDAYS.index(_day(word)) for word in part.split("-", 1)]
        begin, end = ends[0], ends[-1]
        if end < begin:
            raise ValueError(text)
        days += WEEKDAYS[begin : end + 1]
    found = in_order(tuple(days))
    return () if len(found) == len(WEEKDAYS) else found


def _day(word: str) -> str:
    """The short name of a day of the week, which may be written out. Raises ``ValueError``."""
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    if len(word) < 3 or not any(name.startswith(word) for name in names):
        raise ValueError(word)
    return word[:3]
