"""Requests to write that wait for their turn and are written in groups: one transaction for what waits at the same time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from core.system.tasks import spawn

#: Raw bytes written in one transaction when several requests wait.
GROUP_BYTES = 16 * 1024 * 1024


class Waiting(Protocol):
    """A request: its raw bytes, and the future of what was written, which writing sets."""

    @property
    def size(self) -> int: ...

    @property
    def done(self) -> asyncio.Future[Any]: ...


Request = TypeVar("Request", bound=Waiting)


class RequestQueue(Generic[Request]):
    """The requests of one writer, in their order. ``write`` writes a group in one transaction and sets its futures.

    Of a group that fails each request is tried alone: one of them may be the cause. ``name`` is that of the writing task.
    """

    def __init__(self, write: Callable[[Sequence[Request]], Awaitable[None]], name: str) -> None:
        self._write = write
        self._name = name
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """The number of requests whose turn has not come."""
        return len(self._waiting)

    async def put(self, request: Request) -> None:
        """Wait until ``request`` is written; that of a cancelled caller is still written. Raises what writing it raised."""
        # A cancelled caller never reads the future's error: it is read here.
        request.done.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting.append(request)
        if self._task is None or self._task.done():
            self._task = spawn(self._write_all(), name=self._name)
        await asyncio.shield(request.done)

    async def close(self) -> None:
        """Write what is still queued."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _write_all(self) -> None:
        while self._waiting:
            groups = deque([self._group()])
            while groups:
                group = groups.popleft()
                try:
                    await self._write(group)
                except Exception as error:
                    if len(group) == 1:
                        group[0].done.set_exception(error)
                    else:
                        # One of them may be the cause; the others are written without it.
                        groups.extend([request] for request in group)

    def _group(self) -> list[Request]:
        """Take from the queue what fits into one transaction."""
        group = [self._waiting.popleft()]
        size = group[0].size
        while self._waiting and size + self._waiting[0].size <= GROUP_BYTES:
            size += self._waiting[0].size
            group.append(self._waiting.popleft())
        return group
