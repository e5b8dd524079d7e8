"""The progress line at a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.cli.output import output
from core.text.format import number, size

#: Seconds between two lines.
TICK = 0.25


class ProgressLine:
    """A progress line, updated at most every ``seconds``."""

    def __init__(self, seconds: float = TICK) -> None:
        self._seconds = seconds
        self._last = float("-inf")

    def __call__(self, text: Callable[[], str]) -> None:
        """Show a line, which is only made when it is due."""
        now = time.monotonic()
        if output.for_person and now - self._last >= self._seconds:
            self._last = now
            output.progress(text())

    def messages(self, done: int, total: int, bytes_: int, where: str) -> None:
        """Show the number of messages done, the total if known, and the place."""
        of = f" of {number(total)}" if total else ""
        self(lambda: f"{number(done)}{of}, {size(bytes_)}: {where}")

    def end(self) -> None:
        """Clear the line."""
        if self._last > float("-inf"):
            output.progress()
