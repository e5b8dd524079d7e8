"""Foundations of a list of hits: all ids in batches, scopes, places, and an index that breaks under several at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.registry import users
from core.archive.search.hits import hits
from core.archive.search.query import Query, Within, parse
from core.archive.search.search import Order, Search
from core.archive.search.search_index import progress
from tests import homes
from tests.homes import ALICE, archived, begin, store
from tests.searches import MAIL, catch_up, mail


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await begin(tmp_path / "home")
    yield archive
    await archive.close()


def within(text: str, user: str, folder: str = "") -> Query:
    query = parse(text)
    return Query(text, (*query.terms, Within(user, folder)))


async def test_numbers_come_in_batches_that_grow(archive: Archive) -> None:
    """The first ones soon, then ten times as many: each once, in the order of the pages."""
    await store(archive, {number: mail(number, day=number % 28 + 1) for number in range(1, 251)})
    await catch_up(archive)
    search = await Search.open(archive)
    query = parse("text")
    async with aclosing(search.batches(query)) as batches:
        found = [list(batch) async for batch in batches]
    assert [len(batch) for batch in found] == [100, 150]
    numbers = [number for batch in found for number in batch]
    assert numbers == [hit.id for hit in (await search.page(query, limit=300)).hits]
    async with aclosing(search.batches(query, order=Order.RELEVANCE)) as batches:
        [ranked] = [list(batch) async for batch in batches]
    assert ranked == [hit.id for hit in (await search.page(query, order=Order.RELEVANCE, limit=300)).hits]
    await search.close()


async def test_a_scope_is_one_place(archive: Archive) -> None:
    """Within a user, and within a folder and what is below it; not in one whose name only begins so."""
    alice = (await users.find(archive, "alice")).id
    bob = (await users.add(archive, "bob", ["bob@example.test"]))[0]
    for number, folder in enumerate(("Work", "Work/Plans", "Workshop"), 1):
        await store(archive, {number: mail(number)}, folder=folder)
    await archive.append([archived({9: mail(9)}, owner=bob.id, folder="Work")], await archive.writer.prepare([mail(9)]))
    await catch_up(archive)
    search = await Search.open(archive)
    assert [number async for number in search.ids(within("text", alice))] == [3, 2, 1]
    assert [number async for number in search.ids(within("text", alice, f"{ALICE}/Work"))] == [2, 1]
    assert [number async for number in search.ids(within("text folder:plans", alice, f"{ALICE}/Work"))] == [2]
    assert [number async for number in search.ids(within("text user:bob", alice))] == []
    assert [number async for number in search.ids(within("text", bob.id))] == [4]
    assert await search.places(parse("text")) == frozenset()
    assert len(await search.places(within("text", alice))) == 3
    await search.close()


async def test_hits_are_told_in_the_wanted_order_and_place(archive: Archive) -> None:
    """In the order of the numbers; the place is a wanted one where there is one, and none where there is none any more."""
    bob = (await users.add(archive, "bob", ["bob@example.test"]))[0]
    await store(archive, MAIL)
    await archive.append([archived({1: MAIL[3]}, owner=bob.id, folder="Later")], await archive.writer.prepare([MAIL[3]]))
    await catch_up(archive)
    search = await Search.open(archive)
    theirs = await search.places(parse("holiday user:bob"))
    await search.close()
    assert [hit.id for hit in await hits(archive, [4, 99, 1, 3])] == [4, 1, 3]
    assert [hit.user for hit in await hits(archive, [3], theirs)] == ["bob"]
    assert [hit.user for hit in await hits(archive, [1, 3], theirs)] == ["alice", "bob"]
    await archive.append(
        [homes.draft("vanished", {"run": 1, "source": "x", "server_folder": "INBOX", "uidvalidity": 7, "uids": "1:5"})]
    )
    assert [hit.subject for hit in await hits(archive, [2])] == ["Re: Offer for steel"]


async def test_several_that_meet_one_damage_begin_the_index_once(archive: Archive) -> None:
    """While one begins anew the others wait, and all go on with the new index."""
    await store(archive, MAIL)
    await catch_up(archive)
    assert await progress(archive) == (5, 0)
    search = await Search.open(archive)
    size = archive.home.search.stat().st_size
    with archive.home.search.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    await search.index.database.configure(["cache_size = 1", "shrink_memory"])
    query = parse("offer")
    pages = await asyncio.gather(*(search.page(query) for _ in range(4)), search.page(query, order=Order.RELEVANCE))
    assert [page.hits for page in pages] == [()] * 5
    assert await search.behind() == 5
    assert await progress(archive) == (0, 5)
    await catch_up(archive)
    assert [hit.id for hit in (await search.page(query)).hits] == [5, 2, 1]
    await search.close()
