"""What screens are made of: values whose texts are safe to show, and the protocol of whoever supplies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tui.desk.activity_views import Activity
    from tui.desk.archive_views import Mail
    from tui.desk.directory_views import Directory
    from tui.desk.job_views import Jobs
    from tui.desk.people_views import Users
    from tui.desk.profile_views import Profiles
    from tui.desk.proof_views import Proof
    from tui.desk.seal_views import Seals
    from tui.desk.search_views import Searching
    from tui.desk.settings_views import Setup
    from tui.desk.transfer_views import Backups, Exports, Imports, Restores
    from tui.desk.unknown_views import Unknowns


class Tone(StrEnum):
    """How a text is meant; themes give it a colour. Never the only sign of anything: a glyph or a word says it as well."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    BUSY = "busy"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class State:
    """A state as a glyph, a word and a tone."""

    glyph: str
    word: str
    tone: Tone

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A profile on Home. ``key`` is its true name, for the gateway only; ``facts`` begin with the most important.

    ``deletes`` says what it deletes on the server, or nothing; ``scheduled``: it has a schedule, which is in force if
    ``automatic``.
    """

    key: str
    name: str
    mailbox: str
    server: str
    schedule: str
    automatic: bool
    scheduled: bool
    next_start: str
    deletes: str
    state: State
    facts: tuple[str, ...]
    active: bool
    last_run: int | None


class Remedy(StrEnum):
    """Where something that needs attention is mended."""

    RESULT = "result"
    EDIT = "edit"
    USERS = "users"
    SETTINGS = "settings"
    SERVICE = "service"
    UNKNOWN = "unknown"
    DIRECTORY = "directory"
    JOB = "job"
    PROOF = "proof"
    SEALS = "seals"


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that needs attention, or a ``job`` of the console that goes on or has ended since one looked.

    ``key`` is the run, the job, or the true name of the profile that the remedy is about.
    """

    text: str
    remedy: Remedy
    key: str
    words: str
    job: State | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list."""

    id: int
    state: State
    when: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProfileView:
    """One profile: ``row`` as on Home, what it does in labels and sentences, and its last runs, the newest first."""

    row: ProfileRow
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    runs: tuple[RunRow, ...]


@dataclass(frozen=True, slots=True)
class HomeView:
    """All of Home. ``busy`` counts the runs that wait or go on, ``scheduled`` the profiles that start by themselves.

    ``verified`` says when the archive was last verified, or how far that is; ``service_stuck``: the service does nothing.
    """

    path: str
    service_running: bool
    busy: int
    profiles: tuple[ProfileRow, ...]
    attention: tuple[Attention, ...]
    scheduled: int = 0
    verified: str = ""
    service_stuck: bool = False


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """What could not be archived, and why: ``place`` is mailbox, folder and UID.

    ``key`` is the true name of the mailbox, to compare only. ``full`` is the whole ``reason``, ``remedy`` what to do.
    """

    place: tuple[str, ...]
    reason: str
    key: str = ""
    mailbox: str = ""
    folder: str = ""
    uid: str = ""
    full: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A mailbox of a run. ``fraction`` is None while unknown; ``rank`` sorts: what runs, what went wrong, the rest.

    ``key`` is its true name, to compare only. ``counts`` are those that are known, by the names of ``core.model.COUNTERS``;
    ``problems`` are its own, once the run is over.
    """

    state: State
    mailbox: str
    fraction: float | None
    messages: str
    size: str
    folder: str
    rank: int
    key: str = ""
    user: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[ProblemRow] = ()


@dataclass(frozen=True, slots=True)
class RunView:
    """A run: going on, with ``counts`` that begin with the most important, or over, with ``summary`` sentences."""

    id: int
    profile: str
    state: State
    active: bool
    cancelling: bool
    fraction: float | None
    facts: tuple[str, ...]
    counts: tuple[str, ...]
    summary: tuple[str, ...]
    mailboxes: tuple[MailboxRow, ...]
    mailboxes_done: str
    problems: Sequence[ProblemRow]
    problem_count: int
    notes: tuple[str, ...]


class Refused(Exception):
    """The core could not do it: what happened, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


#: Ways to compare a server with the archive, with what each does.
COMPARISONS = (
    ("numbers", "by number: is every message on the server in the archive?"),
    ("deep", "by every byte: read all mail on the server once more"),
    ("repair", "by every byte, and archive what differs beside the old"),
)


class NoArchive(Refused):
    """There is no archive in the home folder (yet); ``hint`` is the folder."""


class NoProfile(Refused):
    """The profile is no more, or is called something else now."""


class Gateway(Protocol):
    """What the console can ask. Every method may raise ``Refused``."""

    @property
    def drafts(self) -> Profiles:
        """Making, changing and trying profiles."""

    @property
    def users(self) -> Users:
        """Whose mail is archived."""

    @property
    def unknown(self) -> Unknowns:
        """Addresses in our domains that no user has."""

    @property
    def directory(self) -> Directory:
        """Where users come from, if not from hands."""

    @property
    def settings(self) -> Setup:
        """Settings, and the state of the archive."""

    @property
    def activity(self) -> Activity:
        """What was done: runs, and the ledger."""

    @property
    def mail(self) -> Mail:
        """What is archived: folders and messages."""

    @property
    def jobs(self) -> Jobs:
        """What is done behind the pages of this console."""

    @property
    def exports(self) -> Exports:
        """Mail as files."""

    @property
    def restores(self) -> Restores:
        """Mail back into mailboxes."""

    @property
    def imports(self) -> Imports:
        """Mail from files."""

    @property
    def backups(self) -> Backups:
        """A second home with the same archive."""

    @property
    def proof(self) -> Proof:
        """Whether the archive is undamaged, and its repair."""

    @property
    def seals(self) -> Seals:
        """The places outside that the archive's seal is sent to."""

    @property
    def search(self) -> Searching:
        """Finding what is archived."""

    async def home(self) -> HomeView:
        """All of Home; starts a service if a run waits for one."""

    async def profile(self, key: str) -> ProfileView:
        """One profile."""

    async def set_automatic(self, key: str, on: bool) -> None:
        """Switch a profile that has a schedule between automatic and by hand."""

    async def start_service(self) -> None:
        """Start the service, if it is not running."""

    async def run(self, run_id: int) -> RunView:
        """One run."""

    async def start(self, profile: str) -> int:
        """Ask for a run of the profile with this key, or join the one that goes on; its number."""

    async def compare(self, profile: str, how: str) -> int:
        """Compare the profile's mailboxes with the archive, in one of the ways of ``COMPARISONS``; the number of the job."""

    def comparing(self, profile: str) -> int | None:
        """The job that compares the profile's mailboxes now."""

    async def cancel(self, run_id: int) -> None:
        """Ask the service to stop a run."""

    async def changed(self) -> bool:
        """Whether anything was written since the last call; cheap enough for four calls a second."""

    async def close(self) -> None:
        """Close what is open. No other call follows."""
