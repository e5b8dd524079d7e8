"""Backups started in the console."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.proof.findings import Verdict
from core.archive.transfer import backup, backup_plan, backup_work, last_backup
from core.archive.transfer.backup import Backup
from core.archive.transfer.backup_plan import BackupOutcome
from core.archive.transfer.backup_work import Steps
from core.errors import DamagedError
from core.model import now
from core.problems.alarm import BACKUP_DAMAGED
from core.problems.backup import IN_PART
from core.service.lock import is_running
from core.text import format as texts
from tui.desk import face, present, typed
from tui.desk.jobs import Job, JobOutcome, Jobs, Stage
from tui.desk.present import Safe
from tui.desk.refusals import translated
from tui.desk.settings import OF_BACKUPS, SettingRow, setting_rows

_ENDS = {
    BackupOutcome.MADE: "✔ made and verified",
    BackupOutcome.DAMAGED: "✘ the copy is DAMAGED",
    BackupOutcome.FAILED: "✘ failed",
}
AGAIN = "The next backup to the same folder carries on."


@dataclass(frozen=True, slots=True)
class BackupsView:
    """Scheduled backups: their settings, and facts: labels with sentences, those in ``bad`` in red.

    ``place``: the folder that is set; empty without one.
    """

    rows: tuple[SettingRow, ...]
    facts: tuple[tuple[Safe, Safe], ...]
    bad: frozenset[Safe]
    place: Safe


class BackupDesk:
    """Backups: copies of the archive in another home. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    async def view(self) -> BackupsView:
        """The settings of scheduled backups, the last backup, and the next one."""
        with translated():
            values = settings.shown(await settings.read(self._archive.database))
            last, state = await last_backup.last(self._archive), await backup_plan.state(self._archive)
            running = is_running(self._archive.home)
        moment, facts, bad = now(), {}, set()
        facts["Last"] = f"{texts.when(last.at, moment)}, to {last.directory}" if last else "never"
        if (ended := state.ended) is not None:
            label = "By itself"
            facts[label] = f"{_ENDS[ended.outcome]}, {texts.when(ended.at, moment)}, {ended.directory}"
            if ended.outcome is not BackupOutcome.MADE:
                bad.add(label)
                facts["Why"] = face.told(ended.why) if ended.why else f"{present.count(ended.findings, 'finding')} in the copy"
        served = "" if running else "; no service runs, which would make it"
        if state.due is not None:
            facts["Next"] = f"{texts.soon(state.due, moment)}{served}"
        else:
            facts["Next"] = "none by itself" if values["backup_to"] == "off" else "none by itself: it is off"
        return BackupsView(
            setting_rows(values, OF_BACKUPS),
            present.named(facts.items()),
            frozenset(present.sentences(bad)),
            present.text(state.place),
        )

    async def begin_scheduled(self) -> int:
        """Make the scheduled backup now, and verify it; the number of the job."""

        async def work(archive: Archive, job: Job) -> JobOutcome:
            steps = Steps(copied=lambda done: _copied(job, done), verified=lambda verdict: _verified(job, verdict))
            made = await backup_work.make(archive, actor="console", steps=steps)
            _refuse_partial(made.done)
            if made.verdict.findings:
                raise DamagedError(BACKUP_DAMAGED(path=made.end.directory, count=made.end.findings))
            proof = f"It was verified: {present.count(made.verdict.messages, 'message')}, nothing is damaged."
            return _outcome(made.done, Path(made.end.directory), proof)

        return self._jobs.start("Backup", "The scheduled backup, made now", AGAIN, work)

    async def last(self) -> tuple[Safe, Safe]:
        """The place and the time of the last backup, as sentences; both empty without one."""
        with translated():
            last = await last_backup.last(self._archive)
        return (
            (present.text(last.directory), present.sentence(texts.when(last.at, now())))
            if last
            else (present.BLANK, present.BLANK)
        )

    async def begin(self, directory: str) -> int:
        """Begin or update a backup; the number of the job. Raises ``Refused`` when ``directory`` cannot be used."""
        with translated():
            target = typed.outside(self._archive.home, directory)

        async def work(archive: Archive, job: Job) -> JobOutcome:
            done = await backup.back_up(archive, target, actor="console", tick=lambda done: _copied(job, done))
            _refuse_partial(done)
            return _outcome(done, target)

        return self._jobs.start("Backup", f"The archive to {target}", AGAIN, work)


def _refuse_partial(done: Backup) -> None:
    """Raise ``DamagedError`` when volumes were left out, since they are damaged."""
    if done.damaged:
        raise DamagedError(IN_PART(damaged=" ".join(face.sentence(one.why) for one in done.damaged)))


def _copied(job: Job, done: Backup) -> None:
    job.stage = Stage(done.bytes, max(done.total, done.bytes), done.bytes, done.where, unit="")


def _verified(job: Job, verdict: Verdict) -> None:
    job.stage = Stage(verdict.messages, 0, verdict.bytes, "the copy is verified")


def _outcome(done: Backup, target: Path, proof: str = "") -> JobOutcome:
    unchanged = f" {present.count(done.already, 'volume')} unchanged since the last time." if done.already else ""
    unnoted = face.sentence(done.unnoted) if done.unnoted else ""
    sentences = (
        f"{present.count(done.volumes, 'volume')} copied ({texts.size(done.bytes)}) to {target}.{unchanged}",
        f"The copy has everything up to entry {texts.number(done.head.seq)} of the ledger.",
        unnoted,
        proof or f"To prove it: archivar verify --home {shlex.quote(str(target))}",
        "To restore: copy all that is in it to an empty folder HOME, then archivar rebuild --home HOME",
    )
    return JobOutcome(tuple(filter(None, sentences)))
