"""The line at a terminal that says how far something is."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.cli.output import output
from core.text.format import number, size

#: Seconds between two lines.
TICK = 0.25


class Progress:
    """A line of progress for a person, not more often than one can read: ``seconds`` lie between two."""

    def __init__(self, seconds: float = TICK) -> None:
        self._seconds = seconds
        self._last = float("-inf")

    def __call__(self, text: Callable[[], str]) -> None:
        """Show a line, which is made only when it is shown."""
        now = time.monotonic()
        if output.for_person and now - self._last >= self._seconds:
            self._last = now
            output.progress(text())

    def messages(self, done: int, total: int, bytes_: int, where: str) -> None:
        """Show how many messages are done, of how many if that is known, and where it is."""
        of = f" of {number(total)}" if total else ""
        self(lambda: f"{number(done)}{of}, {size(bytes_)}: {where}")

    def end(self) -> None:
        """Take the line away."""
        if self._last > float("-inf"):
            output.progress()
