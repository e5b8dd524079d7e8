"""Numbers with separators as one word, on both sides of a search."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.search.numbers import compact, one, spaced


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.000,50", ["1000050", "10000"]),
        ("10,000.50 EUR", ["1000050", "10000"]),
        ("10'000.50", ["1000050", "10000"]),
        ("EUR 10\u202f000,50.", ["1000050", "10000"]),
        ("10000,50", ["1000050"]),
        ("1.234.567", ["1234567"]),
        ("(9,000)", ["9000"]),
        ("9,50", []),
        ("Rechnung 2020 10 000,50", ["1000050", "10000"]),
        ("IBAN: DE89 3704 0044 0532 0130 00, BIC", ["de89370400440532013000"]),
        ("DE89370400440532013000", []),
        ("GB29 NWBK 6016 1331 9268 19.", ["gb29nwbk60161331926819"]),
        ("+49 (0)30 / 1234-567", ["49301234567"]),
        ("(030) 123 45 67", ["0301234567"]),
        ("2020-06-01", ["20200601"]),
        ("4711-0815", ["47110815"]),
        ("4111 1111 1111 1111, 1234 5678", ["4111111111111111"]),
        ("EUR10.000,50 CHF10'000.50 Nr.10.000", ["1000050", "10000"]),
        ("a word", []),
        ("x10.000y", []),
    ],
)
def test_numbers_are_one_word(text: str, words: list[str]) -> None:
    """However they are set apart; what needs no other word has none."""
    assert compact(text) == words


@pytest.mark.parametrize(
    ("text", "at", "number"),
    [
        ("DE89 3704 0044 0532 0130 00 steel", 0, "DE89 3704 0044 0532 0130 00"),
        ("a 10 000,50", 2, "10 000,50"),
        ("300 steel", 0, ""),
        ("030 1234567) x", 0, "030 1234567"),
        ("+49 (0)30 1234567", 0, "+49 (0)30 1234567"),
        ("030 1234 -4711", 0, "030 1234"),
        ("0800 -4711", 0, ""),
    ],
)
def test_a_number_with_blanks_is_one_term(text: str, at: int, number: str) -> None:
    """As it is typed, to its end."""
    assert spaced(text, at) == number


@given(st.text(alphabet=" 0123456789.,'+-/()aDE\u00a0"))
def test_a_whole_number_is_the_first_of_its_words(text: str) -> None:
    """A searched word is among the indexed ones."""
    if word := one(text):
        assert word in compact(text.strip())


@pytest.mark.parametrize("piece", ["1", "1.", "12 345 ", "AB12 3456 7890 ", "0 ", "+1 2", "1'", "ab12", "(0", "00-"])
def test_time_grows_with_the_size(piece: str) -> None:
    """Eight times as much takes nowhere near sixty-four times as long."""
    times = []
    for size in (30_000, 240_000):
        begun = time.process_time()
        compact(piece * (size // len(piece)))
        times.append(max(time.process_time() - begun, 0.002))
    assert times[1] / times[0] < 32
