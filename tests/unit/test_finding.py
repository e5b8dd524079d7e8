"""Mail that is found by what is in it: messages in messages, links, Message-IDs, numbers however set apart, parts of words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.read import browsing
from core.archive.search import resolving
from core.archive.search.query import QueryError, parse
from core.archive.search.search import Search
from core.archive.search.search_index import bring_up
from core.cli.moments import date_or_arrival
from tests.homes import ALICE, begin, store

FORWARDED = (
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee below.\r\n--b\r\n"
    "Content-Type: message/rfc822\r\n\r\nFrom: Fraud <huber@ext.test>\r\nTo: boss@firma.test\r\nSubject: Inner matter\r\n"
    "Message-ID: <inner@ext.test>\r\n\r\nPlease pay.\r\n--b--\r\n"
)
PAGE = (
    "Content-Type: text/html; charset=utf-8\r\n\r\n<p>Donau&shy;dampf&shy;schiff, Kraft\u200bwerk, Mittel\ufeffst\u00fcck "
    "<a href='https://t.test/?u=https%3A%2F%2Fshop.test%2Fsale' title='Summer bargain'>here</a>"
    "<img alt='Corporate logo' src=a.png>"
)
TEXT = "Content-Type: text/plain; charset=utf-8\r\n\r\n"
#: The INTERNALDATE of a message is that many seconds and its UID.
ARRIVED = 1_700_000_000
MAIL = {
    1: FORWARDED,
    2: PAGE,
    3: f"{TEXT}The amount is 10.000,50 EUR to DE89 3704 0044 0532 0130 00, call +49 (0)30 / 1234-567.",
    4: f"{TEXT}The amount is 10000,50 EUR to DE89370400440532013000, call 49301234567.",
    5: f"{TEXT}See http://plain.test/path about the Zwischenlagerhalle, number 1 234 567, and the "
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz.",
    6: f"{TEXT}begin 644 notes.doc\r\n#86)C\r\n`\r\nend\r\n",
}


@pytest.fixture(scope="module")
async def archive(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Archive]:
    archive = await begin(Path(tmp_path_factory.mktemp("finding")) / "home")
    head = f"From: A <a@example.test>\r\nTo: {ALICE}\r\nSubject: Number"
    messages = {uid: f"{head} {uid}\r\nMessage-ID: <m.{uid}$x@example.test>\r\n{rest}" for uid, rest in MAIL.items()}
    await store(archive, {uid: raw.encode() for uid, raw in messages.items()})
    await bring_up(archive)
    yield archive
    await archive.close()


async def found(archive: Archive, text: str) -> list[int]:
    finder = await Search.open(archive)
    try:
        query = parse(text)
        return sorted([number async for number in finder.ids(query)])
    finally:
        await finder.close()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("from:huber", [1]),
        ("to:boss@firma.test", [1]),
        ('subject:"inner matter"', [1]),
        ("id:inner@ext.test", [1]),
        ("donaudampfschiff", [2]),
        ("kraftwerk mittelstück", [2]),
        ("link:shop.test", [2]),
        ("https://shop.test/sale", [2]),
        ("https://t.test/?u=https%3A%2F%2Fshop.test%2Fsale", [2]),
        ('"summer bargain" "corporate logo"', [2]),
        ("link:plain.test", [5]),
        ("*aufgaben*", [5]),
        ("<m.3$x@example.test>", [3]),
        ("m.3$x@example.test", [3]),
        ("id:<m.3$x@example.test>", [3]),
        ("id:m.3$x@example.test", [3]),
        ("10000,50", [3, 4]),
        ("10.000,50", [3, 4]),
        ("10,000.50", [3, 4]),
        ("10 000,50", [3, 4]),
        ("body:10000,50", [3, 4]),
        ("subject:10000,50", []),
        ("DE89370400440532013000", [3, 4]),
        ("DE89 3704 0044 0532 0130 00", [3, 4]),
        ('"DE89 3704 0044 0532 0130 00"', [3, 4]),
        ("+49 30 1234567", [3, 4]),
        ("1234567", [5]),
        ("-10000,50 amount", []),
        ("*lager*", [5]),
        ("*halle", [5]),
        ("*lager", []),
        ("body:*lager*", [5]),
        ("subject:*lager*", []),
        ("*lager* OR *kraft*", [2, 5]),
        ("-*lager* number", [1, 2, 3, 4, 6]),
        ("(*lager* about) OR donau*", [2, 5]),
        ("*umbe*", [1, 2, 3, 4, 5, 6]),
        ("*nirgends*", []),
        ('"*** number ***" 5', [5]),
        ("filename:notes.doc has:attachment", [6]),
        ("86", []),
    ],
)
async def test_mail_is_found_in_the_ways_people_type(archive: Archive, text: str, numbers: list[int]) -> None:
    """By what people type, in the ways in which they type it."""
    assert await found(archive, text) == numbers


async def test_an_undated_message_is_found_by_its_arrival(archive: Archive) -> None:
    """As the server told it, for lists and for searches by date."""
    found_ones = await browsing.stored(archive, [1, 2])
    assert [(one.date, one.moment) for one in found_ones] == [(None, ARRIVED + 1), (None, ARRIVED + 2)]
    assert await found(archive, "on:2023-11 number") == [1, 2, 3, 4, 5, 6]


def test_the_command_line_says_when_a_message_arrived() -> None:
    """And why its own date is not shown."""
    assert date_or_arrival(ARRIVED, 0, "") == "2023-11-14 22:13 UTC"
    assert date_or_arrival(None, ARRIVED, "") == "received 2023-11-14 22:13 UTC (it has no date of its own)"
    assert date_or_arrival(None, None, "31 Jun") == "unknown (its own date cannot be used: 31 Jun)"


async def test_a_part_of_too_many_words_is_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them would be sought: the error says what to do, and where."""
    monkeypatch.setattr(resolving, "MOST_WORDS", 0)
    with pytest.raises(QueryError, match="More than 0 words have") as refused:
        await found(archive, "steel *lager*")
    assert (refused.value.position, refused.value.hint) == (6, "Write more of it.")


@pytest.mark.parametrize("text", ["*ab*", "*", "*a1b2*"])
def test_too_short_a_part_of_a_word_is_refused(text: str) -> None:
    """Too short a part is in most words, and parts of numbers are not kept."""
    with pytest.raises(QueryError):
        parse(text)
