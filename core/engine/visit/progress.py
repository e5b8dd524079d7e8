"""Progress of a run: counted by the engine, polled by a ticker, shown by the console and the command line. Pure.

A ``Snapshot`` is the content of a ``run_progress`` row: plain JSON values, at most 4 a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.model import MailboxResult, Phase, RunStatus, Tally, timestamp

#: Seconds before the last progress over which rates are measured; the time since then counts too, so that a pause shows.
WINDOW_SECONDS = 10.0
#: The share of mailboxes that must be known before the remaining time is shown.
KNOWN = 0.1
#: Rows of a snapshot that name mailboxes with problems; all are counted.
SHOWN_PROBLEMS = 20
_UNLISTED = (Phase.WAITING, Phase.CONNECTING, Phase.LISTING)
#: Phases in which the server is expected to send something.
_LISTENING = (Phase.CONNECTING, Phase.LISTING, Phase.ARCHIVING, Phase.DELETING)


class Basis(StrEnum):
    """The basis of the remaining time: bytes or mailboxes, of all or of the listed ones."""

    NOTHING = ""
    BYTES = "bytes"
    BYTES_LISTED = "bytes-listed"
    MAILBOXES = "mailboxes"


@dataclass(slots=True)
class MailboxProgress:
    """The progress of one mailbox. ``bytes_total`` grows as folders are listed."""

    result: MailboxResult
    phase: Phase = Phase.WAITING
    folder: str = ""
    messages_total: int = 0
    messages_done: int = 0
    bytes_total: int = 0
    bytes_done: int = 0
    #: The mailbox's name in the ledger.
    source: str = ""
    #: The end of its wait for a busy or lost server.
    waits_until: datetime | None = None
    #: Bytes of any kind received from the server.
    received: int = 0

    def hear(self, count: int) -> None:
        """Count received bytes. Called by the one thread that reads them."""
        self.received += count

    @property
    def tally(self) -> Tally:
        return self.result.tally

    def start_over(self) -> None:
        """Reset the progress of a mailbox that waits for another try."""
        self.result.problems.clear()
        self.result.status = RunStatus.QUEUED
        self.phase, self.folder = Phase.WAITING, ""
        self.messages_total = self.messages_done = self.bytes_total = self.bytes_done = 0


@dataclass(frozen=True, slots=True)
class MailboxLine:
    """One mailbox in a snapshot; ``bytes_*`` and ``messages_*`` cover the messages to be downloaded."""

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
    #: The time of its next try, as ``model.timestamp`` writes it; empty while it does not wait.
    waits_until: str = ""

    @property
    def fraction(self) -> float:
        """The share done, 0 to 1; 0 until its folders are listed."""
        if self.phase in _UNLISTED:
            return 0.0
        if self.phase == Phase.DONE or not self.bytes_total:
            return 1.0
        return min(self.bytes_done / self.bytes_total, 1.0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. ``seconds_left`` is None while unknown, and rests on ``basis``; rates are per second.

    ``silent``: the seconds since a server's last byte, or, without any (``received`` is 0), since the run began; 0 while no
    answer is expected.
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
    #: The latest of its warnings, as ``problems.table.kept`` reads them.
    warnings: tuple[dict[str, Any], ...] = ()

    @property
    def fraction(self) -> float | None:
        """The share done, 0 to 1; None while no mailbox is known."""
        if self.mailboxes_total and self.mailboxes_done == self.mailboxes_total:
            return 1.0
        if self.mailboxes_unlisted == self.mailboxes_total:
            return None
        # The mean over mailboxes: a share of all bytes would fall back whenever another mailbox has been listed.
        return min(sum(line.fraction for line in self.mailboxes) / self.mailboxes_total, 1.0)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Snapshot:
        lines = tuple(MailboxLine(**line) for line in value["mailboxes"])
        told = {name: tuple(value.get(name, ())) for name in ("problems", "warnings")}
        return cls(**{**value, "mailboxes": lines, **told})


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
