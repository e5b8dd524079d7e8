"""A run of a profile: its mailboxes, several at once, and the result that the command line contract promises."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.catalog.settings import Settings
from core.archive.read import siblings
from core.archive.registry import unknown
from core.archive.store.entries.upkeep import RunFinished
from core.archive.store.ledger import Draft
from core.engine.run.mailbox import MailboxArchiver, archive_mailbox
from core.engine.visit import allowance, catchall
from core.engine.visit.allowance import Allowance
from core.engine.visit.breaker import Breaker
from core.engine.visit.catchall import SortedFiling, Sorting
from core.engine.visit.filing import Destination, Filing, OwnFiling
from core.engine.visit.limits import Limits
from core.engine.visit.link import BACKOFF, Link
from core.engine.visit.progress import MailboxProgress, Progress
from core.engine.visit.reckoning import Reckoning
from core.engine.visit.renamed_logins import RenamedLogins
from core.engine.visit.roster import Roster, credentials, roster
from core.engine.visit.server import KnownServer
from core.engine.visit.visit import Rules, Visit
from core.errors import ArchivarError, ConnectError
from core.imap.login import Known
from core.imap.session import Session
from core.model import MailboxResult, Phase, Problem, Run, RunStatus, Tally, now, timestamp
from core.problems.code import Reason
from core.problems.connection import NOT_TRIED
from core.profiles.deletion import Deletion, When
from core.profiles.mailboxes import Mailbox
from core.profiles.profile import Profile
from core.secrets import Secret
from core.system.tasks import together
from core.text.format import number

Emit = Callable[[str, str, str], None]

#: A moment at which no mail was of any age yet.
NOTHING_IS_OLD = datetime(1000, 1, 1, tzinfo=UTC)
#: A mailbox for which the server had no connection left waits for the others, so many times.
POSTPONED = 3


@dataclass(frozen=True, slots=True)
class Job:
    """What a run needs: who, from where, and with which password. ``emit(kind, mailbox, text)`` is told the story.

    ``limits`` are shared with the other runs of the service.
    """

    run: Run
    profile: Profile
    password: Secret
    emit: Emit
    backoff: tuple[float, ...] = BACKOFF
    limits: Limits = field(default_factory=Limits)
    #: Ages are not counted: the clock cannot be believed.
    ageless: bool = False


@dataclass(slots=True)
class _Turn:
    """A mailbox in the queue of a run, and how often it was postponed."""

    mailbox: Mailbox
    progress: MailboxProgress
    postponed: int = 0
    connected: bool = False


class ProfileRun:
    """One run of a profile. ``progress`` may be looked at at any time."""

    def __init__(
        self,
        archive: Archive,
        job: Job,
        found: Roster,
        server: KnownServer,
        settings: Settings,
        sorting: Sorting | None,
        may: Allowance,
        unseen: set[str],
    ) -> None:
        self._archive = archive
        self._job = job
        self._server = server
        self._settings = settings
        self._sorting = sorting
        self._may = may
        #: Mailboxes that no run has looked at, by their names in the ledger.
        self._unseen = unseen
        self._warnings = found.warnings
        self._shared = found.shared
        self._known = Known()
        self._renamed = RenamedLogins(archive)
        self._breaker = Breaker()
        self._slots = job.limits.slots(job.profile.server)
        self._rules = _rules(job)
        self.mailboxes = rows(job.profile, found)
        self._queue = deque(_Turn(mailbox, row) for mailbox, row in zip(found.mailboxes, self.mailboxes, strict=False))
        self._connected = 0
        self.progress = Progress(job.run.id, job.profile.name, self.mailboxes)

    @classmethod
    async def prepare(cls, archive: Archive, job: Job) -> ProfileRun:
        """Find the mailboxes. Raises ``InputError`` when the user of the profile is no more."""
        found = await roster(archive, job.profile)
        sorting = await catchall.sorting(archive, job.profile) if job.profile.catchall else None
        dry = job.run.dry_run
        server = await KnownServer.load(archive, job.profile.server, lambda text: job.emit("warning", "", text), keeps=not dry)
        may = await allowance.of_profile(archive, job.profile.name, job.profile.server.megabytes_a_day)
        sources = {mailbox.source(job.profile.server) for mailbox in found.mailboxes}
        unseen = await siblings.unseen(archive, sources) if job.profile.deletion.active else set()
        return cls(archive, job, found, server, await settings.read(archive.database), sorting, may, unseen)

    async def execute(self) -> None:
        """Archive. Raises ``StorageError`` and other errors of the archive; problems of mailboxes are in the results."""
        for warning in (*self._job.profile.warnings(), *self._warnings):
            self._job.emit("warning", "", warning)
        if not self.mailboxes:
            self._job.emit("warning", "", "No user with an e-mail address is selected, so there was nothing to archive.")
        workers = min(self._job.profile.server.connections, len(self._queue))
        await together([self._work() for _ in range(workers)])
        if self._sorting is not None and (count := await unknown.to_be_filed(self._archive)):
            what = "1 message waits" if count == 1 else f"{number(count)} messages wait"
            self._job.emit("warning", "", f"{what} to be filed to users who are known by now: archivar refile.")

    async def _work(self) -> None:
        """Take mailboxes from the queue until it is empty."""
        while self._queue:
            turn = self._queue.popleft()
            if self._breaker.open is not None:
                self._skip(turn.progress, self._breaker.open)
                continue
            async with self._slots.taken():
                error = await self._archive_mailbox(turn)
            if isinstance(error, ConnectError):
                self._after(turn, error)

    def _after(self, turn: _Turn, error: ConnectError) -> None:
        """A mailbox could not be opened, or its connection was lost for good: what does that mean for it and the others?"""
        opened = turn.progress.tally.found > 0
        # Too many connections is what a server says that has some of ours; one that takes none at all is out of reach.
        if not opened and not (error.busy and self._connected):
            self._breaker.failed(error)
        hopeful = error.busy and not opened and not self._breaker.open and len(self.mailboxes) > 1
        if hopeful and turn.postponed < POSTPONED:
            turn.postponed += 1
            turn.progress.start_over()
            self._queue.append(turn)
            return
        result = turn.progress.result
        self._job.emit("problem", result.mailbox, result.problems[-1].text)

    def _skip(self, progress: MailboxProgress, why: Reason) -> None:
        progress.result.problems.append(Problem("", None, NOT_TRIED(why=why)))
        progress.result.status = RunStatus.FAILED
        progress.phase = Phase.DONE

    async def _archive_mailbox(self, turn: _Turn) -> ArchivarError | None:
        job, mailbox = self._job, turn.mailbox
        link = Link(
            lambda: self._connect(turn),
            job.backoff,
            lambda why, until: self._hold(turn, why, until),
            lambda: self._breaker.worked,
            crowded=self._slots.refused,
            reckoning=Reckoning(self._may),
        )
        to = Destination(job.run.id, turn.progress.source, mailbox.user.id, mailbox.top, mailbox.everybody, mailbox.login)
        visit = Visit(
            self._archive,
            link,
            to,
            self._filing(to),
            replace(self._rules, deletion=Deletion()) if mailbox.login.casefold() in self._shared else self._rules,
            job.limits.budget,
            self._server,
            self._settings,
            turn.progress,
            lambda kind, text: job.emit(kind, mailbox.top, text),
            early=bool(self._unseen - {to.source}),
        )
        try:
            error = await archive_mailbox(MailboxArchiver(visit), turn.progress, dry_run=job.run.dry_run)
        except BaseException:
            # Cancelled, or the archive cannot be written: nobody waits for the server's good-bye.
            await link.drop()
            raise
        finally:
            self._connected -= turn.connected
            turn.connected = False
            turn.progress.waits_until = None
        await link.close()
        if to.source in self._unseen and not job.run.dry_run and not (isinstance(error, ConnectError) and error.busy):
            # One that cannot be opened must not keep all others waiting.
            await siblings.saw(self._archive, to.source)
            self._unseen.discard(to.source)
        return error

    def _hold(self, turn: _Turn, why: str, until: datetime | None) -> None:
        """A mailbox waits, or goes on."""
        turn.progress.waits_until = until
        if until is not None:
            text = f"{why} Waits until {until.astimezone():%H:%M:%S}, then tries again."
            self._job.emit("waiting", turn.mailbox.top, text)

    def _filing(self, to: Destination) -> Filing:
        return SortedFiling(self._archive, to, self._sorting) if self._sorting else OwnFiling(self._archive, to)

    async def _connect(self, turn: _Turn) -> Session:
        profile = self._job.profile
        try:
            login = credentials(profile, turn.mailbox, self._job.password, self._known)
            session = await self._renamed.open(profile, turn.mailbox, login)
        except ConnectError as error:
            if error.busy:
                self._slots.refused()
            raise
        self._connected += not turn.connected
        turn.connected = True
        session.received = self._may.received
        session.hear(turn.progress.hear)
        self._slots.succeeded()
        self._breaker.succeeded()
        return await self._server.welcome(session)

    def status(self) -> RunStatus:
        """The result of a run that ended by itself."""
        found = {mailbox.result.status for mailbox in self.mailboxes}
        if found == {RunStatus.FAILED}:
            return RunStatus.FAILED
        return RunStatus.SUCCEEDED if found <= {RunStatus.SUCCEEDED} else RunStatus.WITH_ERRORS


def _rules(job: Job) -> Rules:
    """The profile's rules. Without ages nothing is old enough yet, and nothing is deleted on the strength of them."""
    profile, moment = job.profile, now()
    rules = Rules(profile.folders, profile.filter, profile.deletion, moment)
    if not job.ageless or not profile.by_age:
        return rules
    deletion = replace(profile.deletion, when=When.NEVER, age=None)
    return replace(rules, deletion=deletion, now=NOTHING_IS_OLD if profile.filter.older_than else moment)


def rows(profile: Profile, found: Roster) -> list[MailboxProgress]:
    """A row for each mailbox, in the order of the roster, then for each that cannot be archived at all."""
    wanted = [
        MailboxProgress(MailboxResult(mailbox.top, mailbox.user.name), source=mailbox.source(profile.server))
        for mailbox in found.mailboxes
    ]
    return wanted + [MailboxProgress(result, Phase.DONE) for result in found.impossible]


def result(
    run: Run, status: RunStatus, started: datetime, finished: datetime, warnings: list[str], mailboxes: list[MailboxProgress]
) -> dict[str, Any]:
    """The JSON object of ``run --json``."""
    totals = Tally()
    for mailbox in mailboxes:
        totals.add(mailbox.tally)
    return {
        "run": run.id,
        "profile": run.profile,
        "dry_run": run.dry_run,
        "status": status.value,
        "started": timestamp(started),
        "finished": timestamp(finished),
        "warnings": warnings,
        "totals": totals.as_json(),
        "mailboxes": [mailbox.result.as_json() for mailbox in mailboxes],
    }


def finished_entry(value: dict[str, Any]) -> Draft:
    """The ledger's entry about a run's result."""
    problems = sum(len(mailbox["problems"]) for mailbox in value["mailboxes"])
    status = RunStatus(value["status"])
    return Draft(RunFinished(value["run"], value["profile"], value["dry_run"], status, value["totals"], problems))
