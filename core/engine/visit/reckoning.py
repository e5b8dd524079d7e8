"""Estimates before messages are requested: their sizes, and the number still allowed today.

A size announced by the server only decides how much is requested at once. When more comes than announced, announcements are not
trusted any more, and earlier messages are the measure. The actual bytes decide how much memory is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.engine.visit.allowance import Allowance

#: Bytes assumed for a message of unannounced size.
UNTOLD = 256 * 1024
#: Bytes above the announced size that raise no doubt: servers count line ends in their own way.
TOLERANCE = 64 * 1024


class Reckoning:
    """Sizes of one mailbox's messages, and the profile's ``allowance`` for the day."""

    def __init__(self, allowance: Allowance | None = None) -> None:
        self.allowance = allowance or Allowance()
        self._doubtful = False
        self._bytes = self._messages = 0

    def size(self, announced: int) -> int:
        """The bytes reckoned for a message of this announced size."""
        if announced > 0 and not self._doubtful:
            return announced
        # A quarter more than on average.
        usual = self._bytes * 5 // (self._messages * 4) if self._messages else UNTOLD
        return max(announced, usual)

    def learn(self, announced: Sequence[int], received: Sequence[int]) -> None:
        """Compare announced with received sizes, message by message."""
        before, after = sum(announced), sum(received)
        if after > before + before // 4 + TOLERANCE:
            self.doubt()
        self._bytes += after
        self._messages += len(received)

    def doubt(self) -> None:
        """Record that a message was far larger than announced."""
        self._doubtful = True
