"""Ages as administrators write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.profiles.age import Age

MOMENTS = st.integers(631_152_000, 3_786_912_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
AGES = st.builds(Age, st.integers(1, 900), st.sampled_from(["day", "week", "month"]))


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("30 days", Age(30, "day")),
        ("1 Day", Age(1, "day")),
        (" 6weeks ", Age(6, "week")),
        ("3 months", Age(3, "month")),
        ("10 YEARS", Age(10, "year")),
    ],
)
def test_an_age_is_a_number_and_a_unit(text: str, age: Age) -> None:
    """One or many, with or without a blank, in any case."""
    assert Age.parse(text) == age
    assert Age.parse(str(age)) == age


@pytest.mark.parametrize(
    "text", ["", "3", "months", "3 moons", "0 days", "-1 day", "1.5 years", "201 years", "90000 days", "٣ days"]
)
def test_a_text_that_is_no_age_is_refused(text: str) -> None:
    """Another unit, no number, nothing at all, and more years than any mail has."""
    with pytest.raises(ValueError, match="is no age"):
        Age.parse(text)


def test_months_are_those_of_the_calendar() -> None:
    """A month before the 31st of March is the last of February; a year before 29 February the 28th."""
    march = datetime(2024, 3, 31, 12, tzinfo=UTC)
    assert Age(1, "month").before(march) == datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert Age(1, "year").before(datetime(2024, 2, 29, tzinfo=UTC)) == datetime(2023, 2, 28, tzinfo=UTC)
    assert Age(3, "month").before(datetime(2024, 1, 15, tzinfo=UTC)) == datetime(2023, 10, 15, tzinfo=UTC)
    assert Age(2, "week").before(march) == march - timedelta(days=14)


@given(AGES, MOMENTS)
def test_an_age_ago_lies_in_the_past_and_later_moments_later(age: Age, moment: datetime) -> None:
    """Never in the future, and never out of order."""
    assert age.before(moment) < moment
    assert age.before(moment) <= age.before(moment + timedelta(hours=1))
    assert Age(age.count + 1, age.unit).before(moment) < age.before(moment)
