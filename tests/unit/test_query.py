"""Queries as users type them: their meaning, and the position of errors."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.search import folding
from core.archive.search.query import (
    All,
    Any,
    Attached,
    Dated,
    InFolder,
    Node,
    Not,
    Numbered,
    OfUser,
    QueryError,
    Sized,
    Words,
    parse,
)
from core.problems import search as problems
from core.problems.code import Code

TODAY = date(2024, 5, 31)
ALPHABET = st.sampled_from(
    [*'abé東"()-*:{}^+.\\\0 \tORANDNOT', "OR ", "from:", "on:", "id:", "user:", "larger:", "NEAR(", "AND "]
)


def words(*found: str, column: str = "", prefix: bool = False) -> Words:
    return Words(found, column, prefix)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("offer steel", (words("offer"), words("steel"))),
        ('"offer for steel"', (words("offer", "for", "steel"),)),
        ("-offer", (Not(words("offer")),)),
        ("NOT offer", (Not(words("offer")),)),
        ("a b OR c d", (words("a"), Any((words("b"), words("c"))), words("d"))),
        ("a AND b", (words("a"), words("b"))),
        ("-(a b) OR c", (Any((Not(All((words("a"), words("b")))), words("c"))),)),
        ("offe*", (words("offe", prefix=True),)),
        ('"big offe"*', (words("big", "offe", prefix=True),)),
        ("from:anna@example.test", (words("anna", "example", "test", column="sender"),)),
        ('subject:"two words"', (words("two", "words", column="subject"),)),
        ("TO:bob cc:eve body:x filename:a.pdf", tuple(
            words(*found, column=column)
            for found, column in ((["bob"], "recipients"), (["eve"], "copies"), (["x"], "body"), (["a", "pdf"], "files"))
        )),
        ("has:attachment", (Attached(),)),
        ('folder:"Sent Items"', (InFolder("sent items", False, 7),)),
        ("folder:Proj*", (InFolder("proj", True, 7),)),
        ("user:anna@example.test", (OfUser("anna@example.test", 5),)),
        ("before:2024-05-01", (Dated(None, date(2024, 5, 1)),)),
        ("after:2024-05", (Dated(date(2024, 5, 1), None),)),
        ("on:2023", (Dated(date(2023, 1, 1), date(2024, 1, 1)),)),
        ("on:2023-12", (Dated(date(2023, 12, 1), date(2024, 1, 1)),)),
        ("on:29.02.2024", (Dated(date(2024, 2, 29), date(2024, 3, 1)),)),
        ("on:yesterday", (Dated(date(2024, 5, 30), date(2024, 5, 31)),)),
        ("after:2w", (Dated(date(2024, 5, 17), None),)),
        ("larger:5MB", (Sized(5_000_000, None),)),
        ('smaller:"500 kB"', (Sized(None, 500_000),)),
        ("larger:5M smaller:900", (Sized(5_000_000, None), Sized(None, 900))),
        ("id:1234", (Numbered("1234"),)),
        ("id:DEADBEEF", (Numbered("deadbeef"),)),
        ("Re: 12:30", (words("re"), words("12", "30"))),
        ("http://example.test/a", (words("http", "example", "test", "a"),)),
        ("„Anna Groß“", (words("anna", "gross"),)),
        ("e-mail", (words("e", "mail"),)),
        ("東京", (words("東", "京"),)),
        ("orange NOTE android", (words("orange"), words("note"), words("android"))),
    ],
)  # fmt: skip
def test_queries_mean_what_people_expect(text: str, terms: tuple[Node, ...]) -> None:
    """Every way to ask that is promised is understood."""
    assert parse(text, today=TODAY).terms == terms


@pytest.mark.parametrize(
    ("text", "position", "code", "hint"),
    [
        ("", 0, problems.EMPTY, "Type a word"),
        ("   ", 0, problems.EMPTY, "Type a word"),
        ('steel "offer', 6, problems.QUOTATION_NOT_CLOSED, "Add"),
        ("steel (a b", 6, problems.NOT_CLOSED, "Add"),
        ("steel )", 6, problems.NOT_OPENED, "Take it away"),
        ("a ()", 2, problems.NOTHING_INSIDE, "Take them away"),
        ("OR a", 0, problems.NOTHING_BEFORE_OR, "quotes"),
        ("a OR", 4, problems.NOTHING_AFTER_OR, "quotes"),
        ("a OR OR b", 5, problems.NOTHING_AFTER_OR, "quotes"),
        ("a AND", 5, problems.AND_ALONE, "quotes"),
        ("a -", 2, problems.NOTHING_LEFT_OUT, "-word"),
        ("steel !!!", 6, problems.NO_WORD, "words and numbers"),
        ("subjekt:steel", 0, problems.FIELD_MISSPELT, "subject:"),
        ("foo:steel", 0, problems.NO_FIELD, "quotes"),
        ("x from:", 2, problems.NO_VALUE, "from:word"),
        ("has:wings", 4, problems.NO_PROPERTY, "has:attachment"),
        ("on:2023-02-29", 3, problems.NO_DAY, "2024-05-31"),
        ("on:soon", 3, problems.NO_DATE, "yesterday"),
        ("larger:big", 7, problems.NO_SIZE, "500kB"),
        ("id:xyz", 3, problems.NO_ID, "SHA-256"),
        ('folder:"/"', 7, problems.NO_FOLDER_NAME, "folder:INBOX"),
        ("a " * 101, 200, problems.TOO_MANY_TERMS, "Leave out"),
        ("(" * 30 + "a" + ")" * 30, 21, problems.TOO_DEEP, "parentheses"),
        ("a" * 4001, 4000, problems.TOO_LONG, "Leave out"),
    ],
)
def test_errors_point_at_the_spot_and_name_the_remedy(text: str, position: int, code: Code, hint: str) -> None:
    """An error has its position and the text to write instead."""
    with pytest.raises(QueryError) as caught:
        parse(text, today=TODAY)
    assert (caught.value.position, caught.value.exit_code) == (position, 2)
    assert caught.value.reason.code == code
    assert hint in caught.value.hint


@given(st.text() | st.lists(ALPHABET).map("".join))
def test_any_text_is_understood_or_refused(text: str) -> None:
    """Any text gives a query or a QueryError that points into the text."""
    refused: QueryError | None = None
    try:
        terms = parse(text, today=TODAY).terms
    except QueryError as error:
        refused, terms = error, ()
    if refused is None:
        assert terms
        assert all(word.isalnum() for word in _words(terms))
    else:
        assert 0 <= refused.position <= len(text)
        assert refused.hint


def _words(terms: tuple[Node, ...]) -> list[str]:
    found: list[str] = []
    for term in terms:
        if isinstance(term, Words):
            found += term.words
        elif isinstance(term, Not):
            found += _words((term.term,))
        elif isinstance(term, All | Any):
            found += _words(term.terms)
    return found


@pytest.mark.parametrize(
    "spellings",
    [
        ("Müller", "MUELLER", "mu\u0308ller", "Muller"),
        ("Straße", "STRASSE", "strasse"),
        ("Ærø", "aero", "ARO"),
        ("İstanbul", "istanbul", "ISTANBUL"),
        ("café", "CAFE", "ｃａｆｅ"),
        ("Łódź", "lodz"),
        ("Größenänderung", "groessenaenderung", "GROSSENANDERUNG"),
    ],
)
def test_spellings_of_a_word_are_one_word(spellings: tuple[str, ...]) -> None:
    """Case, accents, umlauts written out and widths make no difference."""
    assert len({tuple(folding.words(one)) for one in spellings}) == 1


@given(st.text(st.characters(categories=["L", "N"], max_codepoint=0x24F), min_size=1, max_size=40), st.data())
def test_the_beginning_of_a_word_stays_its_beginning(word: str, data: st.DataObject) -> None:
    """A matching prefix still matches when both are folded."""
    cut = data.draw(st.integers(1, len(word)))
    assert "".join(folding.words(word)).startswith("".join(folding.words(word[:cut])))


def test_scripts_without_blanks_are_taken_by_character() -> None:
    """A part of a Chinese, Japanese, Korean or Thai text is found wherever it stands."""
    assert folding.words("東京タワー") == ["東", "京", "タ", "ワ", "ー"]
    assert folding.words("한국어 mail") == ["한", "국", "어", "mail"]
    assert len(folding.words("ภาษาไทย")) > 3
