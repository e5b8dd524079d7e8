"""The index of the search: made anew where it does not fit or is damaged, and past messages that cannot be read."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.search import folding, search_index
from core.archive.search.index_row import Lack
from core.archive.search.query import parse
from core.archive.search.search import Search
from core.archive.search.search_index import Index, IndexState, glance
from core.errors import BusyError, DamagedError
from core.message import content as reader
from core.problems.volume import BEING_MADE
from tests import searches
from tests.homes import begin, change, rows, store
from tests.searches import MAIL, behind, catch_up, found, mail

indexed = searches.indexed
archive = searches.archive

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


async def test_a_catalog_that_is_damaged_is_not_taken_for_the_index(archive: Archive) -> None:
    """Damage elsewhere is told as what it is."""
    await archive.database.read("DROP TABLE placement")
    search = await Search.open(archive)
    with pytest.raises(DamagedError):
        await search.page(parse("user:alice"))
    await search.close()
