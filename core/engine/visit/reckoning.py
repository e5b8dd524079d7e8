"""Estimates before messages are asked for: how large they are, and how many may still come today.

A size that a server announces decides only how much is asked for at once. Where more comes than was announced, announcements
are not believed any more, and what came before is what is reckoned with. The bytes themselves decide how much memory is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.engine.visit.allowance import Allowance

#: What is reckoned with for a message of which no size is told.
UNTOLD = 256 * 1024
#: So much more than announced is no reason to doubt: servers count line ends in their own way.
TOLERANCE = 64 * 1024


class Reckoning:
    """Sizes of one mailbox's messages, and the profile's ``allowance`` for the day."""

    def __init__(self, allowance: Allowance | None = None) -> None:
        self.allowance = allowance or Allowance()
        self._doubtful = False
        self._bytes = self._messages = 0

    def size(self, announced: int) -> int:
        """How many bytes a message may have that is announced with so many."""
        if announced > 0 and not self._doubtful:
            return announced
        # A quarter more than on average.
        usual = self._bytes * 5 // (self._messages * 4) if self._messages else UNTOLD
        return max(announced, usual)

    def learn(self, announced: Sequence[int], received: Sequence[int]) -> None:
        """Compare what was announced with what came, message by message."""
        before, after = sum(announced), sum(received)
        if after > before + before // 4 + TOLERANCE:
            self.doubt()
        self._bytes += after
        self._messages += len(received)

    def doubt(self) -> None:
        """A message was far larger than announced."""
        self._doubtful = True
