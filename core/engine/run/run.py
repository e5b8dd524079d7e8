"""A run of a profile: its mailboxes, several at once, and the result that the command line contract promises."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.catalog.settings import Settings
from core.archive.read import siblings
from core.archive.registry import unknown
from core.archive.store.entries.upkeep import RunFinished
from core.archive.store.ledger import Draft
from core.engine.run.mailbox import archive_mailbox
from core.engine.visit import allowance, catchall
from core.engine.visit.allowance import Allowance
from core.engine.visit.breaker import Breaker
from core.engine.visit.catchall import SortedFiling, Sorting
from core.engine.visit.filing import Destination, Filing, OwnFiling
from core.engine.visit.limits import Limits
from core.engine.visit.link import BACKOFF, Link
from core.engine.visit.progress import MailboxProgress
from core.engine.visit.reckoning import Reckoning
from core.engine.visit.renamed_logins import RenamedLogins
from core.engine.visit.roster import Roster, credentials, roster
from core.engine.visit.run_progress import Progress
from core.engine.visit.server import KnownServer
from core.engine.visit.story import Listener, Story
from core.engine.visit.visit import Rules, Visit
from core.errors import ArchivarError, ConnectError
from core.imap.login import ServerKnowledge
from core.imap.session import Session
from core.model import EventKind, MailboxResult, Phase, Problem, Run, RunStatus, Tally, Told, now, timestamp
from core.problems.code import Reason
from core.problems.connection import NOT_TRIED
from core.problems.table import failed, warned
from core.problems.warning import NOBODY, TO_BE_FILED
from core.profiles.deletion import Deletion, When
from core.profiles.mailboxes import Mailbox
from core.profiles.profile import Profile
from core.secrets import Secret
from core.system.tasks import together
from core.values import dataclass

#: An age limit by which no mail is old.
NOTHING_IS_OLD = datetime(1000, 1, 1, tzinfo=UTC)
#: Times that a mailbox without a free connection on the server is put behind the others.
POSTPONED = 3


@dataclass(frozen=True, slots=True)
class RunParameters:
    """The parameters of a run: profile, password and limits. ``emit(kind, mailbox, text)`` records its events.

    ``limits`` are shared with the other runs of the service.
    """

    run: Run
    profile: Profile
    password: Secret
    listener: Listener
    backoff: tuple[float, ...] = BACKOFF
    limits: Limits = field(default_factory=Limits)
    #: Ages do not count: the clock cannot be trusted.
    ageless: bool = False


@dataclass(slots=True)
class MailboxTurn:
    """A mailbox in the queue of a run, with the number of its postponements."""

    mailbox: Mailbox
    progress: MailboxProgress
    postponed: int = 0
    connected: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings of a run before its beginning. ``sorting`` is of a catch-all mailbox.

    ``unseen``: mailboxes that no run has looked at, by their names in the ledger.
    """

    roster: Roster
    server: KnownServer
    settings: Settings
    sorting: Sorting | None
    allowance: Allowance
    unseen: frozenset[str]

    @classmethod
    async def of(cls, archive: Archive, job: RunParameters) -> Findings:
        """Find the mailboxes. Raises ``InputError`` when the user of the profile is no more."""
        profile = job.profile
        found = await roster(archive, profile)
        sorting = await catchall.sorting(archive, profile) if profile.catchall else None
        server = await KnownServer.load(archive, profile.server, job.listener, keeps=not job.run.dry_run)
        may = await allowance.of_profile(archive, profile.name, profile.server.megabytes_a_day)
        sources = {mailbox.source(profile.server) for mailbox in found.mailboxes}
        unseen = await siblings.unseen(archive, sources) if profile.deletion.active else set()
        return cls(found, server, await settings.read(archive.database), sorting, may, frozenset(unseen))


class _Connections:
    """The connections of one run, in all its mailboxes."""

    def __init__(self, archive: Archive, job: RunParameters, found: Findings) -> None:
        self.slots = job.limits.slots(job.profile.server)
        self.breaker = Breaker()
        #: How many mailboxes have one now.
        self.count = 0
        self._job = job
        self._found = found
        self._known = ServerKnowledge()
        self._renamed = RenamedLogins(archive)

    async def connect(self, turn: MailboxTurn) -> Session:
        """A session in the mailbox whose turn it is. Raises ``ConnectError``."""
        profile = self._job.profile
        try:
            login = credentials(profile, turn.mailbox, self._job.password, self._known)
            session = await self._renamed.open(profile, turn.mailbox, login)
        except ConnectError as error:
            if error.busy:
                self.slots.refused()
            raise
        self.count += not turn.connected
        turn.connected = True
        session.received = self._found.allowance.received
        session.hear(turn.progress.hear)
        self.slots.succeeded()
        self.breaker.succeeded()
        return await self._found.server.welcome(session)

    def ended(self, turn: MailboxTurn) -> None:
        """The mailbox needs its connection no more."""
        self.count -= turn.connected
        turn.connected = False


@dataclass(frozen=True, slots=True)
class _Line:
    """The line of one mailbox, among the run's connections (``link.Line``)."""

    connections: _Connections
    turn: MailboxTurn
    story: Story

    async def connect(self) -> Session:
        return await self.connections.connect(self.turn)

    @property
    def worked(self) -> bool:
        return self.connections.breaker.worked

    def crowded(self) -> None:
        self.connections.slots.refused()

    def waits(self, why: Reason, until: datetime) -> None:
        self.story.waits(why, until)

    def goes_on(self) -> None:
        self.story.goes_on()


class ProfileRun:
    """One run of a profile. ``progress`` may be read at any time."""

    def __init__(self, archive: Archive, job: RunParameters, found: Findings) -> None:
        self._archive = archive
        self._job = job
        self._found = found
        self._unseen = set(found.unseen)
        self._connections = _Connections(archive, job, found)
        self._rules = rules_of(job.profile, found.settings, now(), ageless=job.ageless)
        self.mailboxes = rows(job.profile, found.roster)
        self._queue = deque(
            MailboxTurn(mailbox, row) for mailbox, row in zip(found.roster.mailboxes, self.mailboxes, strict=False)
        )
        self.progress = Progress(job.run.id, job.profile.name, self.mailboxes)

    @classmethod
    async def prepare(cls, archive: Archive, job: RunParameters) -> ProfileRun:
        """Find the mailboxes. Raises ``InputError`` when the profile's user was removed."""
        return cls(archive, job, await Findings.of(archive, job))

    async def execute(self) -> None:
        """Archive. Raises ``StorageError`` and other errors of the archive; problems of mailboxes are in the results."""
        for warning in (*self._job.profile.warnings(), *self._found.roster.warnings):
            self._warn(warning)
        if not self.mailboxes:
            self._warn(NOBODY())
        await together([self._work() for _ in range(self._mailboxes_at_once())])
        if self._found.sorting is not None and (count := await unknown.to_be_filed(self._archive)):
            self._warn(TO_BE_FILED(count=count))

    def _mailboxes_at_once(self) -> int:
        return min(self._job.profile.server.connections, len(self._queue))

    def _warn(self, reason: Reason) -> None:
        self._job.listener.warn("", reason)

    async def _work(self) -> None:
        """Take mailboxes from the queue until it is empty."""
        while self._queue:
            turn = self._queue.popleft()
            if self._connections.breaker.open is not None:
                self._skip(turn.progress, self._connections.breaker.open)
                continue
            error = await self._visit(turn)
            if isinstance(error, ConnectError):
                self._after(turn, error)

    async def _visit(self, turn: MailboxTurn) -> ArchivarError | None:
        """Archive a mailbox as soon as its server has room for one more; the error that it ended by, if any."""
        async with self._connections.slots.taken():
            return await self._archive_mailbox(turn)

    def _after(self, turn: MailboxTurn, error: ConnectError) -> None:
        """Handle a mailbox that could not be opened, or whose connection was lost: its own result, and that of the others."""
        opened = turn.progress.tally.found > 0
        # "Too many connections" is believed while some are open; a server that takes none at all is out of reach.
        if not opened and not (error.busy and self._connections.count):
            self._connections.breaker.failed(error)
        hopeful = error.busy and not opened and not self._connections.breaker.open and len(self.mailboxes) > 1
        if hopeful and turn.postponed < POSTPONED:
            turn.postponed += 1
            turn.progress.start_over()
            self._queue.append(turn)
            return
        result = turn.progress.result
        last = result.problems[-1]
        self._job.listener.tell(EventKind.PROBLEM, result.mailbox, Told(last.reason, last.folder, last.uid))

    def _skip(self, progress: MailboxProgress, why: Reason) -> None:
        progress.result.problems.append(Problem("", None, NOT_TRIED(why=why)))
        progress.result.status = RunStatus.FAILED
        progress.phase = Phase.DONE

    async def _archive_mailbox(self, turn: MailboxTurn) -> ArchivarError | None:
        job, mailbox = self._job, turn.mailbox
        story = Story(turn.progress, job.listener)
        link = Link(_Line(self._connections, turn, story), job.backoff, Reckoning(self._found.allowance))
        to = Destination(job.run.id, turn.progress.source, mailbox.user.id, mailbox.top, mailbox.everybody, mailbox.login)
        rules = replace(self._rules, early=len(self._unseen) > (to.source in self._unseen))
        if mailbox.login.casefold() in self._found.roster.shared:
            rules = replace(rules, deletion=Deletion())
        visit = Visit(link, self._filing(to), rules, job.limits.budget, self._found.server, story)
        try:
            error = await archive_mailbox(visit, dry_run=job.run.dry_run)
        except BaseException:
            # Cancelled, or the archive cannot be written: no LOGOUT.
            await link.drop()
            raise
        finally:
            self._connections.ended(turn)
            turn.progress.waits_until = None
        await link.close()
        if to.source in self._unseen and not job.run.dry_run and not (isinstance(error, ConnectError) and error.busy):
            # A mailbox that cannot be opened must not keep all others waiting.
            await siblings.saw(self._archive, to.source)
            self._unseen.discard(to.source)
        return error

    def _filing(self, to: Destination) -> Filing:
        sorting = self._found.sorting
        return SortedFiling(self._archive, to, sorting) if sorting else OwnFiling(self._archive, to)

    def status(self) -> RunStatus:
        """The result of a run that was not cancelled."""
        found = {mailbox.result.status for mailbox in self.mailboxes}
        if found == {RunStatus.FAILED}:
            return RunStatus.FAILED
        return RunStatus.SUCCEEDED if found <= {RunStatus.SUCCEEDED} else RunStatus.WITH_ERRORS


def rules_of(profile: Profile, settings: Settings, moment: datetime, *, ageless: bool) -> Rules:
    """The profile's rules at a moment. ``ageless``: without trusted ages nothing is old enough, or deleted by age."""
    rules = Rules(profile.folders, profile.filter, profile.deletion, moment, settings)
    if not ageless or not profile.by_age:
        return rules
    deletion = replace(profile.deletion, when=When.NEVER, age=None)
    return replace(rules, deletion=deletion, now=NOTHING_IS_OLD if profile.filter.older_than else moment)


def rows(profile: Profile, found: Roster) -> list[MailboxProgress]:
    """The rows of a run: each mailbox, in the order of the roster, then those that cannot be archived."""
    wanted = [
        MailboxProgress(MailboxResult(mailbox.top, mailbox.user.name), source=mailbox.source(profile.server))
        for mailbox in found.mailboxes
    ]
    return wanted + [MailboxProgress(result, Phase.DONE) for result in found.impossible]


def result(
    run: Run,
    status: RunStatus,
    times: tuple[datetime, datetime],
    warnings: Sequence[Reason],
    mailboxes: list[MailboxProgress],
    reason: Reason | None = None,
) -> dict[str, Any]:
    """The JSON object of ``run --json``; ``times``: its start and end; ``reason``: why it failed as a whole."""
    totals = Tally()
    for mailbox in mailboxes:
        totals.add(mailbox.tally)
    return {
        "run": run.id,
        "profile": run.profile,
        "dry_run": run.dry_run,
        "status": status.value,
        "started": timestamp(times[0]),
        "finished": timestamp(times[1]),
        **failed(reason),
        **warned(warnings),
        "totals": totals.as_json(),
        "mailboxes": [mailbox.result.as_json() for mailbox in mailboxes],
    }


def finished_entry(value: dict[str, Any]) -> Draft:
    """The ledger's entry about a run's result."""
    problems = sum(len(mailbox["problems"]) for mailbox in value["mailboxes"])
    status = RunStatus(value["status"])
    return Draft(RunFinished(value["run"], value["profile"], value["dry_run"], status, value["totals"], problems))
