"""Next starts of profiles: rows of this machine, kept in step with the schedules of the saved profiles."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime

from core.db.database import Database, Transaction
from core.model import moment, timestamp
from core.profiles.plain import as_json
from core.profiles.profile import Profile, name_key
from core.profiles.schedule import Schedule
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Planned:
    """The next start of a profile, and the ``schedule`` (as text) from which it was computed."""

    profile: str
    schedule: str
    next: datetime


def as_text(schedule: Schedule) -> str:
    """A schedule as one text, to detect changes."""
    return json.dumps(as_json(schedule), sort_keys=True)


async def planned(database: Database) -> dict[str, Planned]:
    """All planned starts, by ``name_key`` of the profile."""
    rows = await database.read("SELECT profile, schedule, next FROM planned")
    return {name_key(row[0]): Planned(row[0], row[1], moment(row[2])) for row in rows}


async def plan(transaction: Transaction, profile: Profile, after: datetime) -> None:
    """Plan the first start of a profile after ``after``; none without a schedule, or with a time zone unknown here."""
    await unplan(transaction, profile.name)
    if profile.schedule is not None and profile.schedule.automatic:
        with suppress(ValueError):
            start = profile.schedule.next_start(after)
            await put(transaction, Planned(profile.name, as_text(profile.schedule), start))


async def put(transaction: Transaction, one: Planned) -> None:
    """Record a next start."""
    await transaction.execute(
        "INSERT OR REPLACE INTO planned (profile, schedule, next) VALUES (?, ?, ?)",
        (one.profile, one.schedule, timestamp(one.next)),
    )


async def unplan(transaction: Transaction, name: str) -> None:
    """Forget the next start of a profile."""
    await transaction.execute("DELETE FROM planned WHERE profile = ?", (name,))
