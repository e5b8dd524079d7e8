"""What all runs of a service share: connections to a server, and memory for messages on their way.

Who waits is served in turn, so that a large message does not wait for ever behind small ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from core.profiles.profile import MAX_CONNECTIONS, Server

#: Raw bytes of messages being fetched, prepared and written, in all mailboxes together.
MESSAGE_BYTES = 40 * 1024 * 1024
#: So many connections in a row must succeed before one more is tried than the server last took.
CONFIDENCE = 10


class _Line:
    """Those who wait for something, in their order."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], bool], asyncio.Future[None]]] = deque()

    async def take(self, take: Callable[[], bool], give_back: Callable[[], None]) -> None:
        """Wait until it is our turn and ``take`` says that it took. ``give_back`` undoes it."""
        if not self._waiting and take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((take, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # It was given to us at the very moment when we were to leave.
                give_back()
            else:
                self._waiting = deque(one for one in self._waiting if one[1] is not turn)
            self.serve()
            raise

    def serve(self) -> None:
        """Something was given back."""
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
        """Wait for a connection's place and hold it."""
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
        """From now on ``most`` may be open; what is open beyond that is left to end by itself."""
        if self._limit == self._most or self._limit > most:
            self._limit = most
        self._most = most
        self._line.serve()

    def refused(self) -> None:
        """The server has too many connections: one fewer than now, but one at least."""
        self._limit = max(min(self._limit, self._used) - 1, 1)
        self._succeeded = 0

    def succeeded(self) -> None:
        """The server took a connection."""
        self._succeeded += 1
        if self._limit < self._most and self._succeeded >= CONFIDENCE:
            self._limit += 1
            self._succeeded = 0
            self._line.serve()

    @property
    def limit(self) -> int:
        return self._limit


class Grant:
    """A share of a budget, until it is released; released twice is released once."""

    def __init__(self, size: int, change: Callable[[int], None]) -> None:
        self._size = size
        self._change = change

    def settle(self, size: int) -> None:
        """What was reckoned with is there, and has ``size`` bytes: these are what it takes from now on."""
        change, self._size = size - self._size, size
        if change:
            self._change(change)

    def release(self) -> None:
        self.settle(0)


class Budget:
    """So many bytes may be on their way at once; one message over all of it goes alone."""

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
    """All that is shared."""

    def __init__(self, connections: int = MAX_CONNECTIONS) -> None:
        self.budget = Budget()
        self._connections = connections
        self._slots: dict[tuple[str, int], Slots] = {}

    def slots(self, server: Server) -> Slots:
        """The connections to a server, in all profiles that name it."""
        return self._slots.setdefault((server.host.lower(), server.effective_port), Slots(self._connections))

    def allow(self, connections: int) -> None:
        """From now on so many connections to each server may be open."""
        if connections != self._connections:
            self._connections = connections
            for slots in self._slots.values():
                slots.allow(connections)
