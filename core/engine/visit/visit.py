"""The values shared by all parts of one mailbox's visit: archive, connection, rules, and event log."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from core.archive.catalog.settings import Settings
from core.archive.visited import VisitedArchive
from core.engine.visit.filing import Destination, Filing
from core.engine.visit.limits import Budget
from core.engine.visit.link import Link
from core.engine.visit.server import KnownServer
from core.engine.visit.story import Story
from core.model import now
from core.profiles.deletion import Deletion
from core.profiles.filter import Filter
from core.profiles.rules import FolderRules
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of a mailbox in one run. ``now`` is the moment from which ages are counted."""

    folders: FolderRules = field(default_factory=FolderRules)
    filter: Filter = field(default_factory=Filter)
    deletion: Deletion = field(default_factory=Deletion)
    now: datetime = field(default_factory=now)
    settings: Settings = field(default_factory=Settings)
    #: Other mailboxes of the profile were never visited: folders of theirs in this one may not be recognised yet.
    early: bool = False


@dataclass(slots=True)
class Visit:
    """One mailbox in one run. Counts, problems and events go to its ``story``."""

    link: Link
    filing: Filing
    rules: Rules
    budget: Budget
    server: KnownServer
    story: Story

    @property
    def archive(self) -> VisitedArchive:
        """The archive that its messages are filed into."""
        return self.filing.archive

    @property
    def to(self) -> Destination:
        """The archive that the mailbox goes to."""
        return self.filing.to

    @property
    def source(self) -> str:
        """The mailbox's name in the ledger."""
        return self.to.source
