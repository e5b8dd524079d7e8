"""Starts of a profile by schedule: never twice, never forgotten, also on days of a clock change."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.profiles import plain, zones
from core.profiles.schedule import (
    CLOCK_TOLERANCE,
    WEEKDAYS,
    Schedule,
    check_cron,
    check_daily,
    check_every,
    check_zone,
    in_order,
)

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
#: Both changes of 2026 in both zones lie in here.
MOMENTS = st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2027-01-01"), timezones=st.just(UTC))
#: From a day before such a change to a day after.
NEAR = st.builds(
    lambda change, seconds: change + timedelta(seconds=seconds),
    st.sampled_from(
        [
            datetime(2026, 3, 29, 1, tzinfo=UTC),
            datetime(2026, 10, 25, 1, tzinfo=UTC),
            datetime(2026, 3, 8, 7, tzinfo=UTC),
            datetime(2026, 11, 1, 6, tzinfo=UTC),
        ]
    ),
    st.integers(-90_000, 90_000),
)
ZONES = st.sampled_from([BERLIN, NEW_YORK])
TIMES = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 3) | st.integers(0, 23), st.integers(0, 59))
SOME_DAYS = st.lists(st.sampled_from(WEEKDAYS), unique=True).map(lambda days: in_order(tuple(days)))
DAILY = st.builds(lambda daily, days, zone: Schedule(daily=daily, weekdays=days, time_zone=zone), TIMES, SOME_DAYS, ZONES)
CRON = st.builds(
    lambda line, zone: Schedule(cron=line, time_zone=zone),
    st.sampled_from(["*/15 * * * *", "30 */2 * * *", "0 2 * * 1", "0,30 2 * * *", "15 1-3 * * *", "0 0 1 * *", "30 2 * * sun"]),
    ZONES,
)
EVERY = st.sampled_from(["1 minute", "15 minutes", "2 hours", "30 days"]).map(lambda text: Schedule(every=text))
SCHEDULES = EVERY | DAILY | CRON


def starts(schedule: Schedule, after: str, count: int) -> list[str]:
    """The next starts after a moment, as the clock of the schedule's zone shows them, with its offset."""
    moment, found = datetime.fromisoformat(after), []
    for _ in range(count):
        moment = schedule.next_start(moment)
        assert moment.tzinfo is UTC
        found.append(moment.astimezone(ZoneInfo(schedule.time_zone or "UTC")).strftime("%m-%d %H:%M%z"))
    return found


@given(SCHEDULES, MOMENTS | NEAR, st.integers(0, 200_000))
def test_the_next_start_lies_ahead_and_none_comes_in_between(schedule: Schedule, after: datetime, seconds: int) -> None:
    """It is after the moment, later moments have no earlier starts, and up to a start the answer stays that start."""
    start = schedule.next_start(after)
    assert start > after
    assert schedule.next_start(start) > start
    later = after + timedelta(seconds=seconds)
    if schedule.every:
        return
    if later < start:
        assert schedule.next_start(later) == start
    else:
        assert schedule.next_start(later) > start


@given(DAILY, MOMENTS | NEAR)
def test_a_daily_time_starts_once_on_each_of_its_days(schedule: Schedule, after: datetime) -> None:
    """Following starts are on consecutive days of the zone, through every clock change; at the time unless it is skipped."""
    zone = ZoneInfo(schedule.time_zone)
    moment = schedule.next_start(after)
    for _ in range(3):
        before, moment = moment, schedule.next_start(moment)
        days = [before.astimezone(zone).date() + timedelta(days=number) for number in range(1, 8)]
        wanted = next(day for day in days if not schedule.weekdays or WEEKDAYS[day.weekday()] in schedule.weekdays)
        local = moment.astimezone(zone)
        assert local.date() == wanted
        hour, minute = map(int, schedule.daily.split(":"))
        shown = datetime(wanted.year, wanted.month, wanted.day, hour, minute, tzinfo=zone)
        exists = shown.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None)
        if exists:
            assert moment == shown.astimezone(UTC), "the first of two equal times"
        else:
            just_before = (moment - timedelta(seconds=1)).astimezone(zone)
            assert local.utcoffset() != just_before.utcoffset(), "the first moment after the leap"
            assert just_before.replace(tzinfo=None) < shown.replace(tzinfo=None) < local.replace(tzinfo=None)


@given(st.sampled_from(["*/15 * * * *", "7 * * * *"]), ZONES, NEAR)
def test_a_cron_line_for_every_hour_goes_on_evenly_through_the_changes_of_the_clock(
    line: str, zone: str, after: datetime
) -> None:
    """Neither a pause while an hour is repeated, nor anything special at the leap."""
    schedule = Schedule(cron=line, time_zone=zone)
    moment = schedule.next_start(after)
    for _ in range(12):
        before, moment = moment, schedule.next_start(moment)
        assert moment - before == timedelta(minutes=15 if "/" in line else 60)


def test_a_time_that_is_leapt_over_starts_at_the_leap_and_one_that_comes_twice_starts_once() -> None:
    """The nights of March and October in Berlin, of March and November in New York."""
    berlin = Schedule(daily="02:30", time_zone=BERLIN)
    assert starts(berlin, "2026-03-27T12:00Z", 3) == ["03-28 02:30+0100", "03-29 03:00+0200", "03-30 02:30+0200"]
    assert starts(berlin, "2026-10-24T12:00Z", 2) == ["10-25 02:30+0200", "10-26 02:30+0100"]
    york = Schedule(daily="01:30", time_zone=NEW_YORK)
    assert starts(york, "2026-10-31T12:00Z", 2) == ["11-01 01:30-0400", "11-02 01:30-0500"]
    york = Schedule(cron="15 2 * * *", time_zone=NEW_YORK)
    assert starts(york, "2026-03-07T12:00Z", 2) == ["03-08 03:00-0400", "03-09 02:15-0400"]


def test_weekdays_and_cron_lines_start_on_their_days() -> None:
    """Monday to Friday; Mondays by number; the first of a month; a leap day, years ahead."""
    assert starts(Schedule(daily="02:00", weekdays=("mon", "fri")), "2026-01-02T02:00Z", 3) == [
        "01-05 02:00+0000",
        "01-09 02:00+0000",
        "01-12 02:00+0000",
    ]
    assert starts(Schedule(cron="0 2 * * 1"), "2026-01-05T02:00Z", 1) == ["01-12 02:00+0000"]
    assert Schedule(cron="0 0 29 2 *").next_start(datetime(2025, 1, 1, tzinfo=UTC)) == datetime(2028, 2, 29, tzinfo=UTC)


def test_every_is_counted_from_the_last_planned_start() -> None:
    """Looked at late, starts stay where they were planned; what was missed is left out, and only one of it is made up."""
    schedule = Schedule(every="15 minutes")
    planned = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    minute = timedelta(minutes=1)
    assert schedule.following(planned, planned + timedelta(seconds=3)) == planned + 15 * minute
    assert schedule.following(planned, planned + 15 * minute) == planned + 30 * minute
    assert schedule.following(planned, planned + 100 * minute) == planned + 105 * minute
    daily = Schedule(daily="12:00", time_zone="UTC")
    assert daily.following(planned, planned + timedelta(days=9, hours=1)) == planned + timedelta(days=10)


@given(SCHEDULES, MOMENTS, st.integers(0, 10**7))
def test_the_start_that_follows_is_the_first_one_ahead(schedule: Schedule, planned: datetime, seconds: int) -> None:
    """However late it is looked at; and a plan that was made by a right clock is never too late."""
    now = planned + timedelta(seconds=seconds)
    following = schedule.following(planned, now)
    assert following > now
    assert not schedule.too_late(following, now)
    assert not schedule.too_late(following, now - CLOCK_TOLERANCE)
    assert schedule.too_late(following + timedelta(days=400), now)


def test_the_systems_zone_is_used_when_none_is_named(monkeypatch: pytest.MonkeyPatch, system_berlin: None) -> None:
    """Its rules too: in summer and winter at the same time of its clock."""
    schedule = Schedule(daily="02:30")
    assert schedule.next_start(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 1, 1, 1, 30, tzinfo=UTC)
    assert schedule.next_start(datetime(2026, 7, 1, tzinfo=UTC)) == datetime(2026, 7, 1, 0, 30, tzinfo=UTC)
    assert schedule.next_start(datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert zones.system_zone() == BERLIN


@pytest.fixture
def system_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is in Berlin."""
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", BERLIN)
    time.tzset()
    yield
    if before is None:
        monkeypatch.delenv("TZ")
    else:
        monkeypatch.setenv("TZ", before)
    time.tzset()


@pytest.mark.parametrize(
    ("schedule", "sentence"),
    [
        (Schedule(every="15 minutes"), "every 15 minutes"),
        (Schedule(every="1 hour"), "every hour"),
        (Schedule(daily="02:00"), "daily at 02:00"),
        (Schedule(daily="02:00", weekdays=WEEKDAYS), "daily at 02:00"),
        (Schedule(daily="02:00", weekdays=WEEKDAYS[:5], time_zone=BERLIN), "mon-fri at 02:00 (Europe/Berlin)"),
        (Schedule(daily="02:00", weekdays=("mon", "wed", "sun")), "mon, wed, sun at 02:00"),
        (Schedule(daily="02:00", weekdays=("sat", "sun")), "sat, sun at 02:00"),
        (Schedule(cron="0 2 * * 1"), "cron 0 2 * * 1"),
    ],
)
def test_a_schedule_is_said_in_few_words(schedule: Schedule, sentence: str) -> None:
    """Interval or time, days, and the time zone if it is named."""
    assert schedule.sentence() == sentence
    assert plain.from_json(Schedule, plain.as_json(schedule)) == schedule


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"every": "2 hours", "daily": "02:00"},
        {"every": "2 Hours"},
        {"every": "soon"},
        {"daily": "25:00"},
        {"weekdays": ("mon",), "every": "1 day"},
        {"weekdays": ("tue", "mon"), "daily": "02:00"},
        {"every": "1 day", "time_zone": BERLIN},
    ],
)
def test_a_schedule_that_contradicts_itself_cannot_be_made(fields: dict[str, str]) -> None:
    """Exactly one way to say when, weekdays with daily alone, a time zone where it means something."""
    with pytest.raises(ValueError, match=r"\w"):
        Schedule(**fields)  # type: ignore[arg-type]


def test_what_is_written_in_another_way_gets_its_plain_form() -> None:
    """Blanks, capitals and plurals do not matter."""
    assert check_every("  1  Minutes ") == "1 minute"
    assert check_every("43200 minutes") == "43200 minutes"
    assert check_daily("2:05") == "02:05"
    assert check_cron(" 0  2 * *  MON-Fri ") == "0 2 * * mon-fri"
    assert check_zone(f" {BERLIN}") == BERLIN


@pytest.mark.parametrize(
    "text", ["0 minutes", "31 days", "59 seconds", "1 month", "-1 hour", "1.5 hours", "", "١ hour", "99999 days", "721 hours"]
)
def test_intervals_that_are_none_or_too_short_or_long_are_refused(text: str) -> None:
    """From one minute to thirty days."""
    with pytest.raises(ValueError, match=r"\w"):
        check_every(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0 2 * *", "0 2 * * * *", "@daily", "60 * * * *", "0 24 * * *", "0 2 31 2 *", "0 2 * * mon#1", "R * * * *"),
        *(
            "H * * * *",
            "0 2 L * *",
            "0 2 * * 8",
            "a b c d e",
            "0 2 * * ?",
            "*/0 * * * *",
            "5-1-2 * * * *",
            "1" * 300 + " 1 1 1 1",
        ),
    ],
)
def test_cron_lines_that_mean_no_moment_are_refused(text: str) -> None:
    """Five fields, nothing that only some crons know, and a moment that comes."""
    with pytest.raises(ValueError, match=r"\w"):
        check_cron(text)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "Europe", "../../etc/passwd", "/etc/localtime", "x" * 300, "\0"])
def test_a_time_zone_that_the_system_does_not_know_is_refused(name: str) -> None:
    """Also where the name is that of a folder, or of a file elsewhere."""
    with pytest.raises(ValueError, match="no time zone"):
        check_zone(name)


@given(st.text(alphabet="0123456789*/,-abdefjmnorstuw ", max_size=30))
def test_a_cron_line_is_refused_or_has_a_next_start(text: str) -> None:
    """Nothing that is accepted fails later."""
    try:
        line = check_cron(text)
    except ValueError:
        return
    assert Schedule(cron=line, time_zone=BERLIN).next_start(datetime(2026, 1, 1, tzinfo=UTC))
