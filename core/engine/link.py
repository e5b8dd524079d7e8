"""A mailbox's connection that is made again when it breaks: with backoff, three tries without progress, then no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from core.errors import ConnectError, Dropped
from core.imap import deleting
from core.imap.names import Folder
from core.imap.session import Busy, Selected, Session

T = TypeVar("T")

#: Seconds to wait before each try to connect again.
BACKOFF = (1.0, 4.0, 10.0)


class Link:
    """The session of one mailbox. ``progressed`` is called when something was gained, so that tries count anew.

    ``worked`` tells whether the server has taken any connection of this run.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Session]],
        backoff: tuple[float, ...] = BACKOFF,
        say: Callable[[str], None] = lambda text: None,
        worked: Callable[[], bool] = lambda: False,
    ) -> None:
        self._connect = connect
        self._say = say
        self._worked = worked
        self._was_open = False
        self._backoff = backoff
        self._failures = 0
        self._session: Session | None = None
        self._open: tuple[Folder, Selected] | None = None

    async def session(self) -> Session:
        """The session, connected if it is not. Raises ``ConnectError`` after the last try."""
        while self._session is None:
            try:
                self._session = await self._connect()
                self._was_open = True
            except ConnectError as error:
                # The first try tells what is wrong with the settings; what is tried again is what a server says that has
                # too much to do, and what broke after it had worked.
                hopeful = error.busy or isinstance(error, Dropped) or self._was_open or self._worked()
                if not error.retry or not hopeful or self._failures >= len(self._backoff):
                    raise
                self._say(f"{error.message} Trying again.")
                await self.wait()
        return self._session

    async def wait(self) -> None:
        """One more failure: wait longer each time."""
        delay = self._backoff[min(self._failures, len(self._backoff) - 1)]
        self._failures += 1
        await asyncio.sleep(delay)

    def progressed(self) -> None:
        self._failures = 0

    @property
    def exhausted(self) -> bool:
        return self._failures >= len(self._backoff)

    async def examine(self, folder: Folder, *, anew: bool = False) -> tuple[Session, Selected]:
        """The session with ``folder`` open; unless ``anew`` it is not opened twice in a row."""
        session = await self.session()
        if anew or self._open is None or self._open[0] != folder:
            self._open = None
            self._open = (folder, await session.examine(folder))
        return session, self._open[1]

    async def select(self, folder: Folder) -> tuple[Session, Selected]:
        """The session with ``folder`` open for changes."""
        session = await self.session()
        self._open = None
        return session, await deleting.select(session, folder)

    async def again(self, action: Callable[[], Awaitable[T]]) -> T:
        """Do ``action``; when the connection breaks in it, connect again and repeat; when the server is busy, repeat.

        Raises ``Dropped`` or ``Busy`` in the end.
        """
        while True:
            try:
                return await action()
            except Dropped:
                await self.drop()
                if self.exhausted:
                    raise
            except Busy:
                if self.exhausted:
                    raise
            await self.wait()

    async def drop(self) -> None:
        """Forget a broken session."""
        session, self._session, self._open = self._session, None, None
        if session is not None:
            session.abort()
            await session.close()

    async def close(self) -> None:
        session, self._session, self._open = self._session, None, None
        if session is not None:
            await session.close()
