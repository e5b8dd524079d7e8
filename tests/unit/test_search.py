"""Search: results, their order, pages, and an index that can be lost at any time."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import config
from core.archive.archive import Archive
from core.archive.read.selection import Selection, select
from core.archive.registry import users
from core.archive.search import folding, search_index
from core.archive.search import search as finding
from core.archive.search.found import found_by
from core.archive.search.index_row import Lack
from core.archive.search.query import QueryError, parse
from core.archive.search.search import Cursor, Order, Search
from core.archive.search.search_index import Index, IndexState, glance
from core.archive.search.statement import expression
from core.config import Home
from core.errors import BusyError, DamagedError
from core.message import content as reader
from core.problems.code import Code
from core.problems.search import NO_FOLDER, NO_USER
from core.problems.volume import BEING_MADE
from tests import homes
from tests.homes import ALICE, archived, begin, change, rows, store
from tests.support import coded

FOLDER = f"{ALICE}/INBOX"


def mail(number: int, subject: str = "", body: str = "Text", *headers: str, day: int = 1) -> bytes:
    """A message of the day ``day`` of May 2024."""
    lines = [
        f"From: Sender {number} <sender{number}@example.test>",
        f"To: {ALICE}",
        f"Subject: {subject or f'Number {number}'}",
        f"Date: {day} May 2024 12:{number % 60:02}:00 +0000",
        *headers,
    ]
    if not any(header.lower().startswith("content-type") for header in headers):
        lines.append("Content-Type: text/plain; charset=utf-8")
    return ("\r\n".join(lines) + f"\r\n\r\n{body}\r\n").encode()


MULTIPART = 'Content-Type: multipart/mixed; boundary="b"'
ATTACHED = (
    "--b\r\nContent-Type: text/html\r\n\r\n<p>Quarterly <b>fig</b>ures</p>\r\n"
    '--b\r\nContent-Type: application/pdf; name="Angebot Überblick.pdf"\r\n'
    "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--"
)
MAIL = {
    1: mail(1, "Offer for steel", "Müller asks for a price", day=1),
    2: mail(2, "Re: Offer for steel", "We take it for 300", "Cc: carla@example.test", day=2),
    3: mail(3, "Holiday", "Steel and straße", day=3),
    4: mail(4, "Report", ATTACHED, MULTIPART, day=4),
    5: mail(5, "東京タワー", "the offer stands", day=5),
}


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """An archive with five messages of alice, indexed; to be copied and not touched."""

    async def make() -> Home:
        archive = await begin(tmp_path_factory.mktemp("indexed") / "home")
        await store(archive, MAIL)
        await catch_up(archive)
        await archive.close()
        return archive.home

    return asyncio.run(make())


@pytest.fixture
async def archive(indexed: Home, tmp_path: Path) -> AsyncIterator[Archive]:
    """A copy of it, open."""
    archive = await Archive.open(Home(Path(shutil.copytree(indexed.path, tmp_path / "home"))))
    yield archive
    await archive.close()


async def catch_up(archive: Archive) -> None:
    index = await Index.open(archive)
    try:
        while await index.step():
            pass
    finally:
        await index.close()


async def behind(archive: Archive) -> int:
    """Messages that an index that is opened now has not."""
    index = await Index.open(archive)
    try:
        return await index.behind()
    finally:
        await index.close()


async def found(archive: Archive, text: str, *, order: Order = Order.NEWEST) -> list[int]:
    """The numbers of what a query finds, after a look at what the count says."""
    search = await Search.open(archive)
    try:
        query = parse(text)
        page = await search.page(query, order=order, limit=100)
        assert await search.count(query) == len(page.hits)
        assert sorted([number async for number in search.ids(query)]) == sorted(hit.id for hit in page.hits)
        return [hit.id for hit in page.hits]
    finally:
        await search.close()


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


# -- broken mail


async def test_damaged_messages_are_indexed_as_far_as_known_and_named(tmp_path: Path) -> None:
    """An unreadable message is found by its subject, kept among the problems, and read once it is repaired."""
    archive = await begin(tmp_path / "home")
    await store(archive, MAIL)
    home = archive.home
    await archive.close()
    part = rows(home.volume(1), "SELECT data FROM part WHERE id = 3")[0][0]
    change(home.volume(1), "UPDATE part SET data = x'00' WHERE id = 3")
    archive = await Archive.open(home)
    await catch_up(archive)
    index = await Index.open(archive)
    problem = (await index.problems())[0]
    assert (problem.message, problem.lack) == (3, Lack.DAMAGED)
    assert "Part 3" in problem.reason
    assert await glance(archive) == IndexState(behind=0, partly=0, damaged=1)
    assert await index.again() == 0
    assert await found(archive, "holiday") == [3]
    assert await found(archive, "strasse") == []
    with closing(sqlite3.connect(home.volume(1))) as connection:
        connection.execute("UPDATE part SET data = ? WHERE id = 3", (part,))
        connection.commit()
    assert await index.again() == 1
    assert await index.problems() == []
    assert await glance(archive) == IndexState(behind=0, partly=0, damaged=0)
    assert await found(archive, "holiday") == [3]
    assert await found(archive, "strasse") == [3]
    await index.database.read("INSERT INTO text (text) VALUES ('integrity-check')")
    await index.close()
    await archive.close()


async def test_a_message_whose_file_is_busy_is_read_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is wrong with it: no gap is noted, which would keep it from ever being tried again."""
    archive = await begin(tmp_path / "home")
    await store(archive, MAIL)

    def busy(text: Any) -> Any:
        raise BusyError(BEING_MADE())

    monkeypatch.setattr("core.archive.search.index_document.content.read", busy)
    with pytest.raises(BusyError):
        await catch_up(archive)
    monkeypatch.undo()
    await catch_up(archive)
    assert await found(archive, "strasse") == [3]
    assert await glance(archive) == IndexState(behind=0, partly=0, damaged=0)
    await archive.close()


@pytest.mark.parametrize("part", ["content.read", "folding.folded", "archive"])
async def test_an_error_over_one_message_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    """It is named with its traceback, the others are found by their words, it is found by its place, and not tried again."""
    archive = await begin(tmp_path / "home")
    await store(archive, MAIL)

    def failing(text: Any) -> Any:
        if b"Holiday" in text if isinstance(text, bytes) else "Holiday" in text:
            raise RecursionError("pass" + "word")
        return (read if isinstance(text, bytes) else folded)(text)

    read, folded = reader.read, folding.folded
    if part == "archive":
        # Text that no database takes.
        monkeypatch.setattr(folding, "folded", lambda text: "\ud800" if "Holiday" in text else folded(text))
    else:
        monkeypatch.setattr(f"core.archive.search.index_document.{part}", failing)
    await catch_up(archive)
    monkeypatch.undo()
    assert await found(archive, "offer") == [5, 2, 1]
    assert await found(archive, "strasse") == []
    assert 3 in await found(archive, "folder:INBOX")
    index = await Index.open(archive)
    problem = (await index.problems())[0]
    assert (problem.message, problem.lack) == (3, Lack.FAILED)
    assert await glance(archive) == IndexState(behind=0, partly=0, damaged=0, failed=1)
    assert search_index.unreadable(archive.home) == 1
    assert await index.again() == 0
    await index.close()
    await archive.close()
    assert "message 3 " in caplog.text
    assert "index_document.py" in caplog.text
    assert "password" not in caplog.text


async def test_mail_read_in_part_is_kept_with_its_reason(tmp_path: Path) -> None:
    """Unreadable parts are reported, and the rest is found."""
    archive = await begin(tmp_path / "home")
    encrypted = mail(1, "Secret", "AAAA", "Content-Type: application/pkcs7-mime; name=smime.p7m")
    await store(archive, {1: encrypted, 2: b"", 3: b"no header at all"})
    await catch_up(archive)
    index = await Index.open(archive)
    problems = {one.message: one for one in await index.problems()}
    assert all(one.lack is Lack.PARTLY for one in problems.values())
    assert "S/MIME" in problems[1].reason
    assert "header" in problems[3].reason
    await index.close()
    assert await found(archive, "secret filename:smime.p7m") == [1]
    assert await found(archive, "header") == [3]
    await archive.close()


# -- an index that can be lost


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE state SET version = 0",
        "UPDATE state SET archive_id = 'another'",
        "UPDATE doc SET digest = digest + 1",
        "DELETE FROM state",
        "DROP TABLE doc",
        "DROP TABLE text_data",
    ],
)
async def test_an_index_that_does_not_fit_is_made_anew(
    archive: Archive, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    """Another version, another archive, other numbers, missing tables: made anew, with a word in the log."""
    change(archive.home.search, statement)
    with caplog.at_level(logging.WARNING):
        assert await behind(archive) == 5
    assert (await glance(archive)).behind == 5
    assert "made anew" in caplog.text
    await catch_up(archive)
    assert await found(archive, "offer") == [5, 2, 1]


@pytest.mark.parametrize("content", [b"", b"no database at all" * 1000])
async def test_a_damaged_file_is_made_anew(archive: Archive, content: bytes) -> None:
    """A file that is no index any more is replaced."""
    archive.home.search.write_bytes(content)
    assert await found(archive, "offer") == []
    await catch_up(archive)
    assert await found(archive, "offer") == [5, 2, 1]


async def test_damage_that_shows_only_when_searching_is_mended_too(archive: Archive, caplog: pytest.LogCaptureFixture) -> None:
    """Zeroed pages in the middle are noticed by the search, which begins the index anew."""
    size = archive.home.search.stat().st_size
    search = await Search.open(archive)
    with archive.home.search.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    await search.index.database.configure(["cache_size = 1", "shrink_memory"])
    page = await search.page(parse("offer"))
    assert (page.hits, await search.behind()) == ((), 5)
    assert "made anew" in caplog.text
    await search.close()
    await catch_up(archive)
    assert await found(archive, "offer") == [5, 2, 1]


async def test_a_catalog_made_anew_in_another_order_is_noticed(archive: Archive) -> None:
    """Hits are compared with the catalog: one with another SHA-256 is not shown as what it is not."""
    search = await Search.open(archive)
    await archive.database.read("UPDATE message SET sha256 = zeroblob(32) WHERE id = 2")
    assert (await search.page(parse("offer"))).hits == ()
    assert await search.behind() == 5
    await search.close()


async def test_several_may_index_at_once(tmp_path: Path) -> None:
    """Two that index the same messages at the same moment store each once."""
    archive = await begin(tmp_path / "home")
    await store(archive, MAIL)
    one, other = await Index.open(archive), await Index.open(archive)
    await asyncio.gather(one.step(), other.step())
    assert await one.reached() == await other.reached() == 5
    assert await found(archive, "offer") == [5, 2, 1]
    await one.close()
    await other.close()
    await archive.close()


async def test_a_full_disk_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    """Lack of space is no fault of the index: the same step works when there is space."""
    from core.errors import StorageError

    archive = await begin(tmp_path / "home")
    await store(archive, {number: mail(number, body=" ".join(f"w{number}x{word}" for word in range(5000))) for number in MAIL})
    index = await Index.open(archive)
    pages = await index.database.value("PRAGMA page_count")
    await index.database.configure([f"max_page_count = {pages + 5}"])
    with pytest.raises(StorageError, match="full"):
        await index.step()
    assert await index.behind() == 5
    await index.database.configure(["max_page_count = 1000000"])
    assert await index.step() == 5
    assert await found(archive, "w3x4999") == [3]
    await index.close()
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


async def test_a_catalog_that_is_damaged_is_not_taken_for_the_index(archive: Archive) -> None:
    """Damage elsewhere is told as what it is."""
    await archive.database.read("DROP TABLE placement")
    search = await Search.open(archive)
    with pytest.raises(DamagedError):
        await search.page(parse("user:alice"))
    await search.close()


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
