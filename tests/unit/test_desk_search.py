"""The search behind the pages of the console: what it counts, refuses, and does when it is left or its index breaks."""

from __future__ import annotations

import os
from contextlib import aclosing
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.registry import users
from tests import desks, homes, sought_mail
from tests.shown_mail import mail
from tests.sought_mail import index
from tui.desk.archive.search import BadQuery, Question, SearchOrder, SearchScope
from tui.desk.desk import Desk

starts = sought_mail.starts
archive = sought_mail.archive

# The desk, and an index that breaks -----------------------------------------------------------------------------------


desk = desks.desk


async def test_a_search_that_is_left_is_not_gone_on_with(archive: Archive, desk: Desk) -> None:
    """The index is closed at once; what was listed can still be looked at."""
    await homes.store(archive, {uid: mail(1, f"many {uid:04}") for uid in range(1, 301)}, folder="Many")
    await index(archive)

    def opened() -> bool:
        return any("search.sqlite" in os.readlink(file) for file in Path("/proc/self/fd").iterdir() if file.is_symlink())

    assert not opened()
    async with aclosing(desk.search.find(Question("many"))) as found:
        results = await anext(found)
        assert (len(results), results.complete) == (100, False)
        assert opened()
    assert not opened()
    assert [row.subject for row in await results.page(99, 5)] == ["many 0201"]


async def test_all_that_is_found_is_counted_by_relevance_too(archive: Archive, desk: Desk) -> None:
    """The list has the best 1,000, the count all."""
    await homes.store(archive, {uid: mail(1, f"many {uid:04}") for uid in range(1, 1103)}, folder="Many")
    await index(archive)
    async with aclosing(desk.search.find(Question("many", order=SearchOrder.RELEVANCE))) as found:
        [*_, results] = [results async for results in found]
    assert (len(results), results.total, results.complete) == (1000, 1102, True)


async def test_an_error_has_its_place_and_no_words_of_the_command_line(archive: Archive, desk: Desk) -> None:
    """The position is the one in the text; what was wrong is not kept among what was sought."""
    with pytest.raises(BadQuery) as caught:
        await anext(desk.search.find(Question("steel user:nobody")))
    assert caught.value.position == 11
    assert "archivar" not in caught.value.hint
    assert list(desk.search.asked) == []


async def test_a_scope_that_is_gone_finds_nothing(archive: Archive, desk: Desk) -> None:
    """A folder that does not exist any more is no fault."""
    alice = (await users.find(archive, "alice")).id
    async with aclosing(desk.search.find(Question("steel", SearchScope(alice, "none")))) as found:
        [results] = [results async for results in found]
    assert (len(results), results.complete) == (0, True)
