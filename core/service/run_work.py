"""One run of a profile in the service: from its start to its result in ledger and queue."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.archive.archive import Archive
from core.archive.registry import clock, lanes, saved_profiles, storage_state
from core.archive.store.entries.lanes import LanesAnchored
from core.engine.run import counting
from core.engine.run.run import RunParameters, finished_entry, result, rows
from core.engine.visit.limits import Limits
from core.engine.visit.motion import SHOWN_PROBLEMS
from core.engine.visit.progress import MailboxProgress
from core.engine.visit.roster import roster
from core.engine.visit.run_progress import Progress
from core.errors import ArchivarError, BusyError, DamagedError, InputError, StorageError
from core.model import EventKind, MailboxResult, Phase, Problem, Run, RunStatus, Tally, Told, now
from core.problems import event
from core.problems import run as problems
from core.problems.code import Reason
from core.problems.table import as_kept, warned, warnings_kept
from core.problems.warning import NOT_IN_LEDGER, NOT_SYNCHRONISED
from core.profiles.profile import Profile
from core.service.queue import Queue
from core.service.workers import Workers
from core.system.tasks import spawn

TICK_SECONDS = 0.25
#: Seconds within which a run has begun to wait for its server.
CONNECT_SECONDS = 0.002
#: Conflicts of a synchronisation listed one by one.
CONFLICTS = 20
#: Tries, and seconds between them, to write the result of a run while the disk is full.
WRITES, WRITE_SECONDS = 20, 0.5

logger = logging.getLogger("archivar.service")


class RunWork:
    """One run from start to result."""

    def __init__(self, archive: Archive, queue: Queue, run: Run, limits: Limits, workers: Workers | None = None) -> None:
        self._workers = workers or Workers(archive)
        self._archive = archive
        self._queue = queue
        self._run = run
        self._limits = limits
        self._started = run.started or now()
        self._warnings: list[Reason] = []
        #: The same as texts, to find one among thousands.
        self._warned: set[str] = set()
        self._events: list[tuple[datetime, EventKind, str, Told]] = []
        self._mailboxes: list[MailboxProgress] = []
        self._before: dict[str, Tally] = {}
        self._value: dict[str, Any] | None = None
        self._in_ledger = False

    async def do(self) -> None:
        """Do the run and write its result. Cancelled from outside (the service ends), it stays interrupted."""
        try:
            # Damage that was mended since the service began is none.
            await self._archive.look_again()
            self._archive.check_usable()
            await storage_state.refuse_beyond_bound(self._archive.home, self._archive.database)
            head = await self._archive.head()
            first_seq = await self._queue.begin(self._run, self._started, head.seq)
            await self._count_before(first_seq, head.seq)
            profile = await saved_profiles.find(self._archive, self._run.profile)
            for warning in profile.warnings():
                self._keep(warning)
            # Known before anything can fail, so that a failure has a row to be put in.
            self._mailboxes = await _expected(self._archive, profile)
            if self._run.cancel_requested:
                await self._finish(RunStatus.CANCELLED)
            else:
                await self._archive_profile(profile)
        except asyncio.CancelledError:
            await self._queue.interrupt(self._run.id)
            raise
        except ArchivarError as error:
            await self.fail(error.reason)
        except Exception as error:
            logger.exception("run %d failed by an error of the program", self._run.id)
            await self.fail(reason_of(error))

    async def _archive_profile(self, profile: Profile) -> None:
        password = await saved_profiles.password(self._archive, profile)
        if profile.sync_directory_first and await self._synchronise(profile):
            await self._finish(RunStatus.CANCELLED)
            return
        doubt = await clock.doubt(self._archive, profile.name, self._run.id, dry_run=self._run.dry_run)
        if doubt is not None:
            self.warn("", doubt)
        job = RunParameters(self._run, profile, password, self, limits=self._limits, ageless=doubt is not None)
        work = await self._workers.prepare(job)
        self._mailboxes = work.mailboxes
        logger.info("run %d (%s) started", self._run.id, self._run.profile)
        self.tell(EventKind.STARTED, "", Told(event.STARTED()))
        cancelled = await self._watch(spawn(work.execute(), name=f"archive {profile.name}"), work.progress)
        await self._finish(RunStatus.CANCELLED if cancelled else work.status())

    async def _synchronise(self, profile: Profile) -> bool:
        """Synchronise users with the directory; True when the run was cancelled in between.

        A failure there becomes a warning, and the known users are archived.
        """
        # Imported only here: the libraries for directories are slow to load.
        from core.engine.examine import directory_sync

        async def work() -> None:
            try:
                result = await directory_sync.sync(self._archive, dry_run=self._run.dry_run, asked_by=self._run)
            except (StorageError, DamagedError):
                raise
            except ArchivarError as error:
                self.warn("", NOT_SYNCHRONISED(why=error.reason))
                return
            self.tell(EventKind.DIRECTORY, "", Told(result.event()))
            groups = (one.reason for one in result.groups)
            withheld = result.difference.withheld
            for warning in (*result.warnings, *groups, *([withheld] if withheld else [])):
                self.warn("", warning)
            for conflict in result.difference.conflicts[:CONFLICTS]:
                self.tell(EventKind.DIRECTORY, "", Told(event.CONFLICT(who=conflict.who, why=conflict.why)))

        self.tell(EventKind.DIRECTORY, "", Told(event.SYNCHRONISING()))
        progress = Progress(self._run.id, profile.name, self._mailboxes)
        return await self._watch(spawn(work(), name=f"synchronise for {profile.name}"), progress)

    async def _count_before(self, first_seq: int, seq: int) -> None:
        """Count the work of this run before it was interrupted."""
        if first_seq == seq:
            return
        async for entry in self._archive.entries(first_seq):
            if entry.kind in counting.COUNTED:
                counting.count(self._before, self._run.id, entry.value)
            elif isinstance(anchor := entry.value if entry.kind == LanesAnchored.kind else None, LanesAnchored):
                async with aclosing(lanes.anchored_entries(self._archive, anchor)) as entries:
                    async for one in entries:
                        counting.count(self._before, self._run.id, one.value)

    async def _watch(self, task: asyncio.Task[None], progress: Progress) -> bool:
        """Write progress while ``task`` runs; True when it was cancelled on request. Raises the task's errors."""
        begun = time.monotonic()
        try:
            await asyncio.wait({task}, timeout=CONNECT_SECONDS)
            # Loads what a run writes with, while the server is being waited for.
            _ = self._archive.writer
            while True:
                done, _ = await asyncio.wait({task}, timeout=TICK_SECONDS)
                events, self._events = self._events, []
                snapshot = progress.snapshot(time.monotonic() - begun)
                snapshot = replace(snapshot, warnings=tuple(map(as_kept, self._warnings[-SHOWN_PROBLEMS:])))
                wanted = await self._queue.report(self._run.id, snapshot, events, progress.settled())
                if done:
                    task.result()
                    return False
                if wanted:
                    task.cancel()
                    await asyncio.wait({task})
                    if not task.cancelled() and (error := task.exception()):
                        raise error
                    return task.cancelled()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    def tell(self, kind: EventKind, mailbox: str, told: Told) -> None:
        """Take an event of the run (``story.Listener``); it is written with the next look at the progress."""
        self._events.append((now(), kind, mailbox, told))

    def warn(self, mailbox: str, reason: Reason) -> None:
        """Take a warning of the run (``story.Listener``); the result has it once."""
        self._keep(reason)
        self.tell(EventKind.WARNING, mailbox, Told(reason))

    def _keep(self, reason: Reason) -> None:
        text = json.dumps(reason.as_json(), sort_keys=True)
        if text not in self._warned:
            self._warned.add(text)
            self._warnings.append(reason)

    async def _finish(self, status: RunStatus, reason: Reason | None = None) -> None:
        """Write the result, to the ledger first. Called again after an error it continues."""
        if not self._in_ledger:
            # The result is final once the ledger has it; before, a failure to write it changes it.
            if reason is not None:
                self._name_reason(reason)
            self._add_before()
            for mailbox in self._mailboxes:
                if status in (RunStatus.CANCELLED, RunStatus.FAILED) and not mailbox.result.status.final:
                    mailbox.result.status = status
                mailbox.phase = Phase.DONE
            why = self._why(reason) if status is RunStatus.FAILED else None
            self._value = result(self._run, status, (self._started, now()), self._warnings, self._mailboxes, why)
            self._events = [one for one in self._events if one[1] is not EventKind.FINISHED]
            self.tell(EventKind.FINISHED, "", Told(event.FINISHED(status=status.value)))
        assert self._value is not None
        status, text = RunStatus(self._value["status"]), self._value["reason"]
        if not self._in_ledger:
            await self._archive.append([finished_entry(self._value)])
            self._in_ledger = True
        progress = Progress(self._run.id, self._run.profile, self._mailboxes)
        elapsed = (now() - self._started).total_seconds()
        snapshot = replace(progress.snapshot(elapsed), message_rate=0.0, byte_rate=0.0, seconds_left=None, silent=0.0)
        await self._queue.finish(self._run.id, status, self._value, text, snapshot, self._events)
        self._events = []
        logger.info("run %d (%s): %s", self._run.id, self._run.profile, status.value)

    def _why(self, reason: Reason | None) -> Reason | None:
        """The reason of a run that failed: its own, or the first problem of a mailbox."""
        named = (problem.reason for mailbox in self._mailboxes for problem in mailbox.result.problems)
        return reason if reason is not None else next(named, None)

    def _name_reason(self, reason: Reason) -> None:
        if not self._mailboxes:
            self._mailboxes = [MailboxProgress(MailboxResult(self._run.profile, ""))]
        problems = self._mailboxes[0].result.problems
        if not any(problem.reason == reason for problem in problems):
            problems.append(Problem(self._mailboxes[0].folder, None, reason))

    def _add_before(self) -> None:
        """Messages archived before the interruption are known after it: they are this run's own work."""
        if len(self._mailboxes) == 1:
            # With one mailbox all of it was this one's, also under another name in the ledger.
            [only] = self._mailboxes
            whole = Tally()
            for tally in self._before.values():
                whole.add(tally)
            self._before = {only.source: whole}
        for mailbox in self._mailboxes:
            if before := self._before.pop(mailbox.source, None):
                counting.add_before(mailbox.tally, before)

    async def fail(self, reason: Reason) -> None:
        """Record that the run failed, also when the disk is full: the failed batch's space is free again by then.

        When the ledger cannot take it, only the queue has the result. When neither can, the run stays open, and the next look
        at the queue resumes it.
        """
        for left in reversed(range(WRITES)):
            in_ledger = self._in_ledger
            try:
                await self._finish(RunStatus.FAILED, reason)
            except (BusyError, StorageError) as error:
                logger.error("the result of run %d cannot be written yet: %s", self._run.id, error)
                if not self._in_ledger and (left == 1 or self._archive.refusal is not None):
                    self._leave_out_of_ledger(error)
                    continue
                await asyncio.sleep(WRITE_SECONDS)
            except ArchivarError as error:
                # Nothing more is written to a damaged ledger, or that of a backup.
                if in_ledger:
                    raise
                self._leave_out_of_ledger(error)
            else:
                return

    def _leave_out_of_ledger(self, error: ArchivarError) -> None:
        logger.error("the result of run %d cannot be written to the ledger: %s", self._run.id, error)
        self._in_ledger = True
        if self._value is not None:
            self._value |= warned([*warnings_kept(self._value), NOT_IN_LEDGER(why=error.reason)])


def reason_of(error: BaseException) -> Reason:
    """The reason of an unexpected error, without any of the data being processed."""
    if isinstance(error, ImportError):
        return problems.PART_NOT_LOADED(part=error.name) if error.name else problems.NOT_LOADED()
    if isinstance(error, MemoryError):
        return problems.NO_MEMORY()
    if isinstance(error, OSError) and error.strerror:
        return problems.SYSTEM_REFUSED(said=error.strerror)
    return problems.PROGRAM_FAULT(kind=type(error).__name__)


async def _expected(archive: Archive, profile: Profile) -> list[MailboxProgress]:
    """The rows of a run of which only the profile is known."""
    try:
        return rows(profile, await roster(archive, profile))
    except InputError:
        # Its user was removed, or owns the address of the catch-all mailbox; the run will report it.
        where, whose = (profile.target.folder, profile.target.user) if profile.target else (profile.login.username, "")
        return [MailboxProgress(MailboxResult(where, whose))]
