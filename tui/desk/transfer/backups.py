"""Backups started in the console."""

from __future__ import annotations

import shlex
from pathlib import Path

from core.archive.archive import Archive
from core.archive.transfer import backup, last_backup
from core.archive.transfer.backup import Backup
from core.errors import DamagedError
from core.model import now
from core.problems.backup import IN_PART
from core.text import format as texts
from tui.desk import face, present, typed
from tui.desk.jobs import Job, JobOutcome, Jobs, Stage
from tui.desk.present import Safe
from tui.desk.refusals import translated

AGAIN = "The next backup to the same folder carries on."


class BackupDesk:
    """Backups: copies of the archive in another home. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

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
            def tick(done: Backup) -> None:
                job.stage = Stage(done.bytes, max(done.total, done.bytes), done.bytes, done.where, unit="")

            done = await backup.back_up(archive, target, actor="console", tick=tick)
            if done.damaged:
                raise DamagedError(IN_PART(damaged=" ".join(face.sentence(one.why) for one in done.damaged)))
            return _outcome(done, target)

        return self._jobs.start("Backup", f"The archive to {target}", AGAIN, work)


def _outcome(done: Backup, target: Path) -> JobOutcome:
    unchanged = f" {present.count(done.already, 'volume')} unchanged since the last time." if done.already else ""
    unnoted = face.sentence(done.unnoted) if done.unnoted else ""
    sentences = (
        f"{present.count(done.volumes, 'volume')} copied ({texts.size(done.bytes)}) to {target}.{unchanged}",
        f"The copy has everything up to entry {texts.number(done.head.seq)} of the ledger.",
        unnoted,
        f"To prove it: archivar verify --home {shlex.quote(str(target))}",
        "To restore: copy all that is in it to an empty folder HOME, then archivar rebuild --home HOME",
    )
    return JobOutcome(tuple(filter(None, sentences)))
