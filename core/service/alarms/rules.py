"""The rules: from the state of an archive to its alarms. Pure functions.

The texts of reasons are for both faces, and ages come from ``moment``, the present time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from core.archive.proof.last_verification import LastVerification
from core.archive.proof.seal_places import PlaceState
from core.archive.read.forecast import DiskForecast
from core.archive.registry.last_attempt import Attempt, AttemptOutcome
from core.archive.store.space import DiskUse
from core.archive.transfer.backup_plan import BackupOutcome, BackupState
from core.engine.run import briefs
from core.errors import DamagedError
from core.model import Run, RunStatus, timestamp
from core.problems import alarm as problems
from core.problems import backup
from core.problems import warning as warnings
from core.problems.code import Reason
from core.profiles.profile import Profile
from core.profiles.rhythm import Often
from core.profiles.selection import Chosen
from core.service.alarms.alarm import Alarm, AlarmRule
from core.service.verifications import VerificationOutcome, VerificationRequest, VerificationState

#: A planned start that is past by more than this, with a service running, was not made.
LATE = timedelta(hours=1)
#: Delay after which a due verification counts as not being done.
OVERDUE = timedelta(days=2)
#: Age below which a run that waits, or a request, is taken up by the service that its command is starting.
SETTLING = timedelta(minutes=1)
#: Time after which a run that is not at its end is told.
LONG = timedelta(days=2)
#: A time so far ahead of the clock that the clock was set back since.
AHEAD = timedelta(days=1)
#: Without a schedule: the time for which a verification counts.
GOOD_FOR = timedelta(days=90)


def of_damage(opened: DamagedError | None, findings: int, messages: int) -> Alarm | None:
    """Damage that stands: seen when the archive was opened, or the number of ``findings``, some of them in ``messages``."""
    if opened is not None:
        return Alarm(AlarmRule.DAMAGE, problems.NOTHING_ADDED(why=opened.reason))
    if not findings:
        return None
    if messages:
        return Alarm(AlarmRule.DAMAGE, problems.MESSAGES_DAMAGED(count=findings, messages=messages))
    return Alarm(AlarmRule.DAMAGE, problems.DAMAGE_FOUND(count=findings))


def waiting(active: Iterable[Run], moment: datetime) -> int:
    """The number of active runs that wait for a service, but for those whose command is just starting one."""
    return sum(not _settling(one.requested, moment) for one in active)


def waits(request: VerificationRequest | None, moment: datetime) -> bool:
    """True when a verification requested by a person waits for a service; scheduled ones become overdue instead."""
    return request is not None and not request.automatic and not _settling(request.at, moment)


def _settling(at: datetime, moment: datetime) -> bool:
    """True for what was asked for just now, also by a clock that was a little ahead."""
    return abs(moment - at) < SETTLING


def of_service(fault: Reason | None, running: bool, scheduled: int, waiting: int, verification: bool) -> Alarm | None:
    """A service that does nothing, or is missing while ``scheduled`` profiles, ``waiting`` runs or a verification need one."""
    if fault is not None:
        return Alarm(AlarmRule.SERVICE_STUCK, fault)
    if running:
        return None
    if waiting:
        return Alarm(AlarmRule.SERVICE_MISSING, problems.RUNS_WAIT(count=waiting))
    if verification and not scheduled:
        return Alarm(AlarmRule.SERVICE_MISSING, problems.VERIFICATION_WAITS())
    return Alarm(AlarmRule.SERVICE_MISSING, problems.SERVICE_MISSING(count=scheduled)) if scheduled else None


def of_run(profile: str, run: Run | None) -> Alarm | None:
    """The last run of a profile that came to its own end, if it failed or left something out."""
    if run is None or run.status not in (RunStatus.FAILED, RunStatus.WITH_ERRORS):
        return None
    since = run.finished or run.requested
    if run.status is RunStatus.FAILED:
        told = problems.RUN_FAILED(profile=profile, why=run.why) if run.why else problems.RUN_FAILED_SILENTLY(profile=profile)
        return Alarm(AlarmRule.RUN_FAILED, told, profile, since, run.id)
    result = run.result or {}
    if mailboxes := briefs.failed_mailboxes(result):
        reason = problems.MAILBOXES_FAILED(profile=profile, count=mailboxes)
    elif messages := int((result.get("totals") or {}).get("failed", 0)):
        reason = problems.MESSAGES_FAILED(profile=profile, count=messages)
    else:
        reason = problems.NOT_ALL_DONE(profile=profile)
    return Alarm(AlarmRule.RUN_ERRORS, reason, profile, since, run.id)


def overdue_runs(starts: Mapping[str, datetime], busy: Iterable[str], moment: datetime) -> Iterator[Alarm]:
    """Planned starts that were not made although a service runs. Profiles that are ``busy`` start when they are done."""
    occupied = set(busy)
    for profile, due in starts.items():
        if moment - due > LATE and profile not in occupied:
            yield Alarm(AlarmRule.RUN_OVERDUE, problems.RUN_OVERDUE(profile=profile, due=timestamp(due)), profile, due)


def long_runs(active: Iterable[Run], moment: datetime) -> Iterator[Alarm]:
    """Runs that began, or wait, since days: no other run of their profile starts."""
    for run in active:
        since = run.started or run.requested
        if moment - since > LONG:
            reason = problems.RUN_LONG(profile=run.profile, since=timestamp(since))
            yield Alarm(AlarmRule.RUN_LONG, reason, run.profile, since, run.id)


def of_verification(standing: VerificationState, last: LastVerification | None, moment: datetime) -> Alarm | None:
    """An archive with mail whose verification failed, is overdue, or was too long ago."""
    ahead = last.at if last is not None and last.at - moment > AHEAD else None
    if ahead is not None:
        # It would not age until the clock is there again.
        last = None
    ended = standing.ended if standing.progress is None else None
    if ended is not None and ended.outcome is VerificationOutcome.FAILED and (last is None or last.at < ended.at):
        # The schedule tries again every hour, so it is never overdue.
        at = timestamp(ended.at)
        told = problems.VERIFICATION_FAILED(at=at, why=ended.why) if ended.why else problems.VERIFICATION_FAILED_SILENTLY(at=at)
        return Alarm(AlarmRule.VERIFICATION, told, since=ended.at)
    if standing.request is not None and (standing.progress is not None or not standing.request.automatic):
        return None
    if standing.rhythm.often is not Often.OFF:
        if standing.due is not None and moment - standing.due >= OVERDUE:
            since = timestamp(standing.due)
            return Alarm(AlarmRule.VERIFICATION, warnings.VERIFICATION_OVERDUE(since=since), since=standing.due)
        return _of_cancelled(standing, last, moment)
    if ahead is not None:
        return Alarm(AlarmRule.VERIFICATION, warnings.VERIFIED_AHEAD(at=timestamp(ahead)), since=ahead)
    if last is None:
        return Alarm(AlarmRule.VERIFICATION, warnings.NEVER_VERIFIED())
    age = moment - last.at
    return None if age < GOOD_FOR else Alarm(AlarmRule.VERIFICATION, warnings.VERIFIED_LONG_AGO(age=age.days), since=last.at)


def _of_cancelled(standing: VerificationState, last: LastVerification | None, moment: datetime) -> Alarm | None:
    """A schedule whose last verification was cancelled, which moves its due time, while nothing else proves the archive."""
    ended, percent = standing.ended, standing.rhythm.percent
    if ended is None or ended.outcome is not VerificationOutcome.CANCELLED:
        return None
    if last is None:
        return Alarm(AlarmRule.VERIFICATION, problems.NEVER_VERIFIED(at=timestamp(ended.at)), since=ended.at)
    age = moment - last.at
    # Shares prove everything only once in their round.
    if ended.at <= last.at or age < GOOD_FOR + timedelta(days=100 / percent if percent else 0):
        return None
    reason = problems.VERIFIED_LONG_AGO(age=age.days, at=timestamp(ended.at))
    return Alarm(AlarmRule.VERIFICATION, reason, since=last.at)


def of_backup(state: BackupState, moment: datetime) -> Alarm | None:
    """Scheduled backups of which the last one failed or is damaged, or the next one is overdue."""
    if state.due is None:
        return None
    ended = state.ended
    if ended is not None and ended.outcome is BackupOutcome.FAILED:
        why = ended.why or backup.STOPPED_SILENTLY(path=ended.directory)
        return Alarm(AlarmRule.BACKUP, problems.BACKUP_FAILED(at=timestamp(ended.at), why=why), since=ended.at)
    if ended is not None and ended.outcome is BackupOutcome.DAMAGED:
        reason = problems.BACKUP_DAMAGED(path=ended.directory, count=ended.findings)
        return Alarm(AlarmRule.BACKUP, reason, since=ended.at)
    if moment - state.due >= OVERDUE:
        return Alarm(AlarmRule.BACKUP, problems.BACKUP_OVERDUE(due=timestamp(state.due)), since=state.due)
    return None


def of_forecast(ahead: DiskForecast | None, disk: DiskUse, most: int) -> Alarm | None:
    """A disk that will be full within ``most`` days; one that is nearly so already is told by its own rule."""
    if ahead is None or disk.low or ahead.days > most:
        return None
    return Alarm(AlarmRule.FORECAST, warnings.FULL_SOON(days=ahead.days, free=disk.free, daily=ahead.per_day))


def of_place(place: PlaceState) -> Alarm:
    """A place that no seal reaches; or damage, when the archive does not match the seal that was sent there."""
    assert place.why is not None
    name = place.place.name
    if place.broken:
        return Alarm(AlarmRule.DAMAGE, warnings.SEAL_BROKEN(why=place.why), name, place.at)
    return Alarm(AlarmRule.SEAL, warnings.SEAL_NOT_SENT(place=name, why=place.why), name, place.at)


def of_directory(attempt: Attempt | None) -> Alarm | None:
    """The last synchronisation with the directory, if it failed or was withheld."""
    if attempt is None or attempt.outcome is AttemptOutcome.DONE or attempt.why is None:
        return None
    failed = attempt.outcome is AttemptOutcome.FAILED
    code = problems.SYNCHRONISATION_FAILED if failed else problems.SYNCHRONISATION_WITHHELD
    return Alarm(AlarmRule.DIRECTORY, code(at=timestamp(attempt.at), why=attempt.why), since=attempt.at)


def of_profile(profile: Profile, has_directory: bool, chosen: Chosen | None, *, never_started: bool = False) -> Iterator[Alarm]:
    """Unsafe settings of a profile, a schedule that cannot be kept, a directory that it needs, and users whom it leaves out."""
    for warning in profile.warnings():
        yield Alarm(AlarmRule.PROFILE, warning, profile.name)
    if never_started:
        yield Alarm(AlarmRule.PROFILE, problems.NEVER_STARTED(profile=profile.name), profile.name)
    if profile.sync_directory_first and not has_directory:
        yield Alarm(AlarmRule.DIRECTORY, warnings.NO_DIRECTORY(profile=profile.name), profile.name)
    if chosen is not None and chosen.without_address:
        count, names = chosen.without_address, chosen.without_names
        more = count - len(names)
        if more > 0:
            reason = warnings.LEFT_OUT_MORE(profile=profile.name, count=count, names=names, more=more)
        else:
            reason = warnings.LEFT_OUT(profile=profile.name, count=count, names=names)
        yield Alarm(AlarmRule.USERS, reason, profile.name)


def of_unknown(open_: int, since: str, waiting: int) -> Iterator[Alarm]:
    """Addresses that no user has, the earliest ``since``, and messages that can be filed by now."""
    if open_:
        yield Alarm(AlarmRule.UNKNOWN, warnings.UNKNOWN_SINCE(count=open_, since=since))
    if waiting:
        yield Alarm(AlarmRule.UNKNOWN, warnings.TO_BE_FILED(count=waiting))
