"""A download gives back the memory that it reserved, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, cast

import pytest

from core.engine.visit.allowance import MEGABYTE, Allowance
from core.engine.visit.download import Download, Wanted
from core.engine.visit.limits import MESSAGE_BYTES, Budget
from core.engine.visit.link import Link
from core.engine.visit.pipeline import Pipeline
from core.engine.visit.reckoning import Reckoning
from core.errors import StorageError
from core.imap.names import Folder
from core.imap.replies import Listed
from core.imap.selected import Selected
from core.imap.session import Fetched, Session
from core.problems.code import Reason
from tests.reasons import said

RAW = b"Subject: one\r\n\r\nText\r\n"


class Mailbox:
    """A session in which every message is the same."""

    async def examine(self, folder: Folder) -> Selected:
        return Selected(1, 10, 3)

    async def download(self, uids: Iterable[int], size: int) -> Fetched:
        return Fetched(dict.fromkeys(uids, RAW))


class Open:
    """A line that is always open."""

    worked = True

    async def connect(self) -> Session:
        return cast("Session", Mailbox())

    def crowded(self) -> None: ...

    def waits(self, why: Reason, until: datetime) -> None: ...

    def goes_on(self) -> None: ...


def download(budget: Budget, allowance: Allowance | None = None) -> Download:
    uids = [1, 2, 3]
    wanted = Wanted(Folder("INBOX", "INBOX"), 1, {uid: Listed(len(RAW), None, "") for uid in uids}, uids)
    return Download(Link(Open(), reckoning=Reckoning(allowance)), wanted, budget)


async def all_is_free(budget: Budget) -> bool:
    grant = await asyncio.wait_for(budget.take(MESSAGE_BYTES), 1.0)
    grant.release()
    return True


async def test_a_days_share_that_cannot_be_saved_keeps_no_memory() -> None:
    """The disk is full when the day's share is to be saved: the budget, which all runs share, is whole again."""

    async def save(day: date, spent: int) -> None:
        raise StorageError(said("No space left on device."))

    budget = Budget()
    with pytest.raises(StorageError):
        await anext(download(budget, Allowance(MEGABYTE, save)).batches())
    assert await all_is_free(budget)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_work_that_ends_badly_gives_its_memory_back(cancelled: bool) -> None:
    """Work that fails, and work that is cancelled before it began, releases its share; so does work that cannot begin."""
    budget, stream, begun = Budget(), Pipeline(), list[int]()

    async def work(number: int) -> None:
        begun.append(number)
        raise StorageError(said("No space left on device."))

    async def all_of_it() -> None:
        async for batch, grant in download(budget).batches():
            await stream.submit(work(1), len(batch), grant)
            if cancelled:
                task = cast("Any", stream)._under_way[0][0]
                task.cancel()
            await stream.submit(work(2), 10**12, await budget.take(1))

    with pytest.raises((StorageError, asyncio.CancelledError)):
        await all_of_it()
    await asyncio.sleep(0)
    assert begun == ([] if cancelled else [1])
    assert await all_is_free(budget)
