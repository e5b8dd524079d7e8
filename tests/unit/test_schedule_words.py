"""Schedules as words of a setting."""

from __future__ import annotations

import pytest

from core.profiles import schedule_words
from core.profiles.schedule import Schedule

WORDS = {
    "off": None,
    "OFF ": None,
    "daily at 02:00": Schedule(daily="02:00"),
    "Daily 2:00": Schedule(daily="02:00"),
    "sun at 23:30": Schedule(daily="23:30", weekdays=("sun",)),
    "sunday 23:30": Schedule(daily="23:30", weekdays=("sun",)),
    "mon-fri at 20:00": Schedule(daily="20:00", weekdays=("mon", "tue", "wed", "thu", "fri")),
    "wed, mon at 20:00": Schedule(daily="20:00", weekdays=("mon", "wed")),
    "mon-sun 20:00": Schedule(daily="20:00"),
    "every 12 hours": Schedule(every="12 hours"),
    "every hour": Schedule(every="1 hour"),
    "1 day": Schedule(every="1 day"),
}


@pytest.mark.parametrize(("text", "schedule"), WORDS.items())
def test_words_are_a_schedule_and_a_schedule_is_words(text: str, schedule: Schedule | None) -> None:
    assert schedule_words.parse(text) == schedule
    assert schedule_words.parse(schedule_words.words(schedule)) == schedule


OTHERS = (
    *(
        "",
        "daily",
        "25:00",
        "02:00",
        "fri-mon 02:00",
        "someday 02:00",
        "su 02:00",
        "every 40 days",
        "every 0 hours",
        "mon- 02:00",
    ),
    *("hourly", "daily at 02:00 UTC", "daily at ٠٢:00", "mon,,tue 02:00", "every week", "off at 02:00", "sunburn 02:00"),
)


@pytest.mark.parametrize("text", OTHERS)
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        schedule_words.parse(text)
