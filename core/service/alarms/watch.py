"""The watch over an archive: reads its state, and applies the rules to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, date, datetime
from functools import partial

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.catalog.settings import Settings
from core.archive.proof import damage, last_verification, seal_places
from core.archive.proof.last_verification import LastVerification
from core.archive.proof.seal_places import PlaceState
from core.archive.read import forecast
from core.archive.read.forecast import Growth
from core.archive.registry import acknowledged, last_attempt, passwords, saved_directory, saved_profiles, storage_state, unknown
from core.archive.search import index_failure
from core.archive.search.search_index import progress
from core.archive.store import space
from core.archive.store.space import DiskUse
from core.archive.transfer import backup_plan, exposures
from core.archive.transfer.backup_plan import BackupState
from core.engine.seals import seal_troubles
from core.model import Run, RunStatus, now
from core.problems.code import Reason
from core.profiles.profile import Profile
from core.profiles.selection import Chosen, UserSelection
from core.service import liveness, verifications
from core.service.alarms import rules
from core.service.alarms.alarm import Alarm, AlarmRule
from core.service.lock import is_running
from core.service.queue import Queue
from core.service.scheduler import next_starts
from core.service.verifications import VerificationState
from core.system.exposure import Exposure
from core.values import dataclass

#: Seconds for which what takes long to measure (disk, modes of files) is current enough for a console that asks all the time.
CURRENT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Runs:
    """The profiles, the last run and the next start of each by name, the active runs, and the results of selections."""

    profiles: Sequence[Profile]
    latest: Mapping[str, Run]
    starts: Mapping[str, datetime]
    active: Sequence[Run]
    chosen: Mapping[UserSelection, Chosen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProofState:
    """The state of verifications, the last one of everything, and the findings that stand, with the messages among them."""

    standing: VerificationState
    last: LastVerification | None
    findings: int
    messages: int


@dataclass(frozen=True, slots=True)
class FileState:
    """The disk use of an archive, its files that other accounts can read, and the passwords whose key is missing, if any."""

    disk: DiskUse
    exposed: Sequence[Exposure]
    keyless: Reason | None


@dataclass(frozen=True, slots=True)
class Watched:
    """The alarms in the order of their rules, all but those of ``of_addresses``, and the state in which they were found."""

    alarms: Sequence[Alarm]
    proof: ProofState
    places: list[PlaceState]
    files: FileState
    growth: Growth
    backups: BackupState


async def runs_of(archive: Archive) -> Runs:
    """The profiles and runs of an archive, without the results of selections."""
    queue = Queue(archive.database)
    profiles = await saved_profiles.all_profiles(archive)
    return Runs(profiles, await queue.latest(), await next_starts(archive), await queue.active())


class Watch:
    """Looks for alarms; one object for as long as an archive is open, since it keeps what takes long to measure.

    ``disk``: its use, if it was measured already.
    """

    def __init__(self, archive: Archive, disk: DiskUse | None = None) -> None:
        self._archive = archive
        self._disk = disk
        self._measured = float("-inf")
        self._files: FileState | None = None
        self._unknown: tuple[int, list[Alarm]] = (-1, [])

    async def look(self, runs: Runs) -> Watched:
        """Read the state, and apply the rules. Raises ``BusyError``, ``StorageError``."""
        archive = self._archive
        await archive.look_again()
        findings, messages = await damage.count(archive)
        standing, last = await verifications.standing(archive), await last_verification.last(archive)
        proof = ProofState(standing, last, findings, messages)
        places = await seal_places.standings(archive)
        values, backups = await settings.read(archive.database), await backup_plan.state(archive)
        found = [one async for one in self._of_archive(proof, places, values, backups)]
        found += [one async for one in self._of_work(runs, standing)]
        state = await self._of_files()
        if state.disk.trouble is not None:
            found.append(Alarm(AlarmRule.SPACE, state.disk.trouble))
        today = now().astimezone(UTC).date()
        grown = await archive.database.ask(partial(forecast.growth, today=today))
        if (full := self._full(grown, state.disk, today, values.forecast)) is not None:
            found.append(full)
        if state.keyless is not None:
            found.append(Alarm(AlarmRule.KEY, state.keyless))
        found += (Alarm(AlarmRule.EXPOSED, one.reason) for one in state.exposed)
        found += self._seen_damage()
        order = list(AlarmRule)
        known = await acknowledged.all_of(archive.database)
        found = [replace(one, acknowledged=known.get(one.key)) if one.rule.stands else one for one in found]
        found.sort(key=lambda one: (one.acknowledged is not None, order.index(one.rule)))
        return Watched(found, proof, places, state, grown, backups)

    async def forget_ended(self, watched: Watched) -> None:
        """Forget acknowledged alarms that have ended. ``watched``: a look with the profiles of the archive."""
        await acknowledged.forget_ended(self._archive, (one.key for one in watched.alarms))

    def _full(self, grown: Growth, disk: DiskUse, today: date, most: int) -> Alarm | None:
        if self._archive.home.is_backup:
            return None
        return rules.of_forecast(forecast.forecast(grown, disk, today), disk, most)

    async def _of_files(self) -> FileState:
        """The state of the files, at most ``CURRENT_SECONDS`` old."""
        if self._files is None or time.monotonic() - self._measured > CURRENT_SECONDS:
            disk = self._disk
            if disk is None:
                disk = await asyncio.to_thread(space.use, self._archive.home)
            self._disk = None
            keyless = await passwords.without_key(self._archive)
            self._files = FileState(disk, await exposures.look(self._archive), keyless)
            self._measured = time.monotonic()
        return self._files

    def _seen_damage(self) -> Iterator[Alarm]:
        """Damage of files that are not needed for appending, as far as it was seen on the way."""
        opened = self._archive.damage
        for reason in self._archive.volumes.notices.damage:
            if opened is None or reason != opened.reason:
                yield Alarm(AlarmRule.DAMAGE, reason)

    async def _of_archive(
        self, proof: ProofState, places: Sequence[PlaceState], values: Settings, backups: BackupState
    ) -> AsyncIterator[Alarm]:
        """The archive itself: damage, whether it can be written, its verification, its volumes elsewhere, its seals."""
        archive = self._archive
        damaged = rules.of_damage(archive.damage, proof.findings, proof.messages)
        if damaged is not None:
            yield damaged
        if archive.home.is_backup:
            if archive.refusal is not None and archive.damage is None:
                yield Alarm(AlarmRule.IS_BACKUP, archive.refusal.reason)
            return
        if archive.refusal is not None and archive.damage is None:
            yield Alarm(AlarmRule.READ_ONLY, archive.refusal.reason)
        has_mail = await archive.database.value("SELECT 1 FROM message LIMIT 1") is not None
        if damaged is None and has_mail and (proved := rules.of_verification(proof.standing, proof.last, now())) is not None:
            yield proved
        if (backup := rules.of_backup(backups, now())) is not None:
            yield backup
        if (failing := await index_failure.standing(archive.database)) is not None and (await progress(archive))[1]:
            yield Alarm(AlarmRule.INDEX, failing.reason, since=failing.since)
        if (unstored := await storage_state.trouble(archive.home, archive.database)) is not None:
            yield Alarm(AlarmRule.STORAGE, unstored)
        for place in places:
            if place.why is not None:
                yield rules.of_place(place)
        sealing = values.seal != "off"
        if sealing and (late := seal_troubles.overdue(places, now())) is not None:
            yield Alarm(AlarmRule.SEAL, late)

    async def _of_work(self, runs: Runs, standing: VerificationState) -> AsyncIterator[Alarm]:
        """The service, the runs of profiles and their settings, and the directory."""
        archive, moment = self._archive, now()
        if archive.home.is_backup:
            return
        # A machine that just woke up gets a second look.
        presence, running = await liveness.settled(archive.home), is_running(archive.home)
        scheduled = sum(profile.automatic for profile in runs.profiles)
        waiting = rules.waiting(runs.active, moment)
        asked = rules.waits(standing.request, moment)
        if (service := rules.of_service(presence.fault, running, scheduled, waiting, asked)) is not None:
            yield service
        elif running:
            for late in rules.overdue_runs(runs.starts, (run.profile for run in runs.active), moment):
                yield late
        for long in rules.long_runs(runs.active, moment):
            yield long
        directory = await saved_directory.load(archive)
        if directory is not None:
            for reason in directory.warnings():
                yield Alarm(AlarmRule.PROFILE, reason)
        if (attempt := rules.of_directory(await last_attempt.last(archive))) is not None:
            yield attempt
        for profile in runs.profiles:
            if (ended := rules.of_run(profile.name, await self._concluded(runs.latest.get(profile.name)))) is not None:
                yield ended
            chosen = runs.chosen.get(profile.selection) if profile.selection is not None else None
            never = profile.automatic and profile.name not in runs.starts and _never_starts(profile, moment)
            for one in rules.of_profile(profile, directory is not None, chosen, never_started=never):
                yield one

    async def _concluded(self, last: Run | None) -> Run | None:
        """The last run of a profile that came to its own end: one that is under way or was cancelled mends no failure."""
        if last is None or (last.status.final and last.status is not RunStatus.CANCELLED):
            return last
        return await Queue(self._archive.database).concluded(last.profile)

    async def of_addresses(self) -> list[Alarm]:
        """Remarks on unknown addresses, which take the longer the more there are; counted again only after a change."""
        if self._archive.home.is_backup:
            return []
        seq = int(await self._archive.database.value("SELECT seq FROM applied") or 0)
        if seq != self._unknown[0]:
            open_, since = await unknown.open_since(self._archive)
            self._unknown = (seq, list(rules.of_unknown(open_, since, await unknown.to_be_filed(self._archive))))
        return self._unknown[1]


def _never_starts(profile: Profile, moment: datetime) -> bool:
    """True when this system cannot evaluate the schedule of a profile."""
    try:
        return profile.schedule is not None and not profile.schedule.next_start(moment)
    except ValueError:
        return True
