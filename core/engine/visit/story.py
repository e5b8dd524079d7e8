"""The story of one mailbox's visit: its progress, its problems, and the events that are reported as it goes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from core.engine.visit.progress import MailboxProgress
from core.imap.names import Folder
from core.model import EventKind, Problem, Tally, Told, timestamp
from core.problems import event
from core.problems.code import Reason


class Listener(Protocol):
    """Receives the events of a run."""

    def tell(self, kind: EventKind, mailbox: str, told: Told) -> None:
        """An event of a mailbox; with an empty name of the whole run."""

    def warn(self, mailbox: str, reason: Reason) -> None:
        """A warning about a mailbox; with an empty name about the whole run."""


class Silence:
    """A listener for work whose events are of no account."""

    def tell(self, kind: EventKind, mailbox: str, told: Told) -> None:
        """Drop the event."""

    def warn(self, mailbox: str, reason: Reason) -> None:
        """Drop the warning."""


class Story:
    """The narrator of one mailbox: counts go into ``progress``, events to ``listener``."""

    def __init__(self, progress: MailboxProgress, listener: Listener) -> None:
        self.progress = progress
        self._listener = listener

    @property
    def tally(self) -> Tally:
        return self.progress.tally

    def tell(self, kind: EventKind, reason: Reason, folder: str = "", uid: int | None = None) -> None:
        """Report an event of this mailbox, with the path of the folder and the message that it is about."""
        self._listener.tell(kind, self.progress.result.mailbox, Told(reason, folder, uid))

    def warn(self, reason: Reason) -> None:
        """Report a warning about this mailbox."""
        self._listener.warn(self.progress.result.mailbox, reason)

    def fail(self, folder: Folder, uid: int | None, reason: Reason) -> None:
        """Record a problem of a message (``uid``) or a folder: not archived, not deleted, or inconsistent answers."""
        self.progress.result.problems.append(Problem(folder.path, uid, reason))
        self.tell(EventKind.PROBLEM, reason, folder.path, uid)

    def problems(self, folder: Folder) -> list[Problem]:
        """This run's problems of a folder and its messages."""
        return [problem for problem in self.progress.result.problems if problem.folder == folder.path]

    def blamed(self, folder: Folder) -> bool:
        """True when this run named the folder as a whole."""
        return any(problem.uid is None for problem in self.problems(folder))

    def waits(self, why: Reason, until: datetime) -> None:
        """The mailbox waits for its server until then."""
        self.progress.waits_until = until
        self.tell(EventKind.WAITING, event.WAITING(why=why, until=timestamp(until)))

    def goes_on(self) -> None:
        """The wait is over."""
        self.progress.waits_until = None

    # Downloads, planned and done: messages by their announced sizes in bytes ------------------------

    def expect(self, sizes: Iterable[int]) -> None:
        """Add messages to those that are to be downloaded."""
        for size in sizes:
            self.progress.messages_total += 1
            self.progress.bytes_total += size

    def spare(self, sizes: Iterable[int]) -> None:
        """Take messages out of those that are to be downloaded."""
        for size in sizes:
            self.progress.messages_total -= 1
            self.progress.bytes_total -= size

    def done(self, sizes: Iterable[int]) -> None:
        """Count messages as handled, with any result."""
        for size in sizes:
            self.progress.messages_done += 1
            self.progress.bytes_done += size
