"""Limits shared by all runs of a service: connections to a server, and memory for messages in progress.

Waiting tasks are served in turn, so that a large message does not wait for ever behind small ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from core.profiles.profile import MAX_CONNECTIONS, Server

#: Bytes of messages being fetched, prepared and written, in all mailboxes together.
MESSAGE_BYTES = 40 * 1024 * 1024
#: Successful connections in a row before one more is tried than the server last allowed.
CONFIDENCE = 10


class _Line:
    """Tasks that wait for something, in their order."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], bool], asyncio.Future[None]]] = deque()

    async def take(self, take: Callable[[], bool], give_back: Callable[[], None]) -> None:
        """Wait for this task's turn until ``take`` returns True. ``give_back`` undoes it."""
        if not self._waiting and take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((take, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # It was granted at the very moment of the cancellation.
                give_back()
            else:
                self._waiting = deque(one for one in self._waiting if one[1] is not turn)
            self.serve()
            raise

    def serve(self) -> None:
        """Serve waiting tasks after something was given back."""
        while self._waiting and self._waiting[0][0]():
            self._waiting.popleft()[1].set_result(None)


class Slots:
    """Connections to one server that may be open at once. Fewer after it refused one, more again when all goes well."""

    def __init__(self, most: int = MAX_CONNECTIONS) -> None:
        self._most = self._limit = most
        self._used = self._succeeded = 0
        self._line = _Line()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Context that holds one connection; waits for it."""
        await self._line.take(self._take, self._give_back)
        try:
            yield
        finally:
            self._give_back()
            self._line.serve()

    def _take(self) -> bool:
        if self._used >= self._limit:
            return False
        self._used += 1
        return True

    def _give_back(self) -> None:
        self._used -= 1

    def allow(self, most: int) -> None:
        """Set the limit to ``most``; connections beyond it end by themselves."""
        if self._limit == self._most or self._limit > most:
            self._limit = most
        self._most = most
        self._line.serve()

    def refused(self) -> None:
        """Lower the limit after a refusal: one fewer than now, but one at least."""
        self._limit = max(min(self._limit, self._used) - 1, 1)
        self._succeeded = 0

    def succeeded(self) -> None:
        """Record a connection that the server accepted."""
        self._succeeded += 1
        if self._limit < self._most and self._succeeded >= CONFIDENCE:
            self._limit += 1
            self._succeeded = 0
            self._line.serve()

    @property
    def limit(self) -> int:
        return self._limit


class Grant:
    """A share of a budget, until it is released, or the block ends; released twice is released once."""

    def __init__(self, size: int, change: Callable[[int], None]) -> None:
        self._size = size
        self._change = change

    def settle(self, size: int) -> None:
        """Set the actual size in bytes, in place of the reserved one."""
        change, self._size = size - self._size, size
        if change:
            self._change(change)

    def release(self) -> None:
        self.settle(0)

    def __enter__(self) -> Grant:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Budget:
    """The bytes in progress at once; a message larger than all of it goes alone."""

    def __init__(self, most: int = MESSAGE_BYTES) -> None:
        self._most = most
        self._used = 0
        self._line = _Line()

    async def take(self, size: int) -> Grant:
        """Wait until ``size`` bytes are free."""

        def take() -> bool:
            if self._used and self._used + size > self._most:
                return False
            self._used += size
            return True

        def give_back() -> None:
            self._used -= size

        def change(by: int) -> None:
            self._used += by
            self._line.serve()

        await self._line.take(take, give_back)
        return Grant(size, change)


class Limits:
    """All shared limits."""

    def __init__(self, connections: int = MAX_CONNECTIONS) -> None:
        self.budget = Budget()
        self._connections = connections
        self._slots: dict[tuple[str, int], Slots] = {}

    def slots(self, server: Server) -> Slots:
        """The connections to a server, over all profiles that name it."""
        return self._slots.setdefault((server.host.lower(), server.effective_port), Slots(self._connections))

    def allow(self, connections: int) -> None:
        """Set the number of connections to each server."""
        if connections != self._connections:
            self._connections = connections
            for slots in self._slots.values():
                slots.allow(connections)
