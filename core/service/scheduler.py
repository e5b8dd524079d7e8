"""Scheduler: keeps ``planned`` in step with the saved profiles, and queues due runs.

Invariant: starts missed while no service ran, or the machine was off, are made up by one run; a start is skipped while the
profile's last run is active, and after a dry run it is made up; a changed schedule is planned from its change on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime

from core.archive.archive import Archive
from core.archive.registry import planning
from core.archive.registry.planning import Planned
from core.db.database import Transaction
from core.model import now
from core.profiles.profile import Profile, from_json, name_key
from core.profiles.schedule import Schedule
from core.service.queue import Queue, active_run, add

logger = logging.getLogger("archivar.service")


class Scheduler:
    """The automatic profiles of an archive. ``look`` must be called about every second."""

    def __init__(self, archive: Archive, clock: Callable[[], datetime] = now) -> None:
        self._archive = archive
        self._queue = Queue(archive.database)
        self._clock = clock
        self._seen: tuple[int, int] | None = None
        self._definitions: dict[str, str] = {}
        self._schedules: dict[str, tuple[str, Schedule]] = {}
        self._planned: dict[str, Planned] = {}
        self._last = clock()

    @property
    def wanted(self) -> bool:
        """True when the last look found an automatic profile."""
        return bool(self._schedules)

    async def refresh(self) -> bool:
        """Read the saved profiles and planned starts, if anything may have changed; True if it was read."""
        # The first changes when other processes write; the second when this process applies their ledger entries.
        seen = (await self._queue.version(), int(await self._archive.database.value("SELECT seq FROM applied") or 0))
        if seen == self._seen:
            return False
        rows = await self._archive.database.read("SELECT name, definition FROM profile")
        definitions = {str(row[0]): str(row[1]) for row in rows}
        if definitions != self._definitions:
            self._schedules = {}
            for name, text in definitions.items():
                try:
                    schedule = _automatic(text)
                except ValueError as error:
                    logger.error("%s cannot be started by its schedule: %s", name, error)
                    continue
                if schedule is not None:
                    self._schedules[name_key(name)] = (name, schedule)
            self._definitions = definitions
        self._planned = await planning.planned(self._archive.database)
        self._seen = seen
        return True

    async def look(self) -> list[int]:
        """Plan missing starts, queue due runs; the numbers of the queued runs.

        Raises ``BusyError`` and ``StorageError``; the next look repeats failed work.
        """
        changed = await self.refresh()
        moment, last = self._clock(), self._last
        self._last = moment
        gone, fresh = self._differences(moment) if changed or moment < last else ([], [])
        new = {name_key(one.profile) for one in fresh}
        due = [one for key, one in self._planned.items() if one.next <= moment and key in self._schedules and key not in new]
        if not gone and not fresh and not due:
            return []
        started: list[int] = []
        # Read again before the next look, also when this one fails halfway.
        self._seen = None
        async with self._archive.database.transaction() as transaction:
            for one in gone:
                await planning.unplan(transaction, one.profile)
            for one in fresh:
                await planning.put(transaction, one)
            for one in due:
                if (number := await self._start(transaction, one, moment)) is not None:
                    started.append(number)
        return started

    def _differences(self, moment: datetime) -> tuple[list[Planned], list[Planned]]:
        """Planned starts without an automatic profile; and new plans for profiles without one, or with outdated ones."""
        gone = [one for key, one in self._planned.items() if key not in self._schedules]
        fresh = []
        for key, (name, schedule) in self._schedules.items():
            one, text = self._planned.get(key), planning.as_text(schedule)
            if one is None or one.schedule != text or schedule.too_late(one.next, moment):
                fresh.append(Planned(name, text, schedule.next_start(moment)))
        return gone, fresh

    async def _start(self, transaction: Transaction, one: Planned, moment: datetime) -> int | None:
        """Queue a run and plan the next one, in one transaction: neither exists without the other."""
        name, schedule = self._schedules[name_key(one.profile)]
        definition = await transaction.value("SELECT definition FROM profile WHERE name = ?", (name,))
        if definition != self._definitions[name]:
            # Changed in this very moment; the next look handles it.
            return None
        under_way = await active_run(transaction, name)
        if under_way is not None and under_way.dry_run:
            # A dry run archives nothing, so the start stays due until it has ended.
            return None
        following = schedule.following(one.next, moment)
        await planning.put(transaction, Planned(name, one.schedule, following))
        if under_way is not None:
            logger.info("%s is still being run (run %d), so this start is left out", name, under_way.id)
            return None
        run = await add(transaction, name, automatic=True)
        logger.info("%s is started by its schedule (%s) as run %d", name, schedule.sentence(), run.id)
        return run.id


async def next_starts(archive: Archive) -> dict[str, datetime]:
    """The next start of each automatic profile, by its name; a past one waits for a service.

    Profiles with a time zone unknown to this system never start, and are left out.
    """
    planned = await planning.planned(archive.database)
    found: dict[str, datetime] = {}
    for row in await archive.database.read("SELECT name, definition FROM profile ORDER BY name"):
        try:
            schedule = _automatic(row[1])
        except ValueError:
            continue
        if schedule is None:
            continue
        one = planned.get(name_key(row[0]))
        known = one is not None and one.schedule == planning.as_text(schedule)
        found[row[0]] = one.next if one is not None and known else schedule.next_start(now())
    return found


def _automatic(definition: str) -> Schedule | None:
    """The schedule of an automatic profile, else None. Raises ``ValueError`` when it cannot be evaluated here."""
    try:
        profile: Profile = from_json(json.loads(definition))
    except (KeyError, TypeError) as error:
        raise ValueError(f"its definition cannot be read ({error!r})") from error
    if profile.schedule is None or not profile.automatic:
        return None
    profile.schedule.next_start(now())
    return profile.schedule
