"""Appending: waiting requests are written together, in order, and one that cannot be written fails alone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.proof.verify import verify
from core.archive.store.entries.records import ProfileRemoved
from core.archive.store.ledger import Draft
from core.archive.store.volume import Volume
from core.archive.store.volume_rows import AppendedRows
from core.errors import StorageError
from core.system.tasks import spawn
from tests import homes
from tests.reasons import said
from tests.waiting import until


class Slow:
    """A volume that waits for ``go`` before it writes, and has no space for a draft about ``bad``."""

    def __init__(self, volume: Volume) -> None:
        self.groups: list[list[str]] = []
        self.go = asyncio.Event()
        self._append = volume.append

    async def append(self, drafts: Sequence[Draft], *more: Any) -> AppendedRows:
        names = [draft.value.name for draft in drafts if isinstance(draft.value, ProfileRemoved)]
        self.groups.append(names)
        await self.go.wait()
        if "bad" in names:
            raise StorageError(said("the disk is full"))
        return await self._append(drafts, *more)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


@pytest.fixture
async def volume(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Slow:
    volume = await archive.volumes.at(1)
    slow = Slow(volume)
    monkeypatch.setattr(volume, "append", slow.append)
    return slow


def append(archive: Archive, *names: str) -> asyncio.Task[list[str]]:
    async def work() -> list[str]:
        entries = await archive.append([Draft(ProfileRemoved(name)) for name in names])
        return [entry.payload["name"] for entry in entries]

    return spawn(work(), name="append")


async def first_alone(archive: Archive, volume: Slow, *others: Sequence[str]) -> list[asyncio.Task[list[str]]]:
    """Appends of "a", which is being written, and of ``others``, which wait for it."""
    tasks = [append(archive, "a")]
    await until(lambda: volume.groups == [["a"]])
    tasks += [append(archive, *names) for names in others]
    await until(lambda: archive.writer._requests.waiting == len(others))
    return tasks


async def test_who_comes_while_one_is_written_is_written_with_the_others(archive: Archive, volume: Slow) -> None:
    """The first goes alone, all that came during it go together, and each gets its own entries."""
    tasks = await first_alone(archive, volume, ("b", "c"), ("d",))
    volume.go.set()
    assert [await task for task in tasks] == [["a"], ["b", "c"], ["d"]]
    assert volume.groups == [["a"], ["b", "c", "d"]]
    assert (await archive.projection.applied()) == await archive.head()


async def test_one_that_cannot_be_written_does_not_take_the_others_with_it(archive: Archive, volume: Slow) -> None:
    """They are written one by one, and only the one is told."""
    tasks = await first_alone(archive, volume, "b", ["bad"], "c")
    volume.go.set()
    await asyncio.wait(tasks)
    assert [task.result() for task in tasks if task.exception() is None] == [["a"], ["b"], ["c"]]
    with pytest.raises(StorageError):
        await tasks[2]
    assert volume.groups == [["a"], ["b", "bad", "c"], ["b"], ["bad"], ["c"]]


async def test_who_is_cancelled_is_written_all_the_same_and_closing_waits_for_it(archive: Archive, volume: Slow) -> None:
    """A thread's write cannot be stopped; the file is not closed under it."""
    tasks = await first_alone(archive, volume, "b")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    volume.go.set()
    await archive.close()
    assert volume.groups == [["a"], ["b"]]
    assert [task.cancelled() for task in tasks] == [True, True]


async def test_a_part_that_the_catalog_takes_for_another_is_not_used(tmp_path: Path) -> None:
    """The volume tells which part has a number: with a wrong one a message would be stored of which nothing is right."""
    archive = await homes.begin(tmp_path / "home")
    try:
        first = homes.message(1, 20_000)
        await homes.store(archive, {1: first, 2: homes.message(2, 20_000)})
        async with archive.database.transaction() as transaction:
            for level in ("part_0", "part_1", "part_2"):
                await transaction.execute(f"UPDATE {level} SET part_id = 1")
        again = first.replace(b"Subject: ", b"Subject: Re: ")
        await homes.store(archive, {3: again})
        assert await archive.raw(hashlib.sha256(again).digest()) == again
    finally:
        await archive.close()
    assert (await verify(archive.home)).findings == []
