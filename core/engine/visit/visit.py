"""The values that all parts of one mailbox's visit share: archive, connection, rules, and the story that is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from core.archive.archive import Archive
from core.archive.catalog.settings import Settings
from core.engine.visit.filing import Destination, Filing
from core.engine.visit.limits import Budget
from core.engine.visit.link import Link
from core.engine.visit.progress import MailboxProgress
from core.engine.visit.server import KnownServer
from core.imap.names import Folder
from core.model import Problem, Tally, now
from core.problems.code import Reason
from core.profiles.deletion import Deletion
from core.profiles.filter import Filter
from core.profiles.rules import FolderRules

#: Tells the story of a run: ``emit(kind, text)``.
Emit = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that hold for every mailbox of a profile. ``now`` is the moment from which ages are counted."""

    folders: FolderRules = field(default_factory=FolderRules)
    filter: Filter = field(default_factory=Filter)
    deletion: Deletion = field(default_factory=Deletion)
    now: datetime = field(default_factory=now)


@dataclass(slots=True)
class Visit:
    """One mailbox in one run. Counts and problems go into ``progress``, ``emit`` is told the story."""

    archive: Archive
    link: Link
    to: Destination
    filing: Filing
    rules: Rules
    budget: Budget
    server: KnownServer
    settings: Settings
    progress: MailboxProgress
    emit: Emit
    #: Other mailboxes of the profile were never looked at: what of this one is theirs may not be known yet.
    early: bool = False

    @property
    def source(self) -> str:
        """The mailbox's name in the ledger."""
        return self.to.source

    @property
    def tally(self) -> Tally:
        return self.progress.tally

    def fail(self, folder: Folder, uid: int | None, reason: Reason) -> None:
        """Name a message (``uid``) or a folder that could not be archived or deleted, or whose answers do not add up."""
        problem = Problem(folder.path, uid, reason)
        self.progress.result.problems.append(problem)
        self.emit("problem", f"{folder.path}{f', UID {uid}' if uid else ''}: {problem.text}")

    def warn(self, text: str) -> None:
        """Tell what should be known of this run."""
        self.emit("warning", text)

    def problems(self, folder: Folder) -> list[Problem]:
        """Problems of a folder and its messages that this run named."""
        return [problem for problem in self.progress.result.problems if problem.folder == folder.path]

    def blamed(self, folder: Folder) -> bool:
        """Did this run name the folder as a whole?"""
        return any(problem.uid is None for problem in self.problems(folder))
