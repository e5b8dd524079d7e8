"""Alarms: each rule applied to values, their weights, and the watch over a real archive."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof import damage
from core.archive.proof.findings import Finding
from core.archive.proof.last_verification import LastVerification
from core.archive.proof.seal_places import PlaceState
from core.archive.read.forecast import DiskForecast
from core.archive.registry import last_attempt, saved_settings
from core.archive.registry.last_attempt import Attempt, AttemptOutcome
from core.archive.store.space import DiskUse
from core.errors import ArchivarError, DamagedError
from core.model import Run, RunStatus, now
from core.problems import folder, home, login, warning
from core.problems.code import Reason
from core.problems.command_line import sentence
from core.profiles.profile import Access
from core.profiles.rhythm import Rhythm
from core.profiles.schedule import Schedule
from core.profiles.seal_place import PlaceKind, SealPlace
from core.profiles.selection import Chosen
from core.service.alarms import rules
from core.service.alarms.alarm import Alarm, AlarmRule, Weight, folded, heaviest
from core.service.alarms.watch import Runs, Watch
from core.service.indexing import catch_up
from core.service.queue import Queue
from core.service.verifications import VerificationEnd, VerificationOutcome, VerificationRequest, VerificationState
from tests import homes

MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WHY: Reason = folder.NO_FOLDERS()


def run(status: RunStatus, *, reason: str = "", **result: object) -> Run:
    return Run(7, "Staff", status, MOMENT, MOMENT, MOMENT, reason=reason, result=dict(result))


def word(alarm: Alarm | None) -> str:
    return "" if alarm is None else alarm.reason.code.word


def test_every_rule_has_a_weight_and_monitoring_knows_which_are_critical() -> None:
    """Damage outweighs a missing service, that outweighs what needs attention; remarks weigh nothing."""
    assert {one: one.weight for one in AlarmRule if one.weight is not Weight.ATTENTION} == {
        AlarmRule.DAMAGE: Weight.DAMAGE,
        AlarmRule.SERVICE_STUCK: Weight.SERVICE,
        AlarmRule.SERVICE_MISSING: Weight.SERVICE,
        AlarmRule.USERS: Weight.REMARK,
        AlarmRule.UNKNOWN: Weight.REMARK,
        AlarmRule.IS_BACKUP: Weight.REMARK,
    }
    assert {one for one in AlarmRule if one.critical} == {
        *(AlarmRule.DAMAGE, AlarmRule.SERVICE_STUCK, AlarmRule.SERVICE_MISSING, AlarmRule.READ_ONLY, AlarmRule.RUN_FAILED)
    }
    found = [Alarm(AlarmRule.SPACE, WHY), Alarm(AlarmRule.DAMAGE, WHY), Alarm(AlarmRule.SERVICE_MISSING, WHY)]
    assert [heaviest(found), heaviest(found[::2]), heaviest(found[:1]), heaviest([])] == [4, 3, 1, 0]


def test_critical_alarms_are_shown_first_and_remarks_last() -> None:
    """On Home, in the text of status and for Nagios alike."""
    rules_in_order = list(AlarmRule)
    assert rules_in_order == sorted(rules_in_order, key=lambda one: (one.weight is Weight.REMARK, not one.critical))


@pytest.mark.parametrize(
    ("ended", "rule", "expected"),
    [
        (None, None, ""),
        (run(RunStatus.SUCCEEDED), None, ""),
        (run(RunStatus.CANCELLED), None, ""),
        (run(RunStatus.RUNNING), None, ""),
        (run(RunStatus.FAILED), AlarmRule.RUN_FAILED, "profile-failed-without-reason"),
        (run(RunStatus.FAILED, reason="It is full."), AlarmRule.RUN_FAILED, "profile-failed"),
        (run(RunStatus.WITH_ERRORS, totals={"failed": 2}), AlarmRule.RUN_ERRORS, "profile-failed-messages"),
        (run(RunStatus.WITH_ERRORS, failed_mailboxes=3), AlarmRule.RUN_ERRORS, "profile-failed-mailboxes"),
        (run(RunStatus.WITH_ERRORS), AlarmRule.RUN_ERRORS, "profile-not-all-done"),
    ],
)
def test_the_last_run_is_told_when_mail_is_missing(ended: Run | None, rule: AlarmRule | None, expected: str) -> None:
    """A failed run, and one with errors; none that is under way, or was cancelled by a person."""
    found = rules.of_run("Staff", ended)
    assert (found and found.rule, word(found)) == (rule, expected)
    assert found is None or (found.subject, found.run, found.since) == ("Staff", 7, MOMENT)


@pytest.mark.parametrize(
    ("fault", "running", "scheduled", "waiting", "asked", "expected"),
    [
        (None, False, 0, 0, False, ""),
        (None, True, 3, 2, True, ""),
        (None, False, 3, 0, True, "service-missing"),
        (None, False, 0, 2, True, "runs-wait-for-service"),
        (None, False, 0, 0, True, "verification-waits-for-service"),
        (WHY, True, 0, 0, False, WHY.code.word),
    ],
)
def test_a_service_is_missed_only_where_it_is_needed(
    fault: Reason | None, running: bool, scheduled: int, waiting: int, asked: bool, expected: str
) -> None:
    """Schedules, waiting runs and a verification that was asked for need one; one that is stuck is worse than none."""
    assert word(rules.of_service(fault, running, scheduled, waiting, asked)) == expected


def test_what_was_asked_for_just_now_waits_for_nothing_yet() -> None:
    """Its command is starting a service. A scheduled verification becomes overdue instead."""
    new, old = run(RunStatus.QUEUED), replace(run(RunStatus.QUEUED), requested=MOMENT - timedelta(minutes=2))
    assert rules.waiting([new, old], MOMENT + timedelta(seconds=30)) == 1
    assert rules.waiting([new], MOMENT - timedelta(days=1)) == 1, "the clock was set back"
    later = MOMENT + timedelta(minutes=2)
    assert [rules.waits(ASKED, MOMENT), rules.waits(ASKED, later), rules.waits(None, later)] == [False, True, False]
    assert not rules.waits(replace(ASKED, actor="schedule"), later)


def test_a_run_without_end_is_told_after_two_days() -> None:
    """Also one that never began: until its end nothing else starts its profile."""
    under_way, queued = run(RunStatus.RUNNING), replace(run(RunStatus.QUEUED), started=None)
    assert list(rules.long_runs([under_way, queued], MOMENT + timedelta(days=2))) == []
    found = list(rules.long_runs([under_way, queued], MOMENT + timedelta(days=2, seconds=1)))
    assert [(one.rule, one.run, one.since) for one in found] == [(AlarmRule.RUN_LONG, 7, MOMENT)] * 2


def test_a_start_that_was_not_made_is_overdue() -> None:
    """An hour after it was due; not while the profile's last run is under way."""
    starts = {
        "Late": MOMENT - timedelta(hours=2),
        "Busy": MOMENT - timedelta(hours=9),
        "Just": MOMENT - timedelta(minutes=59),
        "Next": MOMENT + timedelta(hours=1),
    }
    found = list(rules.overdue_runs(starts, ["Busy"], MOMENT))
    assert [(one.subject, word(one), one.since) for one in found] == [("Late", "profile-overdue", starts["Late"])]


def _standing(rhythm: str = "off", due: timedelta | None = None, **values: object) -> VerificationState:
    state = VerificationState(None, None, None, Rhythm.parse(rhythm), MOMENT - due if due is not None else None)
    return replace(state, **values)  # type: ignore[arg-type]


def _last(age: timedelta) -> LastVerification:
    return LastVerification(MOMENT - age, True, 0, (), 12, 1000)


FAILED = VerificationEnd(MOMENT - timedelta(hours=1), VerificationOutcome.FAILED, why=WHY)
CANCELLED = VerificationEnd(MOMENT - timedelta(hours=1), VerificationOutcome.CANCELLED)
ASKED = VerificationRequest("x", "root", MOMENT)


@pytest.mark.parametrize(
    ("standing", "last", "expected"),
    [
        (_standing(), None, "never-verified"),
        (_standing(), _last(timedelta(days=89)), ""),
        (_standing(), _last(timedelta(days=91)), "verified-long-ago"),
        (_standing(), _last(timedelta(hours=-20)), ""),
        (_standing(), _last(timedelta(days=-400)), "verified-ahead"),
        (_standing(ended=FAILED), _last(timedelta(days=-400)), "last-verification-failed"),
        (_standing("monthly", timedelta(days=1)), None, ""),
        (_standing("monthly", timedelta(days=3)), None, "verification-overdue"),
        (_standing("monthly", timedelta(days=3), request=ASKED), None, ""),
        (_standing("monthly", timedelta(days=3), request=replace(ASKED, actor="schedule")), None, "verification-overdue"),
        (_standing("monthly", ended=replace(FAILED, why=None)), None, "last-verification-failed-without-reason"),
        (_standing("monthly", timedelta(days=-20), ended=CANCELLED), None, "only-verification-cancelled"),
        (_standing("monthly", timedelta(days=-20), ended=CANCELLED), _last(timedelta(days=91)), "verifications-cancelled"),
        (_standing("monthly", timedelta(days=-20), ended=CANCELLED), _last(timedelta(days=60)), ""),
        (_standing("1%", timedelta(0), ended=CANCELLED), _last(timedelta(days=180)), ""),
        (_standing("1%", timedelta(0), ended=CANCELLED), _last(timedelta(days=191)), "verifications-cancelled"),
        (_standing("monthly", ended=FAILED), None, "last-verification-failed"),
        (_standing("monthly", ended=FAILED), _last(timedelta(minutes=1)), ""),
    ],
)
def test_an_archive_that_is_not_proved_is_told(
    standing: VerificationState, last: LastVerification | None, expected: str
) -> None:
    """Failed, overdue by two days, or without a schedule 90 days old; none while one is asked for.

    One that is still to come, since the clock was set back, proves nothing by its age.
    """
    assert word(rules.of_verification(standing, last, MOMENT)) == expected


@pytest.mark.parametrize(
    ("days", "free", "expected"), [(31, 10**12, ""), (30, 10**12, "disk-full-soon"), (1, 10**12, "disk-full-soon"), (1, 10, "")]
)
def test_a_disk_that_will_be_full_is_told_ahead(days: int, free: int, expected: str) -> None:
    """Within the days of the setting; one that is nearly full has a rule of its own."""
    disk = DiskUse(volumes=1, catalog=1, log=0, other=0, free=free, total=2 * 10**12)
    ahead = DiskForecast(days, 10, (MOMENT + timedelta(days=days)).date())
    assert word(rules.of_forecast(ahead, disk, 30)) == expected
    assert rules.of_forecast(None, disk, 30) is None


def test_damage_is_told_by_what_is_known_of_it() -> None:
    """A fault that stops archiving comes before counts; counted messages are named."""
    assert rules.of_damage(None, 0, 0) is None
    assert word(rules.of_damage(None, 2, 0)) == "damage-stands"
    assert word(rules.of_damage(None, 2, 1)) == "damaged-messages-stand"
    assert word(rules.of_damage(DamagedError(home.NO_FOLDER(home="x")), 2, 1)) == "damage-stops-archiving"


def test_a_seal_that_does_not_match_is_damage_and_one_that_is_not_sent_is_not() -> None:
    """The weight of a place is that of what it says."""
    place = SealPlace("Safe", PlaceKind.FILE, target="/safe")
    assert rules.of_place(PlaceState(place, why=WHY)).rule is AlarmRule.SEAL
    assert rules.of_place(PlaceState(place, why=WHY, broken=True)).rule is AlarmRule.DAMAGE


def test_a_directory_that_fails_is_told_until_it_does_not() -> None:
    """Also one whose users were kept from removal."""
    assert rules.of_directory(None) is None
    assert rules.of_directory(Attempt(MOMENT, AttemptOutcome.DONE)) is None
    assert word(rules.of_directory(Attempt(MOMENT, AttemptOutcome.FAILED, WHY))) == "last-synchronisation-failed"
    assert word(rules.of_directory(Attempt(MOMENT, AttemptOutcome.WITHHELD, WHY))) == "last-synchronisation-withheld"


def test_settings_of_a_profile_are_told_by_its_name() -> None:
    """Certificates that are not checked, a directory that is not there, users who are left out."""
    profile = replace(homes.profile("mail.example.test", 993, name="Staff"), sync_directory_first=True)
    blind = replace(profile, server=replace(profile.server, access=Access.IMAP))
    chosen = Chosen(2, 5, 3, ("anna", "bob"), ())
    found = list(rules.of_profile(blind, False, chosen))
    assert {one.subject for one in found} == {"Staff"}
    assert [one.rule for one in found] == [AlarmRule.PROFILE, AlarmRule.DIRECTORY, AlarmRule.USERS]
    assert word(found[-1]) == "profile-leaves-out-more-users"
    assert [one.rule for one in rules.of_profile(blind, True, Chosen(5, 5, 0, (), ()))] == [AlarmRule.PROFILE]


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    """An archive of one user with 12 messages."""
    archive = await Archive.open(await homes.filled(tmp_path / "home"))
    yield archive
    await archive.close()


async def _alarms(archive: Archive) -> dict[str, str]:
    queue = Queue(archive.database)
    profile = homes.profile("mail.example.test", 993, name="Staff", schedule=Schedule(daily="02:00"))
    profile = replace(profile, server=replace(profile.server, access=Access.IMAP_SSL))
    active = [replace(one, requested=one.requested - timedelta(minutes=5)) for one in await queue.active()]
    runs = Runs([profile], await queue.latest(), {}, active)
    return {one.rule.value: one.reason.code.word for one in (await Watch(archive).look(runs)).alarms}


async def test_the_watch_reads_each_state_of_a_real_archive(archive: Archive) -> None:
    """Damage, a failed synchronisation, waiting runs and modes of files lead to their alarms, and these go with them."""
    assert await _alarms(archive) == {"service-missing": "service-missing"}
    async with archive.database.transaction() as transaction:
        await damage.keep(transaction, [Finding("catalog", WHY)], MOMENT)
    await last_attempt.remember(archive, AttemptOutcome.FAILED, login.NO_PASSWORD_WITHOUT_TLS(host="ldap.example.test"))
    archive.home.catalog.chmod(0o644)
    await Queue(archive.database).enqueue("Staff")
    assert await _alarms(archive) == {
        "damage": "damage-stands",
        "service-missing": "runs-wait-for-service",
        "directory": "last-synchronisation-failed",
        "exposed": "file-sheltered",
    }
    async with archive.database.transaction() as transaction:
        await damage.keep(transaction, [], MOMENT, instead_of="1")
    await last_attempt.forget(archive)
    archive.home.catalog.chmod(0o600)
    await saved_settings.change(archive, "verify", "off")
    assert (await _alarms(archive)).keys() == {"service-missing", "verification"}


async def test_alarms_are_json_with_codes(archive: Archive) -> None:
    """Stable words for machines beside the sentence."""
    runs = Runs([], {}, {}, [Run(3, "Staff", RunStatus.QUEUED, now() - timedelta(hours=1))])
    [alarm] = (await Watch(archive).look(runs)).alarms
    value = json.loads(json.dumps(alarm.as_json()))
    assert value == {
        "rule": "service-missing",
        "subject": "",
        "weight": "service",
        "acknowledged": None,
        "since": None,
        "run": None,
        "reason": "1 run waits for a service.",
        "code": "runs-wait-for-service",
        "values": {"count": 1},
    }


async def test_a_failure_stands_until_a_run_comes_to_a_better_end(archive: Archive) -> None:
    """Neither a cancelled run, nor a dry run, nor one under way hides it."""
    queue = Queue(archive.database)
    for status, dry in ((RunStatus.FAILED, False), (RunStatus.CANCELLED, False), (RunStatus.SUCCEEDED, True)):
        number = (await queue.enqueue("Staff", dry_run=dry))[0].id
        async with archive.database.transaction() as transaction:
            await transaction.execute("UPDATE run SET status = ? WHERE id = ?", (status.value, number))
        assert (await _alarms(archive))["run-failed"] == "profile-failed-without-reason"
    number = (await queue.enqueue("Staff"))[0].id
    assert (await _alarms(archive))["run-failed"] == "profile-failed-without-reason"
    async with archive.database.transaction() as transaction:
        await transaction.execute("UPDATE run SET status = 'succeeded' WHERE id = ?", (number,))
    assert "run-failed" not in await _alarms(archive)


async def test_a_schedule_in_a_time_zone_that_is_not_known_here_is_told(archive: Archive) -> None:
    """It is never started, and has no next start that could be late."""
    schedule = Schedule(daily="02:00", time_zone="Nowhere/Atlantis")
    profile = homes.profile("mail.example.test", 993, name="Staff", schedule=schedule)
    found = (await Watch(archive).look(Runs([profile], {}, {}, []))).alarms
    assert ("profile-never-started", "Staff") in {(word(one), one.subject) for one in found}


def test_what_many_profiles_have_in_common_is_one_line() -> None:
    """With the number of the others; failures, and what only a few have, stay by themselves."""
    unsafe = [Alarm(AlarmRule.PROFILE, warning.NO_TLS(profile=f"P{number}"), f"P{number}") for number in range(1000)]
    failed = [Alarm(AlarmRule.RUN_FAILED, WHY, f"P{number}") for number in range(5)]
    found = folded([*failed, *unsafe, Alarm(AlarmRule.SPACE, WHY)])
    assert [one.rule for one in found] == [AlarmRule.RUN_FAILED] * 5 + [AlarmRule.PROFILE, AlarmRule.SPACE]
    assert found[5].subject == "P0"
    assert "P0 connects without TLS" in sentence(found[5].reason)
    assert "The same holds for 999 more profiles." in sentence(found[5].reason)
    assert folded(unsafe[:3]) == unsafe[:3]


async def test_an_index_that_cannot_be_made_is_told_until_it_is(archive: Archive) -> None:
    """By its reason, and since the first failure; mail that is not indexed is not found."""
    await homes.store(archive, {1: homes.message(1)})
    watch, runs = Watch(archive), Runs([], {}, {}, [])

    async def told() -> list[Alarm]:
        return [one for one in (await watch.look(runs)).alarms if one.rule is AlarmRule.INDEX]

    assert await told() == []
    archive.home.search.mkdir()
    try:
        with pytest.raises(ArchivarError):
            await catch_up(archive.home)
        first = await told()
        assert [one.reason.code.word for one in first] == ["index-failing"]
        with pytest.raises(ArchivarError):
            await catch_up(archive.home)
        assert [one.since for one in await told()] == [first[0].since]
    finally:
        archive.home.search.rmdir()
    await catch_up(archive.home)
    assert await told() == []
