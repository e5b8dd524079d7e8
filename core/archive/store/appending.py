"""Appends to the archive, together where several wait: one transaction for all of them, each with entries of its own.

A transaction costs the same whether it holds a batch of one mailbox or of four, and on a disk most of it is waiting. Who
comes while one is being written waits for it, and is written with all others who came meanwhile, in the order in which they
came.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from core.archive.store.ledger import Draft, Entry
from core.archive.store.preparation import Ready
from core.system.tasks import spawn

#: Raw bytes that are written in one transaction, if more than one batch waits.
GROUP_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What one caller wants to have written, and where its entries will be."""

    drafts: Sequence[Draft]
    ready: Ready | None
    done: asyncio.Future[list[Entry]]
    #: Its messages are written although the archive has them: what it has is damaged.
    anew: bool = False

    @property
    def size(self) -> int:
        return sum(len(message.raw) for message in self.ready.messages) if self.ready else 0


#: Writes all of it or nothing; the entries of each request.
Write = Callable[[Sequence[Request]], Awaitable[list[list[Entry]]]]


class Appending:
    """``write`` is called for one group at a time."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None

    async def append(self, drafts: Sequence[Draft], ready: Ready | None, *, anew: bool = False) -> list[Entry]:
        """Have ``drafts`` written with what is ``ready``. Cancelled while it waits, it is written all the same."""
        request = Request(drafts, ready, asyncio.get_running_loop().create_future(), anew)
        # Whoever was cancelled asks no more; then nobody else would look at the error.
        request.done.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting.append(request)
        if self._task is None or self._task.done():
            self._task = spawn(self._write_all(), name="append")
        return await asyncio.shield(request.done)

    async def close(self) -> None:
        """Wait until nothing waits any more."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _write_all(self) -> None:
        while self._waiting:
            group = [self._waiting.popleft()]
            size = group[0].size
            while self._waiting and size + self._waiting[0].size <= GROUP_BYTES:
                size += self._waiting[0].size
                group.append(self._waiting.popleft())
            await self._settle(group)

    async def _settle(self, group: Sequence[Request]) -> None:
        try:
            entries = await self._write(group)
        except Exception as error:
            if len(group) == 1:
                group[0].done.set_exception(error)
                return
            # One of them may be the reason; the others are not to suffer for it.
            for request in group:
                await self._settle([request])
            return
        for request, written in zip(group, entries, strict=True):
            request.done.set_result(written)
