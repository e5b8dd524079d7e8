"""The rhythm of verifications: the next due time, in calendar months and in days."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.profiles.rhythm import Rhythm


@pytest.mark.parametrize(
    ("text", "last", "due"),
    [
        ("monthly", "2026-01-31T02:00:00Z", "2026-02-28T02:00:00Z"),
        ("monthly", "2024-01-31T02:00:00Z", "2024-02-29T02:00:00Z"),
        ("monthly", "2026-11-30T23:59:59Z", "2026-12-30T23:59:59Z"),
        ("monthly", "2026-12-05T00:00:00Z", "2027-01-05T00:00:00Z"),
        ("weekly", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
        ("5%", "2026-12-31T12:00:00Z", "2027-01-01T12:00:00Z"),
    ],
)
def test_when_it_is_due_again(text: str, last: str, due: str) -> None:
    """A month after the last one is the same day, or the last one of a shorter month."""
    assert Rhythm.parse(text).following(datetime.fromisoformat(last)) == datetime.fromisoformat(due)


def test_off_is_never_due() -> None:
    """However long ago the last one was."""
    assert Rhythm.parse("off").following(datetime(1970, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("off", "not by itself"), ("monthly", "everything, monthly"), ("2%", "2 % of everything, daily")],
)
def test_a_rhythm_is_said_in_words(text: str, sentence: str) -> None:
    """And its own text says it again."""
    assert Rhythm.parse(text).sentence() == sentence
    assert str(Rhythm.parse(text)) == text
