"""Outside text, sizes, durations and times as people read them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.format import duration, number, safe, size, soon, when

NOTHING_TO_SEE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize("text", ["Re: Angebot 2024 (Müller & Söhne)", "", "会議の資料", "Привет", "[b]not bold[/b]", "a  b"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """Text that does nothing to a terminal is shown as it was written, brackets included."""
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]2;title\x07", "␛]2;title␇"),
        ("\x1b[2J", "␛[2J"),
        ("a\x9b31mb", "a\ufffd31mb"),
        ("a\x00\x7f", "a␀␡"),
        ("one\r\ntwo\tthree", "one  two three"),
        ("invoice\u202efdp.exe", "invoice\ufffdfdp.exe"),
        ("a\u2028b\u2029c", "a\ufffdb\ufffdc"),
        ("pay\u200bpal\ufeff", "pay\ufffdpal\ufffd"),
        ("\ud800", "\ufffd"),
        ("a\u00a0b\u3000c", "a b c"),
        ("a\U000e0041", "a\ufffd"),
    ],
)
def test_what_acts_on_a_terminal_is_made_visible(text: str, shown: str) -> None:
    """Escapes, line breaks, direction changes and invisible characters become signs that do nothing."""
    assert safe(text) == shown


@pytest.mark.parametrize("blank", ["\u3164", "\u115f", "\u1160", "\uffa0", "\u2800"])
def test_letters_that_look_like_nothing_are_made_visible(blank: str) -> None:
    """A filler is a letter for Unicode but nothing for the eye, so it cannot hide in a name."""
    assert safe(f"an{blank}na") == "an\ufffdna"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\U0001f469\U0001f467"),
        ("\u2764\ufe0f", "\u2764"),
        ("\U0001f44d\U0001f3fd", "\U0001f44d"),
        ("a\u200db", "a\ufffdb"),
    ],
)
def test_what_terminals_measure_differently_is_taken_apart(text: str, shown: str) -> None:
    """Joined and coloured emoji take other columns in every terminal; their parts take the same in all."""
    assert safe(text) == shown


def test_a_non_joiner_stays_inside_a_word_alone() -> None:
    """Persian needs the zero-width non-joiner between letters; between anything else it hides something."""
    assert safe("می\u200cخواهم") == "می\u200cخواهم"
    assert safe("1\u200c2") == "1\ufffd2"


def test_combining_characters_cannot_pile_up() -> None:
    """Three marks on a letter are kept, a tower of them is not."""
    assert safe("Z" + "\u0301" * 40) == "Z" + "\u0301" * 3
    assert safe("\u1112" + "\u1161" * 40) == "\u1112" + "\u1161" * 3


def test_a_mark_without_a_letter_gets_one() -> None:
    """A mark at the beginning would be drawn onto what stands before the text: it gets a circle of its own."""
    assert safe("\u0301abc") == "◌\u0301abc"


def test_long_text_is_cut_with_an_ellipsis() -> None:
    """Nothing is longer than the limit, and what is missing shows."""
    assert safe("x" * 10_000) == "x" * 999 + "…"
    assert safe("ü" * 30, 10) == "ü" * 9 + "…"


@given(st.text(), st.integers(2, 50))
def test_safe_text_is_one_line_of_visible_characters(text: str, limit: int) -> None:
    """Whatever comes in, out comes at most one line of characters that are seen, the non-joiner inside words excepted."""
    shown = safe(text, limit)
    assert len(shown) <= limit + 1
    assert [c for c in shown if unicodedata.category(c) in NOTHING_TO_SEE and c != "\u200c"] == []


@given(st.text())
def test_safe_text_is_safe_again(text: str) -> None:
    """What was made safe once is left alone the second time, so layers need not know of each other."""
    once = safe(text)
    assert safe(once) == once


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (137_000_000, "137 MB"), (4_300_000_000, "4.3 GB"), (999_960, "1.0 MB")],
)
def test_sizes_are_in_decimal_units(count: int, text: str) -> None:
    """Sizes are counted as disks are sold, with one digit where it says something."""
    assert size(count) == text


def test_thousands_are_set_apart() -> None:
    """Large numbers can be read at a glance."""
    assert number(1_240_017) == "1,240,017"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.4, "under 1 s"), (8, "8 s"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_durations_name_their_two_largest_units(seconds: float, text: str) -> None:
    """A duration is as exact as one needs it."""
    assert duration(seconds) == text


def test_moments_are_as_short_as_they_are_clear() -> None:
    """Today has a time, yesterday says so, everything else has its date."""
    now = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    assert when(now, now) == now.astimezone().strftime("%H:%M")
    assert when(now - timedelta(days=1), now).startswith("yesterday ")
    assert when(now - timedelta(days=30), now).startswith("2026-02-")


def test_moments_to_come_are_as_short_as_they_are_clear() -> None:
    """Today has a time, tomorrow says so, everything else has its date; what lies behind is due now."""
    now = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    later = now + timedelta(minutes=1)
    assert soon(now, now) == soon(now - timedelta(days=2), now) == "now"
    assert soon(later, now) == later.astimezone().strftime("%H:%M")
    assert soon(later + timedelta(days=1), now) == later.astimezone().strftime("tomorrow %H:%M")
    assert soon(now + timedelta(days=10), now).startswith("2026-03-20 ")
