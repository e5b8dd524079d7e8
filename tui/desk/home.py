"""Home and the page of a profile: their values, and items that need attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.archive.registry.acknowledged import AlarmKey
from core.engine.visit.progress import Snapshot
from core.model import Run, timestamp
from core.profiles.profile import Profile
from core.profiles.selection import Chosen, UserSelection
from core.service.alarms.alarm import Alarm, AlarmRule, told_once
from core.text import format as texts
from tui.desk import face
from tui.desk.jobs import JobView
from tui.desk.present import BLANK, Badge, Safe, Tone, badge, count, own, sentence, sentences, since, text
from tui.desk.runs.run_words import run_facts, state
from tui.desk.runs.runs import RunRow
from tui.desk.strip import Fact


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A profile on Home. ``key`` is its true name, for the desk only; ``facts`` begin with the most important.

    ``deletes`` is its deletion rule, empty without one; ``scheduled``: it has a schedule, in force if ``automatic``.
    """

    key: str
    name: Safe
    mailbox: Safe
    server: Safe
    schedule: Safe
    automatic: bool
    scheduled: bool
    next_start: Safe
    deletes: Safe
    state: Badge
    facts: tuple[Safe, ...]
    active: bool
    last_run: int | None


class Remedy(StrEnum):
    """The page with the remedy for an item that needs attention."""

    RESULT = "result"
    EDIT = "edit"
    USERS = "users"
    SETTINGS = "settings"
    SERVICE = "service"
    UNKNOWN = "unknown"
    DIRECTORY = "directory"
    JOB = "job"
    PROOF = "proof"
    SEALS = "seals"
    STATISTICS = "statistics"
    BACKUPS = "backups"


@dataclass(frozen=True, slots=True)
class Attention:
    """An item that needs attention, or an active or unseen finished ``job`` of the console.

    ``critical``: mail may be lost, or is not archived, until it is seen to. ``key`` is the run, the job, or the true name of
    the profile for the remedy. ``alarms``: by which it can be acknowledged, none where it cannot; ``acknowledged``: it was.
    """

    text: Safe
    remedy: Remedy
    key: str
    words: Safe
    job: Badge | None = None
    critical: bool = False
    alarms: tuple[AlarmKey, ...] = ()
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class ProfileView:
    """One profile: ``row`` as on Home, its description in labels and sentences, and its last runs, the newest first."""

    row: ProfileRow
    facts: tuple[tuple[Safe, Safe], ...]
    warnings: tuple[Safe, ...]
    runs: tuple[RunRow, ...]


@dataclass(frozen=True, slots=True)
class HomeView:
    """All of Home. ``busy`` counts queued and active runs, ``scheduled`` the automatic profiles.

    ``verified``: the last verification, or the progress of one; ``service_stuck``: the service is stuck; ``strip``: how the
    archive is.
    """

    path: Safe
    service_running: bool
    busy: int
    profiles: tuple[ProfileRow, ...]
    attention: tuple[Attention, ...]
    scheduled: int = 0
    verified: Safe = BLANK
    service_stuck: bool = False
    strip: tuple[Fact, ...] = ()


NEVER = badge("·", "never run", Tone.MUTED)
#: The longest text of an item.
LONGEST = 400
_NOTHING: Mapping[UserSelection, Chosen] = {}
#: The page with the remedy by rule, and the words that lead there.
_REMEDIES: Mapping[AlarmRule, tuple[Remedy, Safe]] = {
    AlarmRule.DAMAGE: (Remedy.PROOF, own("go to Proof")),
    AlarmRule.READ_ONLY: (Remedy.SETTINGS, own("go to Settings")),
    AlarmRule.SEAL: (Remedy.SEALS, own("go to Seals")),
    AlarmRule.SERVICE_STUCK: (Remedy.SETTINGS, own("go to Settings")),
    AlarmRule.SERVICE_MISSING: (Remedy.SERVICE, own("start the service")),
    AlarmRule.RUN_FAILED: (Remedy.RESULT, own("show it")),
    AlarmRule.RUN_ERRORS: (Remedy.RESULT, own("show it")),
    AlarmRule.RUN_OVERDUE: (Remedy.SETTINGS, own("go to Settings")),
    AlarmRule.RUN_LONG: (Remedy.RESULT, own("show it")),
    AlarmRule.VERIFICATION: (Remedy.PROOF, own("go to Proof")),
    AlarmRule.BACKUP: (Remedy.BACKUPS, own("go to Backups")),
    AlarmRule.STORAGE: (Remedy.SETTINGS, own("go to Settings")),
    AlarmRule.SPACE: (Remedy.SETTINGS, own("go to Settings")),
    AlarmRule.FORECAST: (Remedy.STATISTICS, own("go to Statistics")),
    AlarmRule.INDEX: (Remedy.SETTINGS, own("go to Settings")),
    AlarmRule.DIRECTORY: (Remedy.DIRECTORY, own("look at the directory")),
    AlarmRule.KEY: (Remedy.SETTINGS, own("go to Settings")),
    AlarmRule.EXPOSED: (Remedy.SETTINGS, own("go to Settings")),
    AlarmRule.PROFILE: (Remedy.EDIT, own("change it")),
    AlarmRule.USERS: (Remedy.USERS, own("go to Users")),
    AlarmRule.UNKNOWN: (Remedy.UNKNOWN, own("see to it")),
    AlarmRule.IS_BACKUP: (Remedy.PROOF, own("go to Proof")),
}
#: Alarms whose page does not have the whole remedy: it stands beside them.
_WITH_REMEDY = frozenset(AlarmRule) - {
    *(AlarmRule.SERVICE_MISSING, AlarmRule.RUN_FAILED, AlarmRule.RUN_ERRORS, AlarmRule.RUN_LONG, AlarmRule.VERIFICATION),
    *(AlarmRule.PROFILE, AlarmRule.USERS, AlarmRule.UNKNOWN, AlarmRule.DAMAGE, AlarmRule.DIRECTORY),
}


def attention(group: Sequence[Alarm]) -> Attention:
    """The item of an alarm, or of those that are alike."""
    alarm = told_once(group)
    remedy, words = _REMEDIES[alarm.rule]
    if alarm.rule is AlarmRule.PROFILE and not alarm.subject:
        remedy, words = _REMEDIES[AlarmRule.DIRECTORY]
    said = face.told(alarm.reason) if alarm.rule in _WITH_REMEDY else face.sentence(alarm.reason)
    known = alarm.acknowledged
    if known is not None:
        said = f"{face.sentence(alarm.reason)} Acknowledged by {known.by} {since(timestamp(known.at))}: {known.why}"
    key = str(alarm.run) if remedy is Remedy.RESULT else alarm.subject
    keys = tuple(one.key for one in group) if alarm.rule.stands else ()
    told = text(said, LONGEST)
    return Attention(told, remedy, key, words, critical=alarm.rule.critical, alarms=keys, acknowledged=known is not None)


def waiting(why: str) -> Attention:
    """Runs that wait for a service which could not be started."""
    return Attention(text(why, LONGEST), Remedy.SERVICE, "", own("start the service"), critical=True)


def told(job: JobView) -> Attention:
    """A job of the console in a line: its progress, or its end."""
    share = f" {job.fraction:.0%}" if job.active and job.fraction is not None else ""
    said = sentence(f"{job.kind} {job.state.word}{share}: {job.title}")
    return Attention(said, Remedy.JOB, str(job.key), own("show it"), job.state)


# Home --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run of a profile with its progress, if any; ``tried`` when a dry run is active beside it.

    Dry runs do not count as the last run.
    """

    run: Run | None = None
    snapshot: Snapshot | None = None
    tried: bool = False


def profile_row(
    profile: Profile,
    last: LastRun,
    now: datetime,
    chosen: Mapping[UserSelection, Chosen] = _NOTHING,
    next_start: datetime | None = None,
) -> ProfileRow:
    """A profile with its last run, and its progress. ``chosen`` has the results of selections."""
    run = last.run
    facts = sentences(run_facts(run, last.snapshot, now) if run else ())
    return ProfileRow(
        key=profile.name,
        name=text(profile.name),
        mailbox=_whose(profile, chosen),
        server=text(profile.server.host),
        schedule=text(short_schedule(profile), 60),
        automatic=profile.automatic,
        scheduled=profile.schedule is not None,
        next_start=sentence(texts.soon(next_start, now)) if next_start else BLANK,
        deletes=sentence(profile.deletion.sentence()) if profile.deletion.active else BLANK,
        state=state(run) if run else NEVER,
        facts=(*facts[:1], own("dry run under way"), *facts[1:]) if last.tried else facts,
        active=run is not None and not run.status.final,
        last_run=run.id if run else None,
    )


def short_schedule(profile: Profile) -> str:
    """The schedule in short: ``every 15 min``, ``daily at 02:00``, ``manual``; one that is switched off is marked."""
    if profile.schedule is None:
        return "manual"
    return profile.schedule.sentence(short=True) if profile.automatic else "switched off"


def _whose(profile: Profile, chosen: Mapping[UserSelection, Chosen]) -> Safe:
    if profile.catchall is not None:
        return sentence(f"catch-all {text(profile.login.username)}")
    if profile.selection is None:
        return text(profile.login.username)
    return sentence(count(chosen[profile.selection].users, "mailbox", "mailboxes"))
