"""Outside text, sizes, durations and times as people read them."""

from __future__ import annotations

import sys
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.format import duration, number, safe, size, soon, when

#: Text of all kinds, rich in what joins and piles up.
TEXTS = st.text(st.characters() | st.sampled_from("\U0001f468\U0001f467\u2764\u200d\u200c\ufe0fनक\u094d\u093ea\u0301\u1161"))
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
        ("a\x9b31mb", "a□31mb"),
        ("a\x00\x7f", "a␀␡"),
        ("one\r\ntwo\tthree", "one  two three"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u2028b\u2029c", "a b c"),
        ("pay\u200bpal\ufeff", "paypal"),
        ("\ud800", "□"),
        ("\ufffd", "\ufffd"),
        ("\uf0b7 item \uf123\u0378", "• item □□"),
        ("a\u00a0b\u3000c", "a b c"),
        ("a\U000e0041b", "ab"),
    ],
)
def test_characters_that_act_on_a_terminal_are_made_visible(text: str, shown: str) -> None:
    """Escapes, line breaks, direction changes and invisible characters become signs that do nothing."""
    assert safe(text) == shown


@pytest.mark.parametrize(("blank", "shown"), [(one, "") for one in "\u3164\u115f\u1160\uffa0\u17b4"] + [("\u2800", " ")])
def test_letters_that_look_like_nothing_are_no_letters(blank: str, shown: str) -> None:
    """A filler is a letter for Unicode but nothing for the eye: it is left out, and an empty cell is a blank."""
    assert safe(f"an{blank}na") == f"an{shown}na"


def test_nothing_invisible_is_shown_or_becomes_a_sign() -> None:
    """All format characters, and all that Unicode lets a display ignore: between letters they leave no trace."""
    formats = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"]
    ignored = [*"\u034f\u115f\u180b\ufe0f", "\U000e0100", "\U000e0001", "\U000e007f"]
    assert len(formats) > 150
    assert [hex(ord(one)) for one in (*formats, *ignored) if safe(f"a{one}b") != "ab"] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f466",
        ),
        ("\u2764\ufe0f", "\u2764"),
        ("\u2764\ufe0f\u200d\U0001f525", "\u2764\u200d\U0001f525"),
        ("\U0001f44d\U0001f3fd", "\U0001f44d"),
        ("a\u200db", "ab"),
        ("\U0001f468\u200d", "\U0001f468"),
        ("\U0001f468\u200db", "\U0001f468b"),
    ],
)
def test_pictures_are_joined_as_far_as_a_cell_holds_them(text: str, shown: str) -> None:
    """A family stays one picture; what would not go into one cell is taken apart, and colours of skin are left out."""
    assert safe(text) == shown


def test_joiners_stay_inside_words_of_scripts_that_need_them() -> None:
    """Persian and Indic letters are joined or kept apart by them; between anything else they hide something."""
    for text in ("می\u200cخواهم", "क्\u200dष", "ශ්\u200dරී", "র\u200d্য"):
        assert safe(text) == text
    assert safe("1\u200c2") == "12"
    assert safe("pay\u200cpal\u200d") == "paypal"
    assert safe("م\u200c m") == "م m"


@pytest.mark.parametrize(
    "text",
    [
        "नमस्कार हिन्दी में लिखा है",
        "தமிழ் மொழி",
        "বাংলা ভাষার চিঠি",
        "မြန်မာဘာသာ",
        "ที่นี่ภาษาไทย",
        "שָׁלוֹם בְּרֵאשִׁ֖ית",
        "Tie\u0302\u0301ng Vie\u0323\u0302t",
        "བསྒྲུབས",
    ],
)
def test_writing_of_all_scripts_is_shown_whole(text: str) -> None:
    """Vowels, finals, points and accents stay where they were written."""
    assert safe(text) == text


def test_combining_characters_cannot_pile_up() -> None:
    """Three accents on a letter are kept, a tower of them is not; of a script's own marks as many as a cell holds."""
    assert safe("Z" + "\u0301" * 40) == "Z" + "\u0301" * 3
    assert safe("\u1112" + "\u1161" * 40) == "\u1112" + "\u1161" * 3
    assert len(safe("ก" + "\u0e49" * 40)) == 7


def test_a_mark_without_a_letter_gets_one() -> None:
    """A mark at the beginning would be drawn onto what stands before the text: it gets a circle of its own."""
    assert safe("\u0301abc") == "◌\u0301abc"


def test_long_text_is_cut_with_an_ellipsis() -> None:
    """Nothing is longer than the limit, and what is missing shows."""
    assert safe("x" * 10_000) == "x" * 999 + "…"
    assert safe("ü" * 30, 10) == "ü" * 9 + "…"


@given(TEXTS, st.integers(2, 50))
def test_safe_text_is_one_line_of_visible_characters(text: str, limit: int) -> None:
    """Any input gives at most one line of visible characters, joiners inside words and pictures excepted."""
    shown = safe(text, limit)
    assert len(shown) <= limit + 1
    assert [c for c in shown if unicodedata.category(c) in NOTHING_TO_SEE and c not in "\u200c\u200d"] == []


@given(TEXTS)
def test_safe_text_is_safe_again(text: str) -> None:
    """A safe text is left alone the second time, so layers need not know of each other."""
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
