"""Progress of a run: counted by the engine, pulled by a ticker, shown by whoever watches. Pure computation.

A ``Snapshot`` is what one row of ``run_progress`` holds: plain JSON values, at most 4 a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.model import MailboxResult, Phase, RunStatus, Tally, timestamp

#: Rates are those of the seconds before the last progress, and of all time since, so that a pause shows and nothing vanishes.
WINDOW_SECONDS = 10.0
#: The share of the mailboxes that must be known before the time that is left is told.
KNOWN = 0.1
#: Rows of a snapshot that name mailboxes; the rest is in the counts.
SHOWN_PROBLEMS = 20
_UNLISTED = (Phase.WAITING, Phase.CONNECTING, Phase.LISTING)
#: Phases in which the server is to send something.
_LISTENING = (Phase.CONNECTING, Phase.LISTING, Phase.ARCHIVING, Phase.DELETING)


class Basis(StrEnum):
    """The ground of the time that is left: bytes or mailboxes, of all that is to be done or of what is listed so far."""

    NOTHING = ""
    BYTES = "bytes"
    BYTES_LISTED = "bytes-listed"
    MAILBOXES = "mailboxes"


@dataclass(slots=True)
class MailboxProgress:
    """What is known of one mailbox while it is archived. ``bytes_total`` grows as folders are listed."""

    result: MailboxResult
    phase: Phase = Phase.WAITING
    folder: str = ""
    messages_total: int = 0
    messages_done: int = 0
    bytes_total: int = 0
    bytes_done: int = 0
    #: The mailbox's name in the ledger.
    source: str = ""
    #: Until when it waits for a server that has too much to do, or that went away.
    waits_until: datetime | None = None
    #: Bytes of any kind that the server sent.
    received: int = 0

    def hear(self, count: int) -> None:
        """So many bytes came. Called by the one thread that reads them."""
        self.received += count

    @property
    def tally(self) -> Tally:
        return self.result.tally

    def start_over(self) -> None:
        """The mailbox waits for another try; what is known of this one is forgotten."""
        self.result.problems.clear()
        self.result.status = RunStatus.QUEUED
        self.phase, self.folder = Phase.WAITING, ""
        self.messages_total = self.messages_done = self.bytes_total = self.bytes_done = 0


@dataclass(frozen=True, slots=True)
class MailboxLine:
    """One mailbox in a snapshot; ``bytes_*`` and ``messages_*`` are of what is to be downloaded."""

    mailbox: str
    user: str
    phase: str
    status: str
    folder: str
    messages_total: int
    messages_done: int
    bytes_total: int
    bytes_done: int
    archived: int
    moved: int
    failed: int
    #: When it will try again, as ``model.timestamp`` writes it; empty while it does not wait.
    waits_until: str = ""

    @property
    def fraction(self) -> float:
        """Share done, 0 to 1; 0 until its folders are listed."""
        if self.phase in _UNLISTED:
            return 0.0
        if self.phase == Phase.DONE or not self.bytes_total:
            return 1.0
        return min(self.bytes_done / self.bytes_total, 1.0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. ``seconds_left`` is None while it cannot be known, and rests on ``basis``; rates are per second.

    ``silent`` are the seconds since a server sent its last byte, or, if it has sent none yet (``received`` is 0), since the
    run began; 0 while nothing is expected of any.
    """

    run: int
    profile: str
    elapsed: float
    messages_total: int
    messages_done: int
    bytes_total: int
    bytes_done: int
    message_rate: float
    byte_rate: float
    seconds_left: float | None
    mailboxes_total: int
    mailboxes_done: int
    mailboxes_unlisted: int
    totals: dict[str, int]
    mailboxes: tuple[MailboxLine, ...]
    problems: tuple[dict[str, Any], ...] = ()
    basis: str = Basis.NOTHING
    silent: float = 0.0
    received: int = 0

    @property
    def fraction(self) -> float | None:
        """Share done, 0 to 1; None while nothing is known of any mailbox."""
        if self.mailboxes_total and self.mailboxes_done == self.mailboxes_total:
            return 1.0
        if self.mailboxes_unlisted == self.mailboxes_total:
            return None
        # The mean of the mailboxes: a share of all bytes would fall back whenever another mailbox has been listed.
        return min(sum(line.fraction for line in self.mailboxes) / self.mailboxes_total, 1.0)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Snapshot:
        lines = tuple(MailboxLine(**line) for line in value["mailboxes"])
        return cls(**{**value, "mailboxes": lines, "problems": tuple(value["problems"])})


@dataclass(slots=True)
class Progress:
    """The whole run. ``snapshot`` is called with the seconds since the run began."""

    run: int
    profile: str
    mailboxes: Sequence[MailboxProgress]
    #: The moments at which something was done, with messages and bytes done by then; the first is the beginning.
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
        """Seconds that are left, and what that rests on. While mailboxes are not listed, those that are stand for all."""
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
            # Where little is new, a mailbox takes the time that it takes to look at it.
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

        Counted between moments at which something was done: a large batch, which is done at once, has the rate of all the
        time that it took. A pause makes the rates smaller, and never nothing.
        """
        if not messages and all(_unlisted(mailbox) for mailbox in self.mailboxes):
            # Connecting and listing are no part of the rate.
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
    return mailbox.phase in _UNLISTED


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
