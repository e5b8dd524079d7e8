"""Scheduled backups made: a copy in the folder whose turn it is, and its verification."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.proof.findings import Verdict
from core.archive.proof.verify import verify
from core.archive.transfer import generations, last_backup
from core.archive.transfer.backup import Backup, back_up
from core.archive.transfer.backup_plan import BackupEnd, BackupOutcome, keep
from core.config import Home
from core.errors import ArchivarError, InputError, StorageError
from core.model import now, timestamp
from core.problems import backup as problems
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Steps:
    """Functions that are called on the way: after each piece of the copy, and at intervals of its verification."""

    copied: Callable[[Backup], None] = lambda done: None
    verified: Callable[[Verdict], None] = lambda verdict: None


@dataclass(frozen=True, slots=True)
class ScheduledBackup:
    """A scheduled backup that was made: the copy, its verification, and the end that is kept of it."""

    done: Backup
    verdict: Verdict
    end: BackupEnd


async def make(archive: Archive, *, actor: str, with_key: bool = True, steps: Steps | None = None) -> ScheduledBackup:
    """Make the backup whose turn it is, verify it, and keep how it ended.

    Raises what ``back_up`` raises, and ``InputError`` when no place is set or the earlier backups there have gone.
    """
    steps, found = steps or Steps(), await settings.read(archive.database)
    if not found.backup_to:
        raise InputError(problems.NOWHERE())
    place = Path(found.backup_to)
    try:
        folder = generations.following(place, found.backup_keep)
        await _refuse_vanished(archive, place, folder, found.backup_keep)
        done = await back_up(archive, folder, with_key=with_key, actor=actor, tick=steps.copied)
        verdict = await verify(Home(folder), steps.verified)
    except ArchivarError as error:
        with suppress(ArchivarError):
            # The plan stays as it is then, and the backup is tried again.
            await keep(archive, found, BackupEnd(now(), BackupOutcome.FAILED, str(place), why=error.reason))
        raise
    if done.damaged:
        why = problems.IN_PART(damaged=done.damaged[0].why)
        end = BackupEnd(now(), BackupOutcome.FAILED, str(folder), len(verdict.findings), why)
    else:
        outcome = BackupOutcome.DAMAGED if verdict.findings else BackupOutcome.MADE
        end = BackupEnd(now(), outcome, str(folder), len(verdict.findings))
    await keep(archive, found, end)
    return ScheduledBackup(done, verdict, end)


async def _refuse_vanished(archive: Archive, place: Path, folder: Path, keep: int) -> None:
    """Raise ``StorageError`` when backups were made in ``place`` and none is there: its disk may not be mounted."""
    last = await last_backup.last(archive)
    if last is None or Path(last.directory) not in (place, *generations.folders(place, keep)):
        return
    if not any(Home(one).is_backup for one in generations.folders(place, keep)):
        raise StorageError(problems.VANISHED(path=str(place), at=timestamp(last.at), folder=str(folder)))
