"""Automatic profiles are started when their time comes: once, not twice, and never one that is switched off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.registry import planning, saved_profiles
from core.errors import StorageError
from core.model import RunStatus, now, timestamp
from core.profiles.profile import Profile, name_key
from core.profiles.schedule import Schedule
from core.secrets import Secret
from core.service.queue import Queue
from core.service.scheduler import Scheduler, next_starts
from tests import homes
from tests.reasons import said

QUARTER = Schedule(every="15 minutes")
NIGHTLY = Schedule(daily="02:00", time_zone="UTC")
MINUTE = timedelta(minutes=1)


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.time = now().replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.time


class Stage:
    """An archive, a scheduler on it with a clock of its own, and a second process that changes profiles."""

    def __init__(self, archive: Archive, other: Archive) -> None:
        self.archive = archive
        self.other = other
        self.clock = Clock()
        self.scheduler = Scheduler(archive, self.clock)
        self.queue = Queue(archive.database)

    async def save(self, schedule: Schedule | None, name: str = "Test") -> Profile:
        """Save a profile as another process would."""
        profile = replace(homes.profile("127.0.0.1", 9, name=name), schedule=schedule)
        await saved_profiles.save(self.other, profile, Secret("secret"))
        return profile

    async def look_after(self, time: timedelta) -> list[int]:
        """Let some time pass, and look."""
        self.clock.time += time
        return await self.scheduler.look()

    async def restart(self) -> list[int]:
        """A new service looks for the first time."""
        self.scheduler = Scheduler(self.archive, self.clock)
        return await self.scheduler.look()

    async def planned(self, name: str = "Test") -> datetime | None:
        found = (await planning.planned(self.archive.database)).get(name_key(name))
        return found.next if found else None

    async def end(self, *runs: int) -> None:
        for run in runs:
            await self.queue.finish(run, RunStatus.SUCCEEDED, {"finished": timestamp(now())})


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    archive = await homes.begin(tmp_path / "home")
    other = await Archive.open(archive.home)
    yield Stage(archive, other)
    await other.close()
    await archive.close()


async def test_a_saved_schedule_is_planned_from_the_moment_in_which_it_was_saved(stage: Stage) -> None:
    """At once, also while no service runs, and the service keeps to it; a profile without a schedule is not planned."""
    before = now()
    await stage.save(QUARTER)
    await stage.save(None, "Manual")
    start = await stage.planned()
    assert start is not None
    assert timedelta() <= start - before - 15 * MINUTE < MINUTE
    assert await stage.scheduler.look() == []
    assert await stage.planned() == start
    assert await next_starts(stage.archive) == {"Test": start}
    assert stage.scheduler.wanted


async def test_a_due_profile_is_queued_and_planned_again(stage: Stage) -> None:
    """The run says that the schedule asked for it; the next start is counted from the planned one, not from the late look."""
    await stage.save(QUARTER)
    await stage.scheduler.look()
    start = await stage.planned()
    assert start is not None
    stage.clock.time = start - timedelta(milliseconds=1)
    assert await stage.scheduler.look() == []
    [run] = await stage.look_after(timedelta(seconds=3))
    queued = await stage.queue.run(run)
    assert (queued.profile, queued.automatic, queued.dry_run, queued.status) == ("Test", True, False, RunStatus.QUEUED)
    assert await stage.planned() == start + 15 * MINUTE
    await stage.end(run)
    assert await stage.scheduler.look() == []
    by_hand, _ = await stage.queue.enqueue("Test")
    assert not by_hand.automatic


async def test_starts_that_were_missed_are_made_up_by_one_run(stage: Stage) -> None:
    """The machine was off for days: the next service starts one run, and the next start lies ahead."""
    await stage.save(QUARTER)
    await stage.save(NIGHTLY, "Nightly")
    await stage.scheduler.look()
    stage.clock.time += timedelta(days=9)
    runs = await stage.restart()
    assert sorted([(await stage.queue.run(run)).profile for run in runs]) == ["Nightly", "Test"]
    await stage.end(*runs)
    assert await stage.scheduler.look() == []
    for name, within in (("Test", 15 * MINUTE), ("Nightly", timedelta(days=1))):
        start = await stage.planned(name)
        assert start is not None
        assert timedelta() < start - stage.clock.time <= within


async def test_a_profile_that_is_only_tried_out_is_started_when_that_has_ended(stage: Stage) -> None:
    """A dry run archives nothing, so no start is left out for it; the one after that is planned as ever."""
    await stage.save(QUARTER)
    await stage.scheduler.look()
    start = await stage.planned()
    dry, _ = await stage.queue.enqueue("Test", dry_run=True)
    assert await stage.look_after(16 * MINUTE) == []
    assert await stage.planned() == start
    await stage.end(dry.id)
    [run] = await stage.look_after(MINUTE)
    assert not (await stage.queue.run(run)).dry_run
    assert start is not None
    assert await stage.planned() == start + 15 * MINUTE


async def test_a_profile_that_is_still_being_run_skips_its_start(stage: Stage) -> None:
    """Nothing is queued for later, and the start after that is planned."""
    await stage.save(QUARTER)
    await stage.scheduler.look()
    run, _ = await stage.queue.enqueue("Test")
    assert await stage.look_after(16 * MINUTE) == []
    await stage.end(run.id)
    assert await stage.look_after(MINUTE) == []
    assert len(await stage.look_after(14 * MINUTE)) == 1


async def test_what_is_switched_off_is_not_started_and_counts_anew_when_switched_on(stage: Stage) -> None:
    """Starts missed while it was off are not made up."""
    await stage.save(QUARTER)
    await stage.scheduler.look()
    await saved_profiles.set_automatic(stage.other, "Test", False)
    assert await stage.planned() is None
    assert await stage.look_after(60 * MINUTE) == []
    assert not stage.scheduler.wanted
    assert await next_starts(stage.archive) == {}
    await saved_profiles.set_automatic(stage.other, "Test", True)
    stage.clock.time = now()
    assert await stage.scheduler.look() == []
    assert len(await stage.look_after(16 * MINUTE)) == 1


async def test_a_changed_schedule_is_planned_from_then_on(stage: Stage) -> None:
    """Another schedule, also when only the catalog has it; a change of anything else leaves the next start alone."""
    profile = await stage.save(QUARTER)
    await stage.scheduler.look()
    start = await stage.planned()
    await saved_profiles.save(stage.other, replace(profile, server=replace(profile.server, connections=2)))
    assert await stage.scheduler.look() == []
    assert await stage.planned() == start
    await stage.save(NIGHTLY)
    assert await stage.scheduler.look() == []
    assert await stage.planned() == NIGHTLY.next_start(now())
    homes.change(stage.archive.home.catalog, "UPDATE planned SET schedule = '{}', next = '2020-01-01T00:00:00.000Z'")
    assert await stage.scheduler.look() == []
    assert await stage.planned() == NIGHTLY.next_start(stage.clock.time)


async def test_a_removed_profile_is_planned_no_more(stage: Stage) -> None:
    """Its row goes with it; one that is left over is swept up."""
    await stage.save(QUARTER)
    await stage.scheduler.look()
    await saved_profiles.remove(stage.other, "test")
    assert await stage.planned() is None
    assert await stage.look_after(60 * MINUTE) == []
    homes.change(stage.archive.home.catalog, "INSERT INTO planned VALUES ('Ghost', '{}', '2020-01-01T00:00:00.000Z')")
    assert await stage.scheduler.look() == []
    assert await stage.planned("Ghost") is None


async def test_a_profile_that_comes_by_way_of_this_process_is_seen_too(stage: Stage) -> None:
    """A process died between ledger and catalog, and this one applied what it had appended: planned by the next look."""
    assert await stage.scheduler.look() == []
    profile = replace(homes.profile("127.0.0.1", 9), schedule=QUARTER)
    await stage.archive.append([saved_profiles._saved(profile, "archivar")])
    assert await stage.scheduler.look() == []
    assert await stage.planned() == stage.clock.time + 15 * MINUTE


@pytest.mark.parametrize("schedule", [QUARTER, NIGHTLY])
async def test_a_clock_that_was_ahead_does_not_stop_a_schedule(stage: Stage, schedule: Schedule) -> None:
    """Set back by a year, it is planned anew from there; set back by seconds, a start is not done twice."""
    await stage.save(schedule)
    await stage.scheduler.look()
    start = await stage.planned()
    assert start is not None
    stage.clock.time = start + timedelta(seconds=1)
    [run] = await stage.scheduler.look()
    await stage.end(run)
    assert await stage.look_after(timedelta(seconds=-3)) == []
    assert await stage.look_after(timedelta(seconds=2)) == []
    assert await stage.look_after(timedelta(days=-365)) == []
    again = await stage.planned()
    assert again is not None
    assert timedelta() < again - stage.clock.time <= timedelta(days=1)
    stage.clock.time = again
    assert len(await stage.scheduler.look()) == 1


async def test_nothing_is_read_while_nothing_changes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at an idle archive asks for two numbers and reads no profile."""
    await stage.save(QUARTER)
    await stage.scheduler.look()
    await stage.scheduler.look()
    asked: list[str] = []
    read = stage.archive.database.read

    async def listen(sql: str, parameters: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        asked.append(sql)
        return await read(sql, parameters)

    monkeypatch.setattr(stage.archive.database, "read", listen)
    await stage.scheduler.look()
    assert asked == ["PRAGMA data_version", "SELECT seq FROM applied"]


async def test_a_look_that_fails_is_done_by_the_next_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a run without its next start, nor the reverse; and nothing is lost."""
    await stage.save(QUARTER)
    await stage.scheduler.look()
    start = await stage.planned()

    async def full(*_: object, **__: object) -> None:
        raise StorageError(said("full"))

    with monkeypatch.context() as patch:
        patch.setattr("core.service.scheduler.add", full)
        with pytest.raises(StorageError):
            await stage.look_after(16 * MINUTE)
    assert await stage.planned() == start
    assert len(await stage.scheduler.look()) == 1


async def test_a_schedule_that_this_system_cannot_tell_stops_no_other(stage: Stage) -> None:
    """A time zone that is unknown here, a definition of a later version: the others are started."""
    await stage.save(QUARTER)
    await stage.save(Schedule(daily="02:00", time_zone="Mars/Olympus"), "Mars")
    await stage.save(QUARTER, "Later")
    later = json.dumps({"name": "Later", "kind": "telepathy"})
    homes.change(stage.archive.home.catalog, f"UPDATE profile SET definition = '{later}' WHERE name = 'Later'")
    assert await stage.scheduler.look() == []
    runs = await stage.look_after(16 * MINUTE)
    assert [(await stage.queue.run(run)).profile for run in runs] == ["Test"]
    assert list(await next_starts(stage.archive)) == ["Test"]


async def test_a_profile_that_changes_in_the_very_moment_is_not_started(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off between the look and the start: the switch holds."""
    await stage.save(QUARTER)
    await stage.scheduler.look()
    refresh = Scheduler.refresh

    async def late(self: Scheduler) -> bool:
        changed = await refresh(self)
        await saved_profiles.set_automatic(stage.other, "Test", False)
        return changed

    monkeypatch.setattr(Scheduler, "refresh", late)
    assert await stage.look_after(16 * MINUTE) == []
    assert await stage.queue.active() == []


async def test_names_that_differ_beyond_ascii_are_profiles_of_their_own(stage: Stage) -> None:
    """As the catalog has it: each is planned and started."""
    names = ["Ärzte", "ärzte", "Straße", "STRASSE"]
    for name in names:
        await stage.save(QUARTER, name)
    await stage.scheduler.look()
    runs = await stage.look_after(16 * MINUTE)
    assert sorted([(await stage.queue.run(run)).profile for run in runs]) == sorted(names)
    assert sorted(await next_starts(stage.archive)) == sorted(names)


async def test_next_starts_are_told_before_a_service_has_planned_them(stage: Stage) -> None:
    """Computed from now where no row tells, as after the catalog was lost."""
    await stage.save(NIGHTLY)
    homes.change(stage.archive.home.catalog, "DELETE FROM planned")
    assert await next_starts(stage.archive) == {"Test": NIGHTLY.next_start(datetime.now(UTC))}
