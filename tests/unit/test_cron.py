"""Cron lines as people write them, and the times that they name."""

from __future__ import annotations

from datetime import datetime

import pytest

from core.profiles import cron

#: A Thursday.
START = datetime.fromisoformat("2026-01-01")


@pytest.mark.parametrize(
    ("line", "times"),
    [
        # A range may run over the end of its field, and one of a single number is that number.
        ("0 22-1 * * *", "01-01 01:00, 01-01 22:00, 01-01 23:00, 01-02 00:00"),
        ("0 5 * * fri-mon", "01-02 05:00, 01-03 05:00, 01-04 05:00, 01-05 05:00, 01-09 05:00"),
        ("0 5 * nov-1 mon-mon", "01-05 05:00, 01-12 05:00, 01-19 05:00, 01-26 05:00, 11-02 05:00"),
        # Sunday is 0 and 7.
        ("0 5 * * 7", "01-04 05:00, 01-11 05:00"),
        ("0 5 * * 5-7", "01-02 05:00, 01-03 05:00, 01-04 05:00, 01-09 05:00"),
        ("0 5 * * 0-7", "01-01 05:00, 01-02 05:00, 01-03 05:00"),
        # Steps count from the first number, to the end of the field or of the range.
        ("50/4 6 * * *", "01-01 06:50, 01-01 06:54, 01-01 06:58, 01-02 06:50"),
        ("0 1-6/2,*/12 * * *", "01-01 01:00, 01-01 03:00, 01-01 05:00, 01-01 12:00, 01-02 00:00"),
        # A day that fits either day or weekday; all weekdays choose nothing beside counted days.
        ("0 5 10 * fri", "01-02 05:00, 01-09 05:00, 01-10 05:00, 01-16 05:00"),
        ("0 5 */10 * fri", "01-01 05:00, 01-02 05:00, 01-09 05:00, 01-11 05:00"),
        ("0 5 */10 * 0-6", "01-01 05:00, 01-11 05:00, 01-21 05:00, 01-31 05:00"),
        ("0 5 31 2 mon", "02-02 05:00, 02-09 05:00"),
    ],
)
def test_a_line_names_its_times(line: str, times: str) -> None:
    """The first times of a year, in their order."""
    moment, found = START, []
    for _ in times.split(", "):
        moment = cron.following(line, moment)
        found.append(f"{moment:%m-%d %H:%M}")
    assert ", ".join(found) == times


def test_a_day_that_comes_once_in_four_years_is_found() -> None:
    """And one that never comes is an error, not a search without end."""
    assert cron.following("0 0 29 2 *", START) == datetime.fromisoformat("2028-02-29")
    with pytest.raises(ValueError, match="names no time"):
        cron.following("0 0 30 2 *", START)
