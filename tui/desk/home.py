"""Home and the page of a profile: their values, and items that need attention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.engine.visit.progress import Snapshot
from core.model import Run, RunStatus
from core.profiles.profile import Profile
from core.profiles.selection import Chosen, UserSelection
from core.text import format as texts
from tui.desk import face
from tui.desk.jobs import JobView
from tui.desk.present import BLANK, Badge, Safe, Tone, badge, count, own, sentence, sentences, text
from tui.desk.runs.run_words import failed_mailboxes, run_facts, state, totals
from tui.desk.runs.runs import RunRow


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


@dataclass(frozen=True, slots=True)
class Attention:
    """An item that needs attention, or an active or unseen finished ``job`` of the console.

    ``key`` is the run, the job, or the true name of the profile for the remedy.
    """

    text: Safe
    remedy: Remedy
    key: str
    words: Safe
    job: Badge | None = None


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

    ``verified``: the last verification, or the progress of one; ``service_stuck``: the service is stuck.
    """

    path: Safe
    service_running: bool
    busy: int
    profiles: tuple[ProfileRow, ...]
    attention: tuple[Attention, ...]
    scheduled: int = 0
    verified: Safe = BLANK
    service_stuck: bool = False


NEVER = badge("·", "never run", Tone.MUTED)
_NOTHING: Mapping[UserSelection, Chosen] = {}


@dataclass(frozen=True, slots=True)
class Condition:
    """The state of the archive, beside its profiles. Texts are sentences, empty without a fault.

    ``seals``: failures of seal places; ``stored``: volumes that are not in the storage; ``strangers``: the number of
    unknown addresses, ``waiting``: the reason why runs wait, ``stuck``: a stuck service; ``scheduled`` counts the automatic
    profiles. ``exposed``: files that others can read, with the remedy. ``unproved``: the reason why the archive counts as
    unverified. ``directory``: the failure of the last synchronisation; ``has_directory``: one is set up.
    """

    service_running: bool = True
    scheduled: int = 0
    waiting: str = ""
    stuck: str = ""
    damage: str = ""
    unproved: str = ""
    seals: str = ""
    stored: str = ""
    space: str = ""
    exposed: str = ""
    strangers: str = ""
    directory: str = ""
    has_directory: bool = True


def attention(
    profiles: Iterable[Profile],
    latest: Mapping[str, Run],
    chosen: Mapping[UserSelection, Chosen] = _NOTHING,
    condition: Condition = Condition(),
) -> tuple[Attention, ...]:
    """The items, the worst first: damage and space, stopped work, failed runs, then unsafe settings."""
    found = [*_of_archive(condition)]
    if condition.directory:
        found.append(Attention(text(condition.directory, 400), Remedy.DIRECTORY, "", own("look at the directory")))
    warnings: list[Attention] = []
    for profile in profiles:
        run = latest.get(profile.name)
        if run and (said := _of_run(text(profile.name, 60), run)):
            found.append(Attention(said, Remedy.RESULT, str(run.id), own("show it")))
        warnings += [
            Attention(text(face.sentence(one)), Remedy.EDIT, profile.name, own("change it")) for one in profile.warnings()
        ]
        if profile.sync_directory_first and not condition.has_directory:
            said = sentence(f"{text(profile.name, 60)} is to synchronise users before each run, and no directory is set up.")
            warnings.append(Attention(said, Remedy.DIRECTORY, "", own("set one up")))
        if profile.selection is not None and (said := _without_address(profile, chosen.get(profile.selection))):
            warnings.append(Attention(said, Remedy.USERS, "", own("go to Users")))
    if condition.strangers:
        found.append(Attention(text(condition.strangers), Remedy.UNKNOWN, "", own("see to it")))
    if condition.unproved:
        warnings.append(Attention(text(condition.unproved), Remedy.PROOF, "", own("go to Proof")))
    return (*found, *warnings)


def told(job: JobView) -> Attention:
    """A job of the console in a line: its progress, or its end."""
    share = f" {job.fraction:.0%}" if job.active and job.fraction is not None else ""
    said = sentence(f"{job.kind} {job.state.word}{share}: {job.title}")
    return Attention(said, Remedy.JOB, str(job.key), own("show it"), job.state)


def _of_archive(condition: Condition) -> Iterable[Attention]:
    if condition.damage:
        yield Attention(text(condition.damage, 400), Remedy.PROOF, "", own("go to Proof"))
    if condition.seals:
        yield Attention(text(condition.seals, 400), Remedy.SEALS, "", own("go to Seals"))
    if condition.stored:
        yield Attention(text(condition.stored, 400), Remedy.SETTINGS, "", own("go to Settings"))
    if condition.space:
        yield Attention(text(condition.space, 400), Remedy.SETTINGS, "", own("go to Settings"))
    if condition.exposed:
        yield Attention(text(condition.exposed, 600), Remedy.SETTINGS, "", own("go to Settings"))
    if condition.stuck:
        yield Attention(text(condition.stuck, 400), Remedy.SETTINGS, "", own("go to Settings"))
    if condition.waiting:
        yield Attention(text(condition.waiting, 400), Remedy.SERVICE, "", own("start the service"))
    elif condition.scheduled and not condition.service_running:
        profiles = count(condition.scheduled, "profile")
        verb = "starts" if condition.scheduled == 1 else "start"
        said = sentence(f"The service is not running, so nothing starts by itself: {profiles} should {verb.removesuffix('s')}.")
        yield Attention(said, Remedy.SERVICE, "", own("start the service"))


def _of_run(name: str, run: Run) -> Safe:
    if run.status is RunStatus.FAILED:
        return sentence(f"{name} failed: {text(face.sentence(run.why), 160) if run.why else 'no reason is known'}")
    if run.status is RunStatus.INTERRUPTED:
        return sentence(f"{name} was interrupted; it carries on by itself.")
    if run.status is not RunStatus.WITH_ERRORS:
        return BLANK
    failed, mailboxes = totals(run)["failed"], failed_mailboxes(run)
    what = f"{count(failed, 'message')} could not be archived" if failed else "something could not be done"
    what = f"{count(mailboxes, 'mailbox', 'mailboxes')} could not be archived" if mailboxes else what
    return sentence(f"{name}: {what}. The next run tries again.")


def _without_address(profile: Profile, chosen: Chosen | None) -> Safe:
    """The users whom a profile for many leaves out for lack of an address."""
    if chosen is None or not chosen.without_address:
        return BLANK
    shown = chosen.without_names
    more = chosen.without_address - len(shown)
    names = ", ".join(text(name, 40) for name in shown) + (f" and {texts.number(more)} more" if more > 0 else "")
    return sentence(
        f"{text(profile.name, 60)} leaves out {count(chosen.without_address, 'user')} without an e-mail address: {names}."
    )


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
