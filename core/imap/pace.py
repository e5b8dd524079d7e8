"""The least speed of a server: a message, or a line, that is on its way and hardly moves is no better than silence.

Silence itself is the socket's timeout. Here is what that never sees: a byte now and then. Only time in which something has
begun and is not whole counts, so a server that thinks before it answers, or between two messages, is not called slow. What a
server says to keep a connection open (``* OK Still here``) is whole each time; it alone, for long, is no answer either.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Over so many seconds it is measured whether a message on its way is too slow.
WINDOW_SECONDS = 60.0
#: The same of a whole answer, over a time that is twice the timeout.
CRAWL = 64.0


class Pace:
    """Told of every arrival. ``floor`` in bytes a second, ``window`` in seconds; ``slow`` raises what is to be raised then."""

    def __init__(
        self, floor: float, timeout: float, slow: Callable[[], BaseException], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._floor = floor
        # A person who wants to wait for less than a minute means that.
        self._window = min(WINDOW_SECONDS, max(timeout, 1.0))
        self._patience = 2 * max(timeout, self._window)
        self._slow = slow
        self._clock = clock
        self._since: float | None = None
        self._active = self._bytes = 0.0
        self._begun, self._total = clock(), 0
        #: Told of every arrival too, in the thread that reads.
        self.told: Callable[[int], None] = lambda count: None

    def answer(self) -> None:
        """A command is sent: its answer begins."""
        self._begun, self._total = self._clock(), 0

    def literal(self) -> None:
        """A message is on its way from now on."""
        self._since = self._clock()

    def line(self) -> None:
        """A line is wanted: it is on its way from its first byte on."""
        self._since = None

    def whole(self) -> None:
        """What was on its way is there."""
        self._since = None

    def arrived(self, count: int) -> None:
        """So many bytes came. Raises what ``slow`` makes when that is too few for too long."""
        now = self._clock()
        self.told(count)
        self._total += count
        if now - self._begun >= self._patience:
            if self._total < CRAWL * (now - self._begun):
                raise self._slow()
            self._begun, self._total = now, 0
        if self._since is None:
            self._since = now
            return
        self._active += now - self._since
        self._bytes += count
        self._since = now
        if self._active >= self._window:
            if self._bytes < self._floor * self._active:
                raise self._slow()
            self._active = self._bytes = 0.0
