"""Progress of a run: counted by the engine, polled by a ticker, shown by the console and the command line. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from core.engine.visit.motion import WHOLE, Motion
from core.engine.visit.progress import Basis, MailboxLine, MailboxProgress, Snapshot
from core.model import COUNTERS

#: Seconds before the last progress over which rates are measured; the time since then counts too, so that a pause shows.
WINDOW_SECONDS = 10.0
#: The share of mailboxes that must be known before the remaining time is shown.
KNOWN = 0.1


class Progress:
    """The progress of a whole run. ``snapshot`` takes the seconds since the run began, and costs what has changed since."""

    def __init__(self, run: int, profile: str, mailboxes: Sequence[MailboxProgress]) -> None:
        self._run = run
        self._profile = profile
        self._count = len(mailboxes)
        self._motion = Motion(mailboxes)
        #: The moments of progress, with messages and bytes done by then; the first is the beginning.
        self._samples: deque[tuple[float, int, int]] = deque()
        self._heard = (0.0, 0)

    def snapshot(self, elapsed: float) -> Snapshot:
        """The run now."""
        self._motion.look()
        sums = self._motion.sums
        message_rate, byte_rate = self._rates(elapsed)
        left, basis = self._left(elapsed, byte_rate)
        return Snapshot(
            run=self._run,
            profile=self._profile,
            elapsed=round(elapsed, 3),
            messages_total=sums.messages_total,
            messages_done=sums.messages_done,
            bytes_total=sums.bytes_total,
            bytes_done=sums.bytes_done,
            message_rate=round(message_rate, 4),
            byte_rate=round(byte_rate, 4),
            seconds_left=None if left is None else round(left, 1),
            mailboxes_total=self._count,
            mailboxes_done=sums.done,
            mailboxes_unlisted=sums.unlisted,
            totals={name: getattr(sums, name) for name in COUNTERS},
            # The mean over mailboxes: a share of all bytes would fall back whenever another mailbox has been listed.
            share=sums.share / (WHOLE * self._count) if self._count else 0.0,
            moving=self._motion.moving,
            problems=self._motion.problems(),
            basis=basis,
            silent=round(self._silence(elapsed), 1),
            received=sums.received,
        )

    def settled(self) -> dict[int, MailboxLine]:
        """The lines, by position, of mailboxes that came to rest since the last call; at first those of all mailboxes."""
        return self._motion.settled()

    def _left(self, elapsed: float, rate: float) -> tuple[float | None, Basis]:
        """The remaining seconds, and their basis. While some mailboxes are not listed, the listed ones stand for all."""
        sums, everyone = self._motion.sums, self._count
        if not sums.unlisted:
            return (max(sums.bytes_total - sums.bytes_done, 0) / rate, Basis.BYTES) if rate > 0 else (None, Basis.NOTHING)
        listed = everyone - sums.unlisted
        if listed < KNOWN * everyone or not listed:
            return None, Basis.NOTHING
        found: list[tuple[float, Basis]] = []
        if rate > 0:
            found.append((max(sums.bytes_total * everyone / listed - sums.bytes_done, 0) / rate, Basis.BYTES_LISTED))
        if sums.done >= KNOWN * everyone:
            # With little new mail, a mailbox takes the time of its listings.
            found.append((elapsed * (everyone - sums.done) / sums.done, Basis.MAILBOXES))
        return max(found, default=(None, Basis.NOTHING), key=lambda one: one[0] or 0.0)

    def _silence(self, elapsed: float) -> float:
        received = self._motion.sums.received
        if not self._motion.sums.listening or received != self._heard[1]:
            self._heard = (elapsed, received)
        return elapsed - self._heard[0]

    def _rates(self, elapsed: float) -> tuple[float, float]:
        """Messages and bytes a second.

        Measured between moments of progress: a large batch, which is done at once, counts over its whole duration. A pause
        lowers the rates, but never to zero.
        """
        sums = self._motion.sums
        messages, size = sums.messages_done, sums.bytes_done
        if not messages and sums.unlisted == self._count:
            # Connecting and listing do not count for the rate.
            self._samples.clear()
        if not self._samples or self._samples[-1][1:] != (messages, size):
            self._samples.append((elapsed, messages, size))
        last = self._samples[-1][0]
        while len(self._samples) > 2 and self._samples[1][0] <= last - WINDOW_SECONDS:
            self._samples.popleft()
        then, messages_then, size_then = self._samples[0]
        if elapsed <= then:
            return 0.0, 0.0
        return max(messages - messages_then, 0) / (elapsed - then), max(size - size_then, 0) / (elapsed - then)
