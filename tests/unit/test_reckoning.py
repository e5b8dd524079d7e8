"""Estimated sizes: announced ones as long as they hold, what came when they do not, and a day's share."""

from __future__ import annotations

from datetime import date

import pytest

from core.engine.visit.allowance import MEGABYTE, Allowance
from core.engine.visit.reckoning import UNTOLD, Reckoning
from core.errors import Spent


def test_announced_sizes_are_believed_as_long_as_they_hold() -> None:
    """Small differences are no reason to doubt; a size that is not told is never taken for nothing."""
    reckoning = Reckoning()
    reckoning.learn([1000, 2000, 3000], [1100, 2300, 3300])
    assert reckoning.size(500) == 500
    assert reckoning.size(0) > 0
    assert Reckoning().size(0) == UNTOLD


def test_where_more_comes_than_announced_the_average_counts() -> None:
    """And a larger announcement still does."""
    reckoning = Reckoning()
    reckoning.learn([1] * 4, [1_000_000] * 4)
    assert reckoning.size(1) == 1_250_000
    assert reckoning.size(9_000_000) == 9_000_000


def test_a_days_share_is_set_aside_before_it_comes() -> None:
    """Two mailboxes at once do not take it twice; what did not come is free again; the next day begins anew."""
    today = [date(2026, 5, 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.engine.visit.allowance._today", lambda: today[0])
        share = Allowance(10 * MEGABYTE)
        assert share.take([4 * MEGABYTE] * 3) == 2
        with pytest.raises(Spent) as raised:
            share.take([4 * MEGABYTE])
        assert "2026-05-02" in raised.value.message
        share.settle(8 * MEGABYTE)
        share.received(3 * MEGABYTE)
        assert share.take([4 * MEGABYTE] * 3) == 1
        share.settle(4 * MEGABYTE)
        share.received(8 * MEGABYTE)
        today[0] = date(2026, 5, 2)
        assert share.take([9 * MEGABYTE]) == 1


def test_without_a_share_everything_may_come() -> None:
    """0 is no limit."""
    assert Allowance(0).take([10**12] * 5) == 5


async def test_what_was_kept_of_another_day_does_not_count() -> None:
    """Only today's bytes are carried on."""
    share = Allowance(MEGABYTE)
    share.begin(date(2001, 1, 1), 5 * MEGABYTE)
    assert share.take([1000]) == 1
