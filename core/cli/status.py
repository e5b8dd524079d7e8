"""``archivar status``: the archive at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from core.archive.catalog import totals
from core.archive.proof.last_verification import LastVerification
from core.archive.proof.seal_places import PlaceState
from core.archive.registry import storage_state, users
from core.archive.search.search_index import IndexState, glance
from core.archive.store import space
from core.archive.store.ledger import Head
from core.archive.store.space import DiskUse
from core.archive.transfer import last_backup
from core.archive.transfer.backup_plan import BackupState
from core.archive.transfer.last_backup import LastBackup
from core.cli.answer import Answer, Line, Part, Table
from core.cli.context import context
from core.cli.help import Command
from core.cli.index_words import as_json, sentence
from core.cli.monitoring_sample import MonitoringForm, Sample
from core.cli.run_answer import WORDS
from core.cli.words import next_start, progress_line
from core.config import Home
from core.engine.visit.progress import Snapshot
from core.errors import ArchivarError, InputError
from core.model import Run, now, timestamp
from core.problems import command_line, usage
from core.problems.code import Reason
from core.problems.table import warned
from core.profiles.profile import Profile
from core.service import liveness, verifications
from core.service.alarms.alarm import Alarm, AlarmRule, Weight, folded, heaviest
from core.service.alarms.watch import Watch, runs_of
from core.service.liveness import Presence
from core.service.lock import is_running
from core.service.queue import Queue
from core.service.verifications import VerificationOutcome
from core.storage.line import Backlog
from core.system.exposure import Exposure
from core.text.format import counted, number, size, soon, when
from core.values import dataclass


def register(app: typer.Typer) -> None:
    app.command("status", cls=Command)(status)


#: The words of JSON for the exit codes.
STATES = {Weight.REMARK: "well", Weight.ATTENTION: "attention", Weight.SERVICE: "service", Weight.DAMAGE: "damage"}


async def status(
    form: Annotated[
        MonitoringForm, typer.Option("--format", metavar="FORMAT", help="text; nagios or prometheus, for monitoring.")
    ] = MonitoringForm.TEXT,
    file: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Write the metrics to FILE, for node_exporter's textfile collector."),
    ] = None,
) -> Answer:
    """Show the archive at a glance: profiles, last results.

    The exit code is for monitoring: 0 all is well, 1 something needs attention, 3 the service is needed and missing or does
    nothing, 4 damage. With --format nagios it is Nagios' own: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN; with --format prometheus
    it is 0 when the metrics were written.
    """
    if file is not None and form is not MonitoringForm.PROMETHEUS:
        raise InputError(usage.NEEDS_OTHER(option="--to", other="--format prometheus"))
    if form is MonitoringForm.TEXT:
        found = await _look()
        return Answer(json=found.as_json, lines=found.lines(), exit_code=heaviest(found.alarms))
    from core.cli import monitoring

    try:
        found = await _look()
    except ArchivarError as error:
        return monitoring.unreadable(form, error, file)
    return monitoring.answer(form, found.alarms, list(found.samples()), file)


@dataclass(frozen=True, slots=True)
class _Glance:
    """The archive at a glance. ``noted``: the alarms that a note tells already."""

    home: Home
    presence: Presence
    running: bool
    users: int
    messages: int
    bytes: int
    disk: DiskUse
    search: IndexState
    verified: LastVerification | None
    verifying: verifications.VerificationState
    backed_up: LastBackup | None
    backups: BackupState
    places: list[PlaceState]
    backlog: Backlog | None
    alarms: Sequence[Alarm]
    head: Head
    exposed: Sequence[Exposure]
    noted: list[Alarm]
    profiles: Sequence[Profile]
    latest: Mapping[str, Run]
    snapshots: dict[int, Snapshot | None]
    starts: Mapping[str, datetime]

    def as_json(self) -> dict[str, Any]:
        starts, latest = self.starts, self.latest
        return {
            "home": str(self.home.path),
            "backup": self.home.is_backup,
            "service": self.running,
            "service_life": self.presence.life.value,
            "users": self.users,
            "messages": self.messages,
            "bytes": self.bytes,
            "disk": self.disk.used,
            "space": self.disk.as_json(),
            "search": as_json(self.search),
            "verified": self.verified.as_json() if self.verified else None,
            "verification": self.verifying.as_json(),
            "backed_up": self.backed_up.as_json() if self.backed_up else None,
            "backups": self.backups.as_json(),
            "seals": [one.as_json() for one in self.places],
            "storage": self.backlog.as_json() | {"waiting": self.backlog.volumes} if self.backlog is not None else None,
            "head": {"seq": self.head.seq, "hash": self.head.hash.hex()},
            "exposed": [one.as_json() for one in self.exposed],
            "state": STATES[heaviest(self.alarms)],
            "alarms": [one.as_json() for one in self.alarms],
            **warned(one.reason for one in self.alarms),
            "profiles": [_profile_json(one, latest.get(one.name), starts.get(one.name)) for one in self.profiles],
        }

    def samples(self) -> Iterator[Sample]:
        """The values for monitoring; a time that is not known has no sample."""
        yield Sample("messages", self.messages)
        yield Sample("message_bytes", self.bytes)
        yield Sample("users", self.users)
        yield Sample("unindexed_messages", self.search.behind)
        yield Sample("service_running", int(self.running))
        for kind, used in self.disk.kinds:
            yield Sample("disk_used_bytes", used, (("kind", kind),))
        yield Sample("disk_free_bytes", self.disk.free)
        yield Sample("disk_size_bytes", self.disk.total)
        if self.verified is not None:
            yield Sample("last_verification_timestamp_seconds", self.verified.at.timestamp())
            yield Sample("last_verification_findings", self.verified.findings)
        if self.backed_up is not None:
            yield Sample("last_backup_timestamp_seconds", self.backed_up.at.timestamp())
        for place in self.places:
            if place.sent is not None:
                yield Sample("last_seal_timestamp_seconds", place.sent.timestamp(), (("place", place.place.name),))
        for profile in self.profiles:
            yield from self._samples_of(profile.name)

    def _samples_of(self, name: str) -> Iterator[Sample]:
        labels = (("profile", name),)
        last = self.latest.get(name)
        if last is not None and last.finished is not None:
            yield Sample("last_run_timestamp_seconds", last.finished.timestamp(), labels)
            yield Sample("last_run_exit_code", last.status.exit_code, labels)
        if name in self.starts:
            yield Sample("next_run_timestamp_seconds", self.starts[name].timestamp(), labels)

    def lines(self) -> Iterator[Part | str]:
        backup = self.home.is_backup
        yield Line(f"{'Backup' if backup else 'Archive':<10}{self.home.path}", 10)
        mail = f"{counted(self.messages, 'message')}, {size(self.bytes)} of mail in {size(self.disk.used)} on disk"
        yield Line(f"Mail      {mail}", 10)
        yield Line(f"Verified  {_verified(self.verified)}", 10)
        for line in _verifying(self.verifying, self.running):
            yield Line(f"          {line}", 10)
        if not backup:
            yield Line(f"Backed up {_backed_up(self.backed_up)}", 10)
            if self.backups.due is not None:
                served = "" if self.running else ", if a service runs"
                yield Line(f"          next {soon(self.backups.due, now())}{served}, to {self.backups.place}", 10)
            yield Line(f"Seals     {_seals(self.places)}", 10)
        yield Line(f"Search    {sentence(self.search)}", 10)
        off = "○ none; a backup is only read" if backup else "○ not running; a run starts it"
        yield f"Service   {f'✘ {self.presence.life}' if self.presence.fault else '● running' if self.running else off}"
        yield f"Users     {number(self.users)}"
        if self.profiles:
            yield ""
            yield Table(("PROFILE", "STARTS", "NEXT", "LAST RUN", "WHEN", "DETAIL"), [self._row(one) for one in self.profiles])
        told = [
            one
            for one in folded(self.alarms)
            if not (self.noted and one.rule in (AlarmRule.READ_ONLY, AlarmRule.IS_BACKUP, AlarmRule.DAMAGE))
        ]
        if told:
            yield ""
        for one in told:
            yield Line(_told(one), 2)

    def _row(self, profile: Profile) -> tuple[str, ...]:
        last = self.latest.get(profile.name)
        start = next_start(profile, self.starts, self.running)
        return (profile.name, profile.starts(), start, *_last_run(last, self.snapshots.get(last.id) if last else None))


def _told(alarm: Alarm) -> str:
    if (known := alarm.acknowledged) is not None:
        return f"· {command_line.sentence(alarm.reason)} Acknowledged by {known.by} {when(known.at, now())}: {known.why}"
    return f"{'✘' if alarm.rule.critical else '!'} {command_line.told(alarm.reason)}"


def _cause(reason: Reason) -> Reason:
    """The reason within one, if there is any."""
    why = reason.values.get("why")
    return why if isinstance(why, Reason) else reason


async def _look() -> _Glance:
    home = context.find()
    # Before the archive is opened, which makes files that go again.
    disk = space.use(home)
    async with context.archive() as archive:
        queue, watch = Queue(archive.database), Watch(archive, disk)
        mail = await totals.of(archive.database)
        runs = await runs_of(archive)
        latest, starts = runs.latest, runs.starts
        # Before the alarms, which tell the damage that is seen on the way.
        search, head = await glance(archive), await archive.applied()
        seen = await watch.look(runs)
        await watch.forget_ended(seen)
        return _Glance(
            home=home,
            presence=await liveness.settled(home),
            running=is_running(home),
            users=await users.count(archive),
            messages=mail.messages,
            bytes=mail.bytes,
            disk=disk,
            search=search,
            verified=seen.proof.last,
            verifying=seen.proof.standing,
            backed_up=await last_backup.last(archive),
            backups=seen.backups,
            places=seen.places,
            alarms=seen.alarms,
            head=head,
            backlog=await storage_state.known_backlog(home, archive.database),
            exposed=seen.files.exposed,
            noted=[one for one in seen.alarms if archive.volumes.notices.has(_cause(one.reason))],
            profiles=runs.profiles,
            latest=latest,
            snapshots={run.id: await queue.snapshot(run.id) for run in latest.values() if not run.status.final},
            starts=starts,
        )


def _profile_json(profile: Profile, last: Run | None, start: datetime | None) -> dict[str, Any]:
    return {
        "profile": profile.name,
        "run": last.id if last else None,
        "status": last.status.value if last else None,
        "automatic": profile.automatic,
        "starts": profile.starts(),
        "next_start": timestamp(start) if start else None,
    }


def _last_run(last: Run | None, snapshot: Snapshot | None) -> tuple[str, str, str]:
    """State, time and remarks of a profile's last run."""
    if last is None:
        return "never run", "", ""
    return (
        WORDS[last.status],
        when(last.finished or last.requested, now()),
        progress_line(snapshot) if snapshot else last.reason,
    )


def _backed_up(last: LastBackup | None) -> str:
    if last is None:
        return "never; archivar backup DIR copies the archive while runs go on"
    return f"{when(last.at, now())}, up to entry {number(last.seq)}, to {last.directory}"


def _seals(places: list[PlaceState]) -> str:
    if not places:
        return "sent nowhere; archivar seal add lets them prove that nothing was changed by somebody who can write here"
    sent = [one for one in places if one.sent is not None and not one.failure]
    last = max((one.sent for one in sent if one.sent is not None), default=None)
    state = f"✔ {when(last, now())}" if last and len(sent) == len(places) else f"! {len(sent)} of {len(places)} places have one"
    return f"{state}: {', '.join(one.place.name for one in places)}"


def _verified(last: LastVerification | None) -> str:
    if last is None:
        return "never; archivar verify proves that nothing is damaged"
    moment = when(last.at, now())
    if last.ok:
        return f"✔ clean, {moment}: {counted(last.messages, 'message')}, {size(last.bytes)}"
    if last.repaired:
        return f"✔ repaired; found damaged {moment}, {counted(last.findings, 'finding')}"
    first = f": {last.first[0]}" if last.first else ""
    return f"✘ DAMAGED, {moment}, {counted(last.findings, 'finding')}{first}"


def _verifying(standing: verifications.VerificationState, running: bool) -> Iterator[str]:
    """Yield lines on the verification: present state, last result, next time."""
    if standing.request is not None and not running:
        yield "! a verification waits for a service; archivar service start"
    elif standing.request is not None:
        progress = standing.progress
        yield f"● under way, {progress.done * 100:.0f} %: {progress.sentence()}" if progress else "… waits for its turn"
    elif standing.ended is not None and standing.ended.outcome in (VerificationOutcome.FAILED, VerificationOutcome.CANCELLED):
        ended = standing.ended
        yield f"{'✘' if ended.reason else '■'} {ended.outcome}, {when(ended.at, now())}: {ended.reason}".rstrip(": ")
    if standing.due is not None:
        served = "" if running else ", if a service runs"
        yield f"next {soon(standing.due, now())}{served} ({standing.rhythm.sentence()})"
