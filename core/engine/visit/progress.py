"""Values of a run's progress: of each mailbox as the engine counts, and of the whole as it is shown. Pure.

A ``Snapshot`` is small however many mailboxes a run has: it contains those at work. The others change only when they begin or
end, and have rows of their own (``MailboxLine.packed``).
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from core.model import MailboxResult, Phase, RunStatus, Tally
from core.values import dataclass

#: Phases in which the folders of a mailbox are not listed yet.
UNLISTED = (Phase.WAITING, Phase.CONNECTING, Phase.LISTING)


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

    @property
    def fraction(self) -> float:
        """The share done, 0 to 1; 0 until its folders are listed."""
        if self.phase in UNLISTED:
            return 0.0
        if self.phase is Phase.DONE or not self.bytes_total:
            return 1.0
        return min(self.bytes_done / self.bytes_total, 1.0)

    def start_over(self) -> None:
        """Reset the progress of a mailbox that waits for another try."""
        self.result.problems.clear()
        self.result.status = RunStatus.QUEUED
        self.phase, self.folder = Phase.WAITING, ""
        self.messages_total = self.messages_done = self.bytes_total = self.bytes_done = 0


class MailboxLine(NamedTuple):
    """One mailbox as it is shown; ``bytes_*`` and ``messages_*`` cover the messages to be downloaded.

    A tuple, since tens of thousands are made at once.
    """

    mailbox: str
    user: str
    phase: str
    status: str
    folder: str = ""
    messages_total: int = 0
    messages_done: int = 0
    bytes_total: int = 0
    bytes_done: int = 0
    archived: int = 0
    moved: int = 0
    failed: int = 0
    #: The time of its next try, as ``model.timestamp`` writes it; empty while it does not wait.
    waits_until: str = ""

    def packed(self) -> list[Any]:
        """Its values in order, for JSON, without empty ones at the end; ``MailboxLine(*packed)`` is the reverse."""
        values = list(self)
        while not values[-1]:
            values.pop()
        return values


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. ``seconds_left`` is None while unknown, and rests on ``basis``; rates are per second.

    ``share``: the share done, as the mean over mailboxes, 0 to 1; ``moving``: the mailboxes at work, by position in the run.
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
    share: float
    moving: dict[int, MailboxLine]
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
        return min(self.share, 1.0)

    def as_json(self) -> dict[str, Any]:
        moving = {position: line.packed() for position, line in self.moving.items()}
        return {**{one.name: getattr(self, one.name) for one in fields(self)}, "moving": moving}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Snapshot:
        moving = {int(position): MailboxLine(*line) for position, line in value["moving"].items()}
        told = {name: tuple(value.get(name, ())) for name in ("problems", "warnings")}
        return cls(**{**value, "moving": moving, **told})
