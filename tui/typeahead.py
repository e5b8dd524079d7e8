"""Keys in the order of typing, each handled before the next: keys typed ahead are for the page that comes.

The toolkit by itself delivers keys as they come: while a key opens a page, the next one would go to the earlier focus.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from textual.app import App
from textual.events import Event, Key
from textual.message import Message
from textual.message_pump import MessagePump

#: The key that closes the console from anywhere.
LEAVE = "ctrl+q"
#: Seconds between two checks if a key's receiver is gone: then nothing reports the key as done.
LOOK = 0.05
#: The most seconds that keys wait for a page, or for the key before them.
LONGEST = 30.0


class Settled(Message):
    """Follows a key on its way, and arrives when its immediate effects are done."""


class TypeAhead:
    """Takes keys and pastes; ``deliver`` passes one on.

    ``waits`` is True while a page is on its way for which they are meant.
    """

    def __init__(self, app: App[None], deliver: Callable[[Event], Awaitable[None]], waits: Callable[[], bool]) -> None:
        self._app = app
        self._deliver = deliver
        self._waits = waits
        self._typed: deque[Event] = deque()
        self._under_way: Settled | None = None
        self._late: asyncio.TimerHandle | None = None
        self._screen: object = None
        self._delivering = False
        self._since: float | None = None

    async def take(self, event: Event) -> None:
        """Take a key or a paste. The key that closes the console does not wait for a page."""
        if isinstance(event, Key) and event.key == LEAVE and self._waits():
            await self._deliver(event)
            return
        self._typed.append(event)
        await self.go_on()

    async def settled(self, message: Settled) -> None:
        """Handle a ``message`` that has arrived at the application."""
        if message is not self._under_way:
            return
        self._done()
        if self._screen is not self._app.screen:
            # A new screen chooses its focus first.
            self._follow(self._app.screen)
        else:
            await self.go_on()

    async def go_on(self) -> None:
        """Deliver the keys that may be delivered; also called when a page is there."""
        while self._typed and self._under_way is None and not self._delivering and not self._waiting():
            event, target = self._typed.popleft(), self._app.focused or self._app.screen
            self._screen = self._app.screen
            self._delivering = True
            try:
                await self._deliver(event)
            finally:
                self._delivering = False
            self._follow(target)

    def _waiting(self) -> bool:
        if not self._waits():
            self._since = None
            return False
        now = asyncio.get_running_loop().time()
        if self._since is None:
            self._since = now
            asyncio.get_running_loop().call_later(LONGEST, self._resume)
        return now - self._since < LONGEST

    def _follow(self, target: MessagePump) -> None:
        self._screen = self._app.screen
        self._under_way = message = Settled()
        loop = asyncio.get_running_loop()
        self._late = loop.call_later(LOOK, self._look, message, target, loop.time() + LONGEST)
        if not target.post_message(message):
            self._app.screen.post_message(message)

    def _done(self) -> None:
        self._under_way = None
        if self._late is not None:
            self._late.cancel()

    def _look(self, message: Settled, target: MessagePump, end: float) -> None:
        """Check the receiver of a key: a slow machine only needs more time; a closed page never answers."""
        if message is not self._under_way:
            return
        loop = asyncio.get_running_loop()
        if target.is_running and target.is_attached and loop.time() < end:
            self._late = loop.call_later(LOOK, self._look, message, target, end)
        else:
            self._done()
            self._resume()

    def _resume(self) -> None:
        self._app.call_later(self.go_on)
