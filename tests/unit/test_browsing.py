"""Folders and their messages, from any position, as at the opening of a list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.read import browsing
from core.archive.registry import users
from core.model import moment
from tests import homes
from tests.homes import ALICE, SOURCE


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


def dated(number: int, date: str) -> bytes:
    """A message with a Date header, or with an unreadable one."""
    return f"From: a@example.test\r\nTo: {ALICE}\r\nSubject: {number}\r\nDate: {date}\r\n\r\nx\r\n".encode()


def day(number: int) -> bytes:
    return dated(number, f"{number:02} Jan 2024 10:00:00 +0000")


async def only(archive: Archive, path: str = f"{ALICE}/INBOX") -> browsing.FolderEntry:
    owner = (await users.find(archive, "alice")).id
    [found] = [folder for folder in await browsing.folders(archive, owner) if folder.path == path]
    return found


async def subjects(archive: Archive, folder: int, seq: int, offset: int = 0, limit: int = 100) -> list[str]:
    total = await browsing.count(archive, folder, seq)
    found = await browsing.page(archive, folder, seq, total, offset=offset, limit=limit)
    return [one.subject for one in found]


async def test_messages_are_listed_newest_first_from_any_place_on(archive: Archive) -> None:
    """The same order from either end, in pages of any size; a page past the end is empty."""
    await homes.store(archive, {uid: day(number) for uid, number in enumerate((3, 9, 1, 7, 5), 1)})
    folder, seq = (await only(archive)).id, await browsing.reached(archive)
    assert await subjects(archive, folder, seq) == ["9", "7", "5", "3", "1"]
    for limit in (1, 2, 3, 5, 9):
        for offset in range(7):
            assert await subjects(archive, folder, seq, offset, limit) == ["9", "7", "5", "3", "1"][offset : offset + limit]


async def test_a_message_without_a_readable_date_stands_where_it_came(archive: Archive) -> None:
    """After all of the past, before what is dated into the future."""
    await homes.store(
        archive, {1: dated(1, "no date"), 2: day(2), 3: dated(3, "01 Jan 2190 10:00:00 +0000"), 4: b"no header at all\r\n"}
    )
    folder, seq = (await only(archive)).id, await browsing.reached(archive)
    assert await subjects(archive, folder, seq) == ["3", "", "1", "2"]


async def test_an_opened_list_stands_still(archive: Archive) -> None:
    """Later arrivals and departures are counted beside it; opened again, the list has them."""
    await homes.store(archive, {1: day(1), 2: day(2), 3: day(3)})
    folder, seq = (await only(archive)).id, await browsing.reached(archive)
    owner = (await users.find(archive, "alice")).id
    await homes.store(archive, {4: day(4), 5: day(5)})
    moves = [["INBOX", 7, 2, f"{ALICE}/Done", "Done", 7, 9, 100, None, ""]]
    await archive.append([homes.draft("moved", {"run": 1, "source": SOURCE, "owner": owner, "moves": moves})])
    assert await subjects(archive, folder, seq) == ["3", "2", "1"]
    assert await browsing.since(archive, folder, seq) == browsing.Since(2, 1)
    seq = await browsing.reached(archive)
    assert await subjects(archive, folder, seq) == ["5", "4", "3", "1"]
    assert await browsing.since(archive, folder, seq) == browsing.Since(0, 0)
    done = (await only(archive, f"{ALICE}/Done")).id
    assert await subjects(archive, done, seq) == ["2"]


async def test_folders_have_counts_and_their_order_is_that_of_a_tree(archive: Archive) -> None:
    """A folder comes before those in it, and these before the next one beside it, with any characters in their names."""
    for path in ("b", "a", "a b/c", "a/z", "INBOX", "B/a"):
        await homes.store(archive, {1: day(1)}, folder=path)
    owner = (await users.find(archive, "alice")).id
    found = await browsing.folders(archive, owner)
    assert [folder.path.removeprefix(f"{ALICE}/") for folder in found] == ["INBOX", "a", "a/z", "a b/c", "B/a", "b"]
    assert {folder.messages for folder in found} == {1}


async def test_users_with_mail_are_listed_and_found(archive: Archive) -> None:
    """By name or address; who has none is not there, and who was removed is."""
    await users.add(archive, "bob", ["bob@example.test"])
    assert await browsing.owners(archive) == []
    await homes.store(archive, {1: day(1)})
    assert [(one.name, one.address, one.removed) for one in await browsing.owners(archive)] == [("alice", ALICE, False)]
    assert await browsing.count_owners(archive, "ALICE@") == 1
    assert await browsing.count_owners(archive, "bob") == 0
    await users.remove(archive, await users.find(archive, "alice"))
    assert [(one.name, one.removed) for one in await browsing.owners(archive, "ali")] == [("alice", True)]


async def test_an_older_catalog_gets_its_dates_from_messages_and_ledger(archive: Archive) -> None:
    """Opened by a program that lists by date, it says the same as one that was rebuilt."""
    await homes.store(archive, {1: day(1), 2: dated(2, "?")})
    [stored] = [entry for entry in await homes.entries(archive) if entry.kind == "archived"]
    before = homes.tables(archive.home)
    assert int(moment(stored.at).timestamp()) in {row[-1] for row in before["placement"]}
    await archive.close()
    homes.change(archive.home.catalog, "UPDATE placement SET date = NULL")
    again = await Archive.open(archive.home)
    assert homes.tables(archive.home) == before
    await again.rebuild()
    assert homes.tables(archive.home) == before
    await again.close()


@pytest.mark.parametrize("offset", [0, 500, 1999])
async def test_a_page_is_read_from_one_index(archive: Archive, offset: int) -> None:
    """No sorting and no table: otherwise a page of a folder of a million messages would take seconds."""
    await homes.store(archive, {1: day(1)})
    said: list[tuple[Any, ...]] = []
    read = archive.database.read

    async def explained(sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        if "placement_list" in sql:
            said.extend(await read(f"EXPLAIN QUERY PLAN {sql}", parameters))
        return await read(sql, parameters)

    archive.database.read = explained  # type: ignore[method-assign]
    await browsing.page(archive, 1, 5, 2000, offset=offset)
    await browsing.count(archive, 1, 5)
    await browsing.since(archive, 1, 5)
    assert len(said) == 3
    assert all("USING COVERING INDEX placement_list (folder_id=?)" in row[3] for row in said)
