"""By when the archive's disk is full."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from core.archive.read.forecast import LONGEST, Growth, forecast
from core.archive.read.statistics import MailSum
from core.archive.store.space import DiskUse

TODAY = date(2026, 11, 30)
GB = 10**9


def _disk(free: int = 100 * GB, used: int = 50 * GB) -> DiskUse:
    return DiskUse(volumes=used, catalog=0, log=7 * GB, other=0, free=free, total=free + used)


def _grown(days: Mapping[int, int], age: int, total: int = 100 * GB) -> Growth:
    """``days``: bytes by days ago; ``age``: days since the first mail."""
    kept = {TODAY - timedelta(days=ago): MailSum(1, size) for ago, size in days.items()}
    return Growth(MailSum(1, total), kept, TODAY - timedelta(days=age))


def _steady(size: int, days: int = 40) -> dict[int, int]:
    return dict.fromkeys(range(days), size)


def test_steady_growth_is_carried_on() -> None:
    """By the share that mail takes on disk: here a half."""
    found = forecast(_grown(_steady(2 * GB), 400), _disk(), TODAY)
    assert found is not None
    assert (found.days, found.per_day, found.until) == (100, GB, TODAY + timedelta(days=100))


@pytest.mark.parametrize(("age", "told"), [(0, False), (1, False), (7, False), (8, True), (30, True)])
def test_less_than_a_week_is_no_ground(age: int, told: bool) -> None:
    """The first day does not count: it brings what there was before."""
    assert (forecast(_grown(_steady(2 * GB), age), _disk(), TODAY) is not None) == told


def test_the_first_day_is_no_growth() -> None:
    """After a week, the run that brought the mail of years is left out."""
    found = forecast(_grown({**_steady(2 * GB, 8), 8: 5000 * GB}, 8), _disk(), TODAY)
    assert found is not None
    assert found.per_day == GB


def test_one_large_import_is_no_trend_and_weekends_are_none() -> None:
    """The middle one of four weeks."""
    days = {ago: 2 * GB for ago in range(1, 29) if ago % 7 > 1}
    steady = forecast(_grown(days, 400), _disk(), TODAY)
    imported = forecast(_grown({**days, 9: 900 * GB}, 400), _disk(), TODAY)
    assert steady is not None
    assert steady.per_day == GB * 5 // 7
    assert imported == steady


def test_today_does_not_count() -> None:
    """It is not over."""
    assert forecast(_grown({**_steady(2 * GB), 0: 0}, 400), _disk(), TODAY) == forecast(
        _grown({**_steady(2 * GB), 0: 90 * GB}, 400), _disk(), TODAY
    )


def test_nothing_is_told_where_nothing_grows_or_space_is_for_years() -> None:
    """Nor of an empty archive; a full disk is full today."""
    assert forecast(_grown({}, 400), _disk(), TODAY) is None
    assert forecast(Growth(MailSum(), {}, None), _disk(), TODAY) is None
    assert forecast(_grown(_steady(2 * GB), 400), _disk(free=GB * (LONGEST + 1)), TODAY) is None
    full = forecast(_grown(_steady(2 * GB), 400), _disk(free=0), TODAY)
    assert full is not None
    assert (full.days, full.until) == (0, TODAY)
