"""Search: results, their order, pages, and an index that can be lost at any time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import config
from core.archive.archive import Archive
from core.archive.read.selection import Selection, select
from core.archive.registry import users
from core.archive.search import search as finding
from core.archive.search.found import found_by
from core.archive.search.query import QueryError, parse
from core.archive.search.search import Cursor, Order, Search
from core.archive.search.statement import expression
from core.problems.code import Code
from core.problems.search import NO_FOLDER, NO_USER
from tests import homes, searches
from tests.homes import ALICE, archived, begin, store
from tests.searches import MAIL, behind, catch_up, found, mail
from tests.support import coded

indexed = searches.indexed
archive = searches.archive

FOLDER = f"{ALICE}/INBOX"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("offer", [5, 2, 1]),
        ("OFFER steel", [2, 1]),
        ('"offer for steel"', [2, 1]),
        ('"steel offer"', []),
        ("offer -steel", [5]),
        ("-offer", [4, 3]),
        ("-offer -report", [3]),
        ("price OR holiday", [3, 1]),
        ("offer price OR 300", [2, 1]),
        ("(offer price) OR holiday", [3, 1]),
        ("-(offer price) steel", [3, 2]),
        ("mueller", [1]),
        ("MÜLLER", [1]),
        ("muller", [1]),
        ("strasse", [3]),
        ("quart*", [4]),
        ("quart", []),
        ("figures", [4]),
        ("タワー", [5]),
        ("京タ", [5]),
        ("from:sender2", [2]),
        ("from:sender2@example.test", [2]),
        ("to:alice", [5, 4, 3, 2, 1]),
        ("cc:carla", [2]),
        ("subject:steel", [2, 1]),
        ("body:steel", [3]),
        ("filename:angebot", [4]),
        ("filename:ueberblick.pdf", [4]),
        ("has:attachment", [4]),
        ("-has:attachment steel", [3, 2, 1]),
        ("before:2024-05-03", [2, 1]),
        ("after:2024-05-04", [5, 4]),
        ("on:2024-05-03", [3]),
        ("on:2024", [5, 4, 3, 2, 1]),
        ("on:2023 OR on:2024-05-02", [2]),
        ("offer after:2024-05-02 before:2024-05-05", [2]),
        ("larger:1", [5, 4, 3, 2, 1]),
        ("smaller:1", []),
        ("larger:1MB OR holiday", [3]),
        ("user:alice offer", [5, 2, 1]),
        (f"user:{ALICE} holiday", [3]),
        ("-user:alice", []),
        ("folder:inbox", [5, 4, 3, 2, 1]),
        (f"folder:{ALICE}", [5, 4, 3, 2, 1]),
        ("folder:inb* holiday", [3]),
        ("-folder:inbox OR holiday", [3]),
        ("id:3", [3]),
        ("holiday OR id:1", [3, 1]),
        ('" NEAR(offer steel) "', []),
    ],
)  # fmt: skip
async def test_queries_find_what_they_say(archive: Archive, text: str, numbers: list[int]) -> None:
    """Every kind of term finds the messages that it describes and no others, the newest first."""
    assert await found(archive, text) == numbers


async def test_a_sha256_finds_its_message(archive: Archive) -> None:
    """The first digits of a message's SHA-256 are as good as its number."""
    digest = await archive.database.value("SELECT hex(sha256) FROM message WHERE id = 4")
    assert await found(archive, f"id:{digest[:12]}") == [4]


async def test_hits_say_where_a_message_lies(archive: Archive) -> None:
    """A hit has what a list shows, with user and folder."""
    search = await Search.open(archive)
    hit = (await search.page(parse("holiday"))).hits[0]
    await search.close()
    assert (hit.subject, hit.user, hit.folder, hit.attachments) == ("Holiday", "alice", FOLDER, 0)
    assert hit.sha256 == await archive.database.value("SELECT sha256 FROM message WHERE id = 3")


async def test_moves_count_at_once(archive: Archive) -> None:
    """A message is found in the folder where it is now, without being indexed again."""
    owner = (await users.find(archive, "alice")).id
    move = ["INBOX", 7, 3, f"{ALICE}/Done", "Done", 3, 1, 100, 1_700_000_000, ""]
    payload = {"run": 1, "source": "imap://alice@example.test@mail.example.test", "owner": owner, "moves": [move]}
    await archive.append([homes.draft("moved", payload)])
    assert await found(archive, "folder:done") == [3]
    assert await found(archive, "folder:inbox holiday") == []
    search = await Search.open(archive)
    assert [hit.folder for hit in (await search.page(parse("folder:done"))).hits] == [f"{ALICE}/Done"]
    await search.close()


async def test_a_copy_for_somebody_else_is_shown_in_the_wanted_place(archive: Archive) -> None:
    """A message with two places is shown at the requested one, and both conditions mean one place."""
    bob = (await users.add(archive, "bob", ["bob@example.test"]))[0]
    ready = await archive.writer.prepare([MAIL[3]])
    payload = {"run": 2, "source": "imap://bob@mail.example.test", "owner": bob.id, "folder": "bob/Later"}
    rows_ = [[ready.messages[0].sha256.hex(), 1, 10, None, ""]]
    draft = homes.draft("archived", payload | {"server_folder": "Later", "uidvalidity": 1, "messages": rows_})
    await archive.append([draft], ready)
    search = await Search.open(archive)
    for text, places in (
        ("holiday user:bob", [("bob", "bob/Later")]),
        ("holiday user:alice", [("alice", FOLDER)]),
        ("holiday folder:later", [("bob", "bob/Later")]),
        ("holiday user:alice folder:later", []),
    ):
        assert [(hit.user, hit.folder) for hit in (await search.page(parse(text))).hits] == places
    await search.close()


@pytest.mark.parametrize(("text", "position", "code"), [("offer user:nobody", 11, NO_USER), ("-folder:nowhere", 8, NO_FOLDER)])
async def test_an_unknown_user_or_folder_is_an_error_at_its_place(
    archive: Archive, text: str, position: int, code: Code
) -> None:
    """A user or a folder that there is not is said, instead of finding nothing."""
    with pytest.raises(QueryError, check=coded(code)) as caught:
        await found(archive, text)
    assert caught.value.position == position


async def test_the_best_come_first_by_relevance(archive: Archive) -> None:
    """A word in the subject counts for more than one in the text, however old."""
    assert await found(archive, "steel", order=Order.RELEVANCE) in ([1, 2, 3], [2, 1, 3])
    assert (await found(archive, "offer", order=Order.RELEVANCE))[-1] == 5


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("text", ["text", "text -nothing", "larger:1"])
async def test_pages_are_stable_while_mail_comes_in(tmp_path: Path, order: Order, text: str) -> None:
    """Page by page every message that was there comes exactly once, whatever arrives in between."""
    archive = await begin(tmp_path / "home")
    await store(archive, {number: mail(number, day=number % 28 + 1) for number in range(1, 31)})
    await catch_up(archive)
    search = await Search.open(archive)
    seen: list[int] = []
    cursor: Cursor | None = None
    coming = 100
    while True:
        page = await search.page(parse(text), order=order, after=cursor, limit=7)
        seen += [hit.id for hit in page.hits]
        cursor = page.next
        if cursor is None:
            break
        await store(archive, {coming: mail(coming, day=28), coming + 1: mail(coming + 1, day=1)})
        await catch_up(archive)
        coming += 2
    assert len(seen) == len(set(seen))
    assert set(range(1, 31)) <= set(seen)
    await search.close()
    await archive.close()


async def test_messages_of_one_second_are_all_found(tmp_path: Path) -> None:
    """Many messages of one moment, and without any date, have places of their own."""
    archive = await begin(tmp_path / "home")
    await store(archive, {number: mail(1, f"same {number}") for number in range(1, 6)})
    await store(archive, {number: b"Subject: undated\r\n\r\nsame %d\r\n" % number for number in range(6, 9)})
    await catch_up(archive)
    assert sorted(await found(archive, "same")) == list(range(1, 9))
    await archive.close()


async def test_matching_gives_the_numbers_of_all(archive: Archive) -> None:
    """For export and restore: all messages of a query, and the number that could not be found yet."""
    assert await finding.matching(archive, "offer") == ([5, 2, 1], frozenset())
    await store(archive, {9: mail(9)})
    assert await behind(archive) == 1


@given(
    st.text(max_size=30) | st.lists(st.sampled_from([*'ab"()-*:{}^+東', " ", "OR ", "from:", "NEAR(", "id:1 "])).map("".join)
)
@settings(deadline=None, max_examples=150)
def test_no_query_is_more_than_a_query(text: str) -> None:
    """Any typed text is a QueryError or an answer: nothing of it reaches the index's own language."""
    joined = ""
    try:
        joined = " AND ".join(filter(None, map(expression, parse(text).terms)))
    except QueryError:
        return
    if joined:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE VIRTUAL TABLE text USING fts5 (subject, sender, recipients, copies, body, files)")
            connection.execute("SELECT * FROM text WHERE text MATCH ?", (joined,)).fetchall()


async def test_long_queries_are_within_what_the_index_takes(archive: Archive) -> None:
    """As many terms as may be, left out or nested as deep as may be, are answered."""
    assert await found(archive, " ".join(f"-w{number}" for number in range(100))) == [5, 4, 3, 2, 1]
    assert await found(archive, "offer " + " ".join(f"-w{number}" for number in range(99))) == [5, 2, 1]
    assert await found(archive, " OR ".join([*(f"w{number}" for number in range(99)), "holiday"])) == [3]
    assert await found(archive, "(" * 20 + "holiday" + ")" * 20) == [3]
    assert await found(archive, "-(" * 9 + "a -holiday" + ")" * 9) == [5, 4, 3, 2]


def test_an_archive_is_not_begun_in_a_home_of_something_else(tmp_path: Path) -> None:
    """The index belongs to a home like the catalog does."""
    assert {"search.sqlite", "search.sqlite-wal", "search.sqlite-shm"} <= config.OURS


async def test_what_a_query_finds_is_meant_where_it_asks_for_it(archive: Archive) -> None:
    """The same message in another folder, or in another user's archive, was not asked for."""
    await users.add(archive, "carol", ["carol@example.test"])
    owners = [(await users.find(archive, name)).id for name in ("alice", "carol")]
    raw = mail(77, subject="minutes")
    ready = await archive.writer.prepare([raw])
    for owner, folder in ((owners[0], "INBOX"), (owners[0], "Projects"), (owners[1], "INBOX")):
        await archive.append([archived({77: raw}, owner=owner, folder=folder)], ready)
    await catch_up(archive)
    for query, expected in (
        ("subject:minutes", {("alice", "INBOX"), ("alice", "Projects"), ("carol", "INBOX")}),
        ("subject:minutes user:carol", {("carol", "INBOX")}),
        ("subject:minutes folder:Projects", {("alice", "Projects")}),
        ("subject:minutes user:alice folder:INBOX", {("alice", "INBOX")}),
    ):
        folders = await select(archive, await found_by(archive, Selection(), query))
        assert {(folder.user, folder.path.rpartition("/")[2]) for folder in folders} == expected
