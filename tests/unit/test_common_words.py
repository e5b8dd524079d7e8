"""Searches for what most messages have: the same results as a plain look at each message, however they are come by."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.search import beginnings, folding, index_row, index_rows, paging, resolving
from core.archive.search import query as language
from core.archive.search.index_row import COLUMNS
from core.archive.search.paging import Total
from core.archive.search.query import Node, parse
from core.archive.search.search import Search
from core.archive.search.search_index import Index, IndexState
from core.cli.search import _counted
from core.config import Home
from tests import homes
from tests.homes import archived, begin

WORDS = (
    *("the", "apple", "ab", "abba", "a", "b", "bob", "12", "1x", "днем", "де", "東京", "über", "straße", "a-b", "x_ya", "€9"),
    *("’quoted’", "Año", "zebra", "zu"),
)
#: How often a word comes: the last ones are rare.
SHARES = (*(1 / (rank + 1) for rank in range(len(WORDS) - 2)), 0.02, 0.02)
FOLDERS = ("INBOX", "Projects", "Rare")
MESSAGES, HALF = 90, 45


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was made: its columns as the index folds them, its owner and folder, and its size."""

    columns: dict[str, str]
    owner: str
    folder: str
    size: int

    def words(self, column: str) -> list[list[str]]:
        """The words of a column, or (empty) of each column."""
        return [re.findall(r"[^\W_]+", text) for name, text in self.columns.items() if column in ("", name)]


def _made() -> tuple[dict[int, Message], dict[int, bytes]]:
    random = Random(4)
    found, raws = {}, {}
    for number in range(1, MESSAGES + 1):
        subject, body = (" ".join(random.choices(WORDS, SHARES, k=random.randint(0, most))) for most in (3, 12))
        sender = f"{random.choice(('anna', 'bob', 'zeno'))}@example.test"
        day = random.randint(1, 28)
        raws[number] = (
            f"From: {sender}\r\nTo: alice@example.test\r\nSubject: {subject}\r\nDate: {day} May 2024 12:00:00 +0000\r\n"
            f"Message-ID: <{number}.x@example.test>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
        ).encode()
        columns = {"subject": subject, "sender": sender, "recipients": "alice@example.test", "body": body}
        columns["ids"] = f"{number}.x@example.test"
        folder = FOLDERS[2] if number % 30 == 0 else FOLDERS[number % 2]
        owner = "alice" if number % 3 else "carol"
        folded = {name: folding.indexed(columns.get(name, "")) for name in COLUMNS}
        found[number] = Message(folded, owner, folder, len(raws[number]))
    return found, raws


MADE, RAWS = _made()


@pytest.fixture(scope="module", params=[HALF, MESSAGES], ids=["half", "whole"])
def indexed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, int]:
    """An archive of all messages, and the number of those that are indexed."""

    async def make() -> Home:
        archive = await begin(tmp_path_factory.mktemp("common") / "home")
        await users.add(archive, "carol", ["carol@example.test"])
        owners = {name: (await users.find(archive, name)).id for name in ("alice", "carol")}
        ready = await archive.writer.prepare(list(RAWS.values()))
        drafts = []
        for (number, raw), _ in zip(RAWS.items(), ready.messages, strict=True):
            made = MADE[number]
            drafts.append(archived({number: raw}, owner=owners[made.owner], folder=made.folder))
        await archive.append(drafts, ready)
        index = await Index.open(archive)
        assert await index.step(request.param) == request.param
        await index.close()
        await archive.close()
        return archive.home

    return asyncio.run(make()), request.param


def _meets(message: Message, number: int, term: Node) -> bool:
    """True if a message meets a term, by a plain look at its words."""
    match term:
        case language.Not():
            return not _meets(message, number, term.term)
        case language.All():
            return all(_meets(message, number, one) for one in term.terms)
        case language.Any():
            return any(_meets(message, number, one) for one in term.terms)
        case language.Words():
            return any(_stands(list(term.words), term.prefix, words) for words in message.words(term.column))
        case language.InFolder():
            return message.folder.casefold() == term.name
        case language.OfUser():
            return message.owner == term.name
        case language.Sized():
            return message.size > (term.over or 0)
    raise AssertionError(term)


def _stands(phrase: Sequence[str], prefix: bool, words: Sequence[str]) -> bool:
    spaced = f" {' '.join(words)} "
    return f" {' '.join(phrase)}{'' if prefix else ' '}" in spaced


BEGINNINGS = ("a*", "b*", "ab*", "1*", "12*", "д*", "де*", "東*", "z*", "q*", "t*", "st*", "9*")
TERMS = st.sampled_from(
    [
        *(f"{field}{text}" for text in BEGINNINGS for field in ("", "", "subject:", "body:", "from:")),
        *('"the a"*', '"the apple"', '"apple ab"*', "the", "the", "apple", "zebra", "bob", "subject:the", "from:anna"),
        *("folder:INBOX", "folder:Rare", "user:alice", "user:carol", "larger:280", "appl*", "abb*"),
    ]
)
QUERIES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        inner.map(lambda one: f"-({one})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: f"({' '.join(some)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: f"({' OR '.join(some)})"),
    ),
    max_leaves=5,
)


@given(st.lists(QUERIES, min_size=4, max_size=8), st.sampled_from([1, 5, 40, 1000]), st.sampled_from([0.0, 0.3, 1.0]))
@settings(deadline=None, max_examples=40)
def test_the_results_are_those_of_a_plain_look(indexed: tuple[Home, int], queries: list[str], piece: int, share: float) -> None:
    """In any pieces, by lists of words or message by message, page by page and at once, with a part of the mail indexed."""
    home, there = indexed

    async def check() -> None:
        archive = await Archive.open(home)
        search = await Search.open(archive)
        try:
            for text in queries:
                query = parse(text)
                wanted = [n for n, one in MADE.items() if n <= there and all(_meets(one, n, term) for term in query.terms)]
                found = [number async for number in search.ids(query)]
                assert sorted(found) == wanted, text
                pages, cursor = [], None
                while True:
                    page = await search.page(query, after=cursor, limit=7)
                    pages += [hit.id for hit in page.hits]
                    if (cursor := page.next) is None:
                        break
                assert pages == found, text
                assert await search.count(query) == len(wanted), text
                total = await search.total(query)
                assert total == Total(len(wanted), True) or (not total.exact and total.number <= len(wanted)), text
        finally:
            await search.close()
            await archive.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolving, "FEW_MESSAGES", 0)
        patch.setattr(resolving, "SMALL_SHARE", share)
        patch.setattr(resolving, "PAGE", piece - 1)
        for name in ("FIRST_PIECE", "EACH", "PATIENCE", "SMALL_PLACE"):
            patch.setattr(paging, name, piece)
        patch.setattr(paging, "COUNTED", 2 * piece)
        asyncio.run(check())


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("aB9 -_’東дéＡ\u0345\u200b\ud7a3"), max_size=30))
@settings(deadline=None)
def test_a_text_is_taken_apart_as_the_index_does(text: str) -> None:
    """With any characters, so that a beginning is found where the index has a word that begins so."""
    folded = folding.folded(text.replace("\0", " "))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f'CREATE VIRTUAL TABLE one USING fts5 (words, tokenize = "{beginnings.TOKENIZER}")')
        connection.execute("CREATE VIRTUAL TABLE term USING fts5vocab (one, row)")
        connection.execute("INSERT INTO one VALUES (?)", (folded,))
        terms = {row[0] for row in connection.execute("SELECT term FROM term")}
    words = beginnings.words(folded)
    assert {word[:2] for word in words} == {term[:2] for term in terms}
    kept = beginnings.beginnings(words)
    for beginning in {word[:size] for word in words for size in (1, 2)} | {"a", "ab", "9", "b9"}:
        assert (beginnings.signed(beginning) in kept) == any(word.startswith(beginning) for word in words)


async def test_a_common_beginning_is_tested_message_by_message(
    indexed: tuple[Home, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lists of all words that begin so, even beside a rare word; a rare one is sought in them."""
    monkeypatch.setattr(resolving, "FEW_MESSAGES", 0)
    monkeypatch.setattr(resolving, "PAGE", 1)
    archive = await Archive.open(indexed[0])
    search = await Search.open(archive)
    asked: list[str] = []
    await search.index.database.job(
        lambda connection: connection.set_trace_callback(lambda sql: asked.append(sql) if "MATCH" in sql else None)
    )
    for text, matches in (("a*", []), ("a* zebra", ['"zebra"']), ("-a* the", ['"the"']), ("qq*", ['"qq" *'])):
        asked.clear()
        await search.page(parse(text))
        assert len(asked) == len(matches), text
        assert all(f"({match})" in sql for match, sql in zip(matches, asked, strict=True)), text
    await search.close()
    await archive.close()


async def test_more_messages_of_one_second_than_it_has_row_ids_are_all_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those beyond count as of the next second that has any, without a look at each row id between."""
    monkeypatch.setattr(index_row, "NUMBERS", 4)
    monkeypatch.setattr(index_rows, "NUMBERS", 4)
    archive = await begin(tmp_path / "home")
    await homes.store(
        archive,
        {number: b"Subject: same %d\r\nDate: 1 May 2024 12:00:00 +0000\r\n\r\nText\r\n" % number for number in range(1, 31)},
    )
    index = await Index.open(archive)
    while await index.step(10):
        pass
    await index.close()
    search = await Search.open(archive)
    assert sorted([number async for number in search.ids(parse("same"))]) == list(range(1, 31))
    assert await search.index.database.value("SELECT max(id) - min(id) FROM doc") < 40
    await search.close()
    await archive.close()


def test_a_number_that_is_not_known_to_the_end_is_told_as_such() -> None:
    """And never as fewer than those on the page."""
    state = IndexState(0, 0, 0)
    for shown, total, told in (
        (20, Total(798, False), "At least 798 messages found, 20 of them shown."),
        (20, Total(5, False), "At least 20 messages found, 20 of them shown."),
        (20, Total(21, True), "21 messages found, 20 of them shown."),
        (3, Total(3, True), "3 messages found."),
    ):
        assert list(_counted(shown, total, state)) == [told]
