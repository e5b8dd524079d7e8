"""Appending: what waits is written together, in its order, and one that cannot be written is alone with that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from core.archive.store.appending import Appending, Request
from core.archive.store.ledger import Draft, Entry
from core.errors import StorageError
from core.system.tasks import spawn


class Volume:
    """Writes down what it is asked for; ``open`` lets it go on, and drafts of the kind ``bad`` fail."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.open = asyncio.Event()

    async def write(self, group: Sequence[Request]) -> list[list[Entry]]:
        kinds = [draft.kind for request in group for draft in request.drafts]
        self.groups.append(kinds)
        await self.open.wait()
        if "bad" in kinds:
            raise StorageError("the disk is full")
        return [[Entry(1, "", draft.kind, "", b"", b"") for draft in request.drafts] for request in group]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def append(appending: Appending, *kinds: str) -> list[str]:
    return [entry.kind for entry in await appending.append([Draft(kind, {}) for kind in kinds], None)]


async def test_who_comes_while_one_is_written_is_written_with_the_others() -> None:
    """The first goes alone, all that came meanwhile go together, and each gets its own entries."""
    volume = Volume()
    appending = Appending(volume.write)
    tasks = [spawn(append(appending, "a"), name="append")]
    await settle()
    tasks += [spawn(append(appending, *kinds), name="append") for kinds in (("b", "c"), ("d",))]
    await settle()
    volume.open.set()
    assert [await task for task in tasks] == [["a"], ["b", "c"], ["d"]]
    assert volume.groups == [["a"], ["b", "c", "d"]]


async def test_one_that_cannot_be_written_does_not_take_the_others_with_it() -> None:
    """They are written one by one, and only the one is told."""
    volume = Volume()
    appending = Appending(volume.write)
    tasks = [spawn(append(appending, kind), name="append") for kind in ("a", "b", "bad", "c")]
    await settle()
    volume.open.set()
    await asyncio.wait(tasks)
    assert [task.result() for task in tasks if task.exception() is None] == [["a"], ["b"], ["c"]]
    with pytest.raises(StorageError):
        await tasks[2]


async def test_who_is_cancelled_is_written_all_the_same_and_closing_waits_for_it() -> None:
    """What a thread is writing cannot be called back; nobody closes the file under it."""
    volume = Volume()
    appending = Appending(volume.write)
    tasks = [spawn(append(appending, kind), name="append") for kind in ("a", "b")]
    await settle()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    volume.open.set()
    await appending.close()
    assert volume.groups == [["a", "b"]]
    assert [task.cancelled() for task in tasks] == [True, True]
