"""Progress of a run: counted by the engine, polled by a ticker, shown by the console and the command line. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.engine.visit.progress import UNLISTED, Basis, MailboxLine, MailboxProgress, Snapshot
from core.model import Phase, RunStatus, Tally, timestamp

#: Seconds before the last progress over which rates are measured; the time since then counts too, so that a pause shows.
WINDOW_SECONDS = 10.0
#: The share of mailboxes that must be known before the remaining time is shown.
KNOWN = 0.1
#: Rows of a snapshot that name mailboxes with problems; all are counted.
SHOWN_PROBLEMS = 20
#: Phases in which the server is expected to send something.
_LISTENING = (Phase.CONNECTING, Phase.LISTING, Phase.ARCHIVING, Phase.DELETING)


@dataclass(slots=True)
class Progress:
    """The progress of a whole run. ``snapshot`` takes the seconds since the run began."""

    run: int
    profile: str
    mailboxes: Sequence[MailboxProgress]
    #: The moments of progress, with messages and bytes done by then; the first is the beginning.
    _samples: deque[tuple[float, int, int]] = field(default_factory=deque)
    _heard: tuple[float, int] = (0.0, 0)

    def snapshot(self, elapsed: float) -> Snapshot:
        messages_done = sum(mailbox.messages_done for mailbox in self.mailboxes)
        bytes_done = sum(mailbox.bytes_done for mailbox in self.mailboxes)
        bytes_total = sum(mailbox.bytes_total for mailbox in self.mailboxes)
        message_rate, byte_rate = self._rates(elapsed, messages_done, bytes_done)
        unlisted = sum(_unlisted(mailbox) for mailbox in self.mailboxes)
        totals = Tally()
        for mailbox in self.mailboxes:
            totals.add(mailbox.tally)
        left, basis = self._left(elapsed, unlisted, bytes_total, bytes_done, byte_rate)
        silent, received = self._silence(elapsed)
        return Snapshot(
            run=self.run,
            profile=self.profile,
            elapsed=round(elapsed, 3),
            messages_total=sum(mailbox.messages_total for mailbox in self.mailboxes),
            messages_done=messages_done,
            bytes_total=bytes_total,
            bytes_done=bytes_done,
            message_rate=round(message_rate, 4),
            byte_rate=round(byte_rate, 4),
            seconds_left=None if left is None else round(left, 1),
            mailboxes_total=len(self.mailboxes),
            mailboxes_done=sum(mailbox.phase is Phase.DONE for mailbox in self.mailboxes),
            mailboxes_unlisted=unlisted,
            totals=totals.as_json(),
            mailboxes=tuple(_line(mailbox) for mailbox in self.mailboxes),
            problems=tuple(self._problems()),
            basis=basis,
            silent=round(silent, 1),
            received=received,
        )

    def _left(self, elapsed: float, unlisted: int, total: int, done: int, rate: float) -> tuple[float | None, Basis]:
        """The remaining seconds, and their basis. While some mailboxes are not listed, the listed ones stand for all."""
        everyone = len(self.mailboxes)
        if not unlisted:
            return (max(total - done, 0) / rate, Basis.BYTES) if rate > 0 else (None, Basis.NOTHING)
        listed = everyone - unlisted
        if listed < KNOWN * everyone or not listed:
            return None, Basis.NOTHING
        found: list[tuple[float, Basis]] = []
        if rate > 0:
            found.append((max(total * everyone / listed - done, 0) / rate, Basis.BYTES_LISTED))
        ended = sum(mailbox.phase is Phase.DONE for mailbox in self.mailboxes)
        if ended >= KNOWN * everyone:
            # With little new mail, a mailbox takes the time of its listings.
            found.append((elapsed * (everyone - ended) / ended, Basis.MAILBOXES))
        return max(found, default=(None, Basis.NOTHING), key=lambda one: one[0] or 0.0)

    def _silence(self, elapsed: float) -> tuple[float, int]:
        received = sum(mailbox.received for mailbox in self.mailboxes)
        expected = any(mailbox.phase in _LISTENING and mailbox.waits_until is None for mailbox in self.mailboxes)
        if not expected or received != self._heard[1]:
            self._heard = (elapsed, received)
        return elapsed - self._heard[0], received

    def _rates(self, elapsed: float, messages: int, size: int) -> tuple[float, float]:
        """Messages and bytes a second.

        Measured between moments of progress: a large batch, which is done at once, counts over its whole duration. A pause
        lowers the rates, but never to zero.
        """
        if not messages and all(_unlisted(mailbox) for mailbox in self.mailboxes):
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

    def _problems(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for mailbox in self.mailboxes:
            for problem in mailbox.result.problems[-SHOWN_PROBLEMS:]:
                found.append({"mailbox": mailbox.result.mailbox, **problem.as_json()})
        return found[-SHOWN_PROBLEMS:]


def _unlisted(mailbox: MailboxProgress) -> bool:
    return mailbox.phase in UNLISTED


def _line(mailbox: MailboxProgress) -> MailboxLine:
    status = mailbox.result.status if mailbox.phase is Phase.DONE else RunStatus.RUNNING
    return MailboxLine(
        mailbox=mailbox.result.mailbox,
        user=mailbox.result.user,
        phase=mailbox.phase.value,
        status=status.value if mailbox.phase is not Phase.WAITING else RunStatus.QUEUED.value,
        folder=mailbox.folder,
        messages_total=mailbox.messages_total,
        messages_done=mailbox.messages_done,
        bytes_total=mailbox.bytes_total,
        bytes_done=mailbox.bytes_done,
        archived=mailbox.tally.archived,
        moved=mailbox.tally.moved,
        failed=mailbox.tally.failed,
        waits_until=timestamp(mailbox.waits_until) if mailbox.waits_until else "",
    )
