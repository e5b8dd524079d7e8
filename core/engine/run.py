"""A run of a profile: its mailboxes, one after the other for now, and the result that the command line contract promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.archive import users
from core.archive.archive import Archive
from core.archive.ledger import Draft
from core.engine.filing import Destination, source_of
from core.engine.link import BACKOFF, Link
from core.engine.mailbox import MailboxArchiver, archive_mailbox
from core.engine.progress import MailboxProgress, Progress
from core.imap.session import Session
from core.model import MailboxResult, Run, RunStatus, Tally, timestamp
from core.profiles.profile import Profile
from core.secrets import Secret

Emit = Callable[[str, str, str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What a run needs: who, from where, and with which password. ``emit(kind, mailbox, text)`` is told the story."""

    run: Run
    profile: Profile
    password: Secret
    emit: Emit
    backoff: tuple[float, ...] = BACKOFF


class ProfileRun:
    """One run of a profile. ``progress`` may be looked at at any time."""

    def __init__(self, archive: Archive, job: Job, owner: str) -> None:
        self._archive = archive
        self._job = job
        self._owner = owner
        result = MailboxResult(job.profile.target.folder, job.profile.target.user)
        self.mailboxes = [MailboxProgress(result)]
        self.progress = Progress(job.run.id, job.profile.name, self.mailboxes)

    @classmethod
    async def prepare(cls, archive: Archive, job: Job) -> ProfileRun:
        """Find the owner. Raises ``InputError`` when the user of the profile is no more."""
        owner = await users.find(archive, job.profile.target.user)
        return cls(archive, job, owner.id)

    async def execute(self) -> None:
        """Archive. Raises ``StorageError`` and other errors of the archive; problems of mailboxes are in the results."""
        job = self._job
        for warning in job.profile.warnings():
            job.emit("warning", "", warning)
        for mailbox in self.mailboxes:
            await self._archive_mailbox(mailbox)

    async def _archive_mailbox(self, mailbox: MailboxProgress) -> None:
        job, profile = self._job, self._job.profile
        name = mailbox.result.mailbox
        link = Link(
            lambda: Session.open(profile.server, profile.login.username, job.password),
            job.backoff,
            lambda text: job.emit("waiting", name, text),
        )
        archiver = MailboxArchiver(
            self._archive,
            link,
            Destination(job.run.id, source_of(profile, self._owner), self._owner, profile.target.folder),
            profile.folders,
            mailbox,
            lambda kind, text: job.emit(kind, name, text),
        )
        try:
            await archive_mailbox(archiver, mailbox, dry_run=job.run.dry_run)
        finally:
            await link.close()

    def status(self) -> RunStatus:
        """The result of a run that ended by itself."""
        found = {mailbox.result.status for mailbox in self.mailboxes}
        if found == {RunStatus.FAILED}:
            return RunStatus.FAILED
        return RunStatus.SUCCEEDED if found <= {RunStatus.SUCCEEDED} else RunStatus.WITH_ERRORS


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
    payload = {key: value[key] for key in ("run", "profile", "status", "totals")} | {"problems": problems}
    return Draft("run.finished", payload)
