"""Scheduled backups: their plan, and the end of the last one.

The plan is kept in the archive (table ``setting``), so that it outlives services. A backup that was broken off leaves the plan
as it is, and the next service carries on with it.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.catalog.settings import Settings
from core.db import kept
from core.model import moment, now, timestamp
from core.problems import table
from core.problems.code import Reason
from core.profiles import schedule_words
from core.values import dataclass

PLANNED, ENDED = "backup.planned", "backup.ended"
#: Pause after a failed one before it is tried again.
AGAIN = timedelta(hours=1)


class BackupOutcome(StrEnum):
    """The outcome of a scheduled backup; ``MADE`` is one that was verified and is clean."""

    MADE = "made"
    DAMAGED = "damaged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BackupEnd:
    """The end of the last scheduled backup. ``findings``: those in the copy; ``why``: the reason of a failure."""

    at: datetime
    outcome: BackupOutcome
    directory: str
    findings: int = 0
    why: Reason | None = None

    def as_json(self) -> dict[str, Any]:
        value = {"at": timestamp(self.at), "outcome": self.outcome.value, "directory": self.directory}
        return value | {"findings": self.findings} | table.failed(self.why)


@dataclass(frozen=True, slots=True)
class BackupState:
    """The state of scheduled backups. ``due``: the next start, None when nothing is scheduled; it may be past."""

    place: str
    every: str
    keep: int
    due: datetime | None
    ended: BackupEnd | None

    def as_json(self) -> dict[str, Any]:
        """The object in ``archivar status --json``."""
        return {
            "to": self.place or None,
            "every": self.every,
            "keep": self.keep,
            "due": timestamp(self.due) if self.due else None,
            "ended": self.ended.as_json() if self.ended else None,
        }


async def state(archive: Archive) -> BackupState:
    """The state now. Before the service has planned it, ``due`` is the next time of the schedule."""
    found = await settings.read(archive.database)
    ended = _ended(await kept.value(archive.database, ENDED))
    due = None if archive.home.is_backup else _due(found, await kept.value(archive.database, PLANNED), now())
    return BackupState(found.backup_to, found.backup_every, found.backup_keep, due, ended)


async def look(archive: Archive, moment_: datetime) -> bool:
    """True when a backup is due; keeps the plan in step with the settings."""
    found, text = await settings.read(archive.database), await kept.value(archive.database, PLANNED)
    due = _due(found, text, moment_)
    if due is None:
        if text is not None:
            async with archive.database.transaction() as transaction:
                await kept.forget(transaction, PLANNED)
        return False
    if text != (plan := _plan(found, due)):
        async with archive.database.transaction() as transaction:
            await kept.keep(transaction, PLANNED, plan)
    return due <= moment_


def _due(found: Settings, planned: str | None, moment_: datetime) -> datetime | None:
    """The next start: the planned one, unless place or schedule have changed since, or a wrong clock planned it."""
    schedule = schedule_words.parse(found.backup_every)
    if schedule is None or not found.backup_to:
        return None
    try:
        value = json.loads(planned or "")
        due = moment(value["next"])
        if value["every"] == found.backup_every and value["to"] == found.backup_to and not schedule.too_late(due, moment_):
            return due
    except (ValueError, TypeError, KeyError):
        pass
    return schedule.next_start(moment_)


def _plan(found: Settings, due: datetime) -> str:
    return json.dumps({"to": found.backup_to, "every": found.backup_every, "next": timestamp(due)})


async def keep(archive: Archive, found: Settings, end: BackupEnd) -> None:
    """Keep how it ended, and plan the next one: after a failure in an hour at the latest."""
    moment_ = now()
    schedule = schedule_words.parse(found.backup_every)
    async with archive.database.transaction() as transaction:
        await kept.keep(transaction, ENDED, json.dumps(end.as_json()))
        if schedule is not None:
            due = schedule.next_start(moment_)
            if end.outcome is BackupOutcome.FAILED:
                due = min(due, moment_ + AGAIN)
            await kept.keep(transaction, PLANNED, _plan(found, due))


def _ended(text: str | None) -> BackupEnd | None:
    # An unreadable value counts as absent: another version may have written it.
    try:
        value = json.loads(text or "")
        why = table.kept(value) if value.get("code") else None
        outcome = BackupOutcome(value["outcome"])
        return BackupEnd(moment(value["at"]), outcome, str(value["directory"]), int(value["findings"]), why)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
