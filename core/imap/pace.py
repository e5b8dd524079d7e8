"""The least speed of a server: a message, or a line, that hardly progresses is no better than silence.

Silence itself is the socket's timeout, which a byte now and then resets. Only time within a begun and unfinished unit counts,
so a server that thinks before it answers, or between two messages, is not slow. Keep-alive lines (``* OK Still here``) are each
complete; alone, for long, they are no answer either.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds over which the speed of a message is measured.
WINDOW_SECONDS = 60.0
#: The same for a whole answer, over twice the timeout.
CRAWL = 64.0


class Pace:
    """Called for every arrival. ``floor`` in bytes a second, ``window`` in seconds; ``slow`` makes the error to raise."""

    def __init__(
        self, floor: float, timeout: float, slow: Callable[[], BaseException], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._floor = floor
        # A timeout under a minute is meant.
        self._window = min(WINDOW_SECONDS, max(timeout, 1.0))
        self._patience = 2 * max(timeout, self._window)
        self._slow = slow
        self._clock = clock
        self._since: float | None = None
        self._active = self._bytes = 0.0
        self._begun, self._total = clock(), 0
        #: Called for every arrival too, in the reading thread.
        self.told: Callable[[int], None] = lambda count: None

    def answer(self) -> None:
        """Begin an answer: a command is sent."""
        self._begun, self._total = self._clock(), 0

    def literal(self) -> None:
        """Begin a literal."""
        self._since = self._clock()

    def line(self) -> None:
        """Begin a line: it is measured from its first byte on."""
        self._since = None

    def whole(self) -> None:
        """End the present unit: it is complete."""
        self._since = None

    def arrived(self, count: int) -> None:
        """Count arrived bytes. Raises the error of ``slow`` when they are too few for too long."""
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
