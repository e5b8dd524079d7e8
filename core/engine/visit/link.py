"""A mailbox's connection, restored when it breaks: with pauses, at most three tries without progress.

A busy server gets longer pauses, and at most three requests for the same message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from core.engine.visit.reckoning import Reckoning
from core.errors import Boundless, ConnectError, Dropped, Exhausted, ProtocolError, Sluggish
from core.imap import deleting
from core.imap.names import Folder
from core.imap.selected import Selected
from core.imap.session import Busy, Session
from core.model import now
from core.problems.code import Reason

T = TypeVar("T")

#: Seconds to wait before each try to connect again, and before each request to a busy server.
BACKOFF = (1.0, 4.0, 10.0)
PAUSES = (3.0, 15.0, 60.0)
#: Final refusals, or too slow answers, after which the whole mailbox is not served now.
TURNED_AWAY = 2


class ServerLine(Protocol):
    """The line to a server: makes the connections of one mailbox, and receives how they fare."""

    async def connect(self) -> Session:
        """A session in the mailbox. Raises ``ConnectError``."""

    @property
    def worked(self) -> bool:
        """True once the server has taken any connection that belongs to this work."""

    def crowded(self) -> None:
        """The server has too many connections, or too much to do."""

    def waits(self, why: Reason, until: datetime) -> None:
        """The next try is made then."""

    def goes_on(self) -> None:
        """The wait is over."""


class Link:
    """The session of one mailbox. ``progressed`` is called after a success, and resets the count of tries."""

    def __init__(self, line: ServerLine, backoff: tuple[float, ...] = BACKOFF, reckoning: Reckoning | None = None) -> None:
        self._line = line
        self._was_open = False
        self._backoff = backoff
        self._pauses = PAUSES if backoff == BACKOFF else backoff
        self._failures = self._turned_away = self._slow = 0
        self._session: Session | None = None
        self._open: tuple[Folder, Selected] | None = None
        #: Estimates of message sizes, and the daily allowance.
        self.reckoning = reckoning or Reckoning()

    async def session(self) -> Session:
        """The session, connected if it is not. Raises ``ConnectError`` after the last try."""
        while self._session is None:
            try:
                self._session = await self._line.connect()
                self._was_open = True
            except ConnectError as error:
                # The first try tells errors of the settings; repeated are only a busy server's, and those after a connection
                # had worked.
                hopeful = error.busy or isinstance(error, Dropped) or self._was_open or self._line.worked
                if not error.retry or not hopeful or self._failures >= len(self._backoff):
                    raise
                await self.wait(error)
        return self._session

    async def wait(self, why: ConnectError | ProtocolError) -> None:
        """Wait after one more failure: longer each time, and longest for a busy server."""
        busy = isinstance(why, Busy) or (isinstance(why, ConnectError) and why.busy)
        if busy and isinstance(why, Busy):
            self._line.crowded()
        delays = self._pauses if busy else self._backoff
        delay = delays[min(self._failures, len(delays) - 1)]
        self._failures += 1
        self._line.waits(why.reason, now() + timedelta(seconds=delay))
        try:
            await asyncio.sleep(delay)
        finally:
            self._line.goes_on()

    def progressed(self) -> None:
        self._failures = 0

    def served(self) -> None:
        """Record that the server answered a request."""
        self._turned_away = 0

    def refuse(self, error: Busy) -> None:
        """Give up a request that a busy server refused finally.

        Raises ``Exhausted`` after repeated ones: then nothing more is requested.
        """
        self._turned_away += 1
        if self._turned_away >= TURNED_AWAY:
            raise Exhausted(error.reason, busy=True) from error

    @property
    def exhausted(self) -> bool:
        return self._failures >= len(self._backoff)

    async def examine(self, folder: Folder, *, anew: bool = False) -> tuple[Session, Selected]:
        """The session with ``folder`` open for reading; unless ``anew`` it is not opened twice in a row."""
        session = await self.session()
        if anew or self._open is None or self._open[0] != folder:
            self._open = None
            self._open = (folder, await session.examine(folder))
        return session, self._open[1]

    async def at_large(self) -> Session:
        """The session, for a command that opens several folders: none counts as open after it."""
        session = await self.session()
        self._open = None
        return session

    async def select(self, folder: Folder) -> tuple[Session, Selected]:
        """The session with ``folder`` open for changes."""
        session = await self.session()
        self._open = None
        return session, await deleting.select(session, folder)

    async def again(self, action: Callable[[], Awaitable[T]]) -> T:
        """Run ``action``, again after a broken connection or a busy answer.

        Raises ``Dropped`` or ``Busy`` in the end, ``Exhausted`` when no more success is expected in this mailbox.
        """
        while True:
            why: Dropped | Busy
            try:
                found = await action()
            except Dropped as error:
                await self.drop()
                if self.exhausted and isinstance(error, Sluggish):
                    self._slow += 1
                    if self._slow >= TURNED_AWAY:
                        # One folder alone may be the cause; several in a row are not.
                        raise Exhausted(error.reason) from error
                if self.exhausted or isinstance(error, Boundless):
                    raise
                why = error
            except Busy as error:
                if self.exhausted:
                    self.refuse(error)
                    raise
                why = error
            else:
                self.served()
                return found
            await self.wait(why)

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
