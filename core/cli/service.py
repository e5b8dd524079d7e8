"""``archivar service`` and ``archivar status``."""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

import core
from core.archive import opening
from core.archive.proof import last_verification, seal_places
from core.archive.proof.last_verification import LastVerification
from core.archive.proof.seal_places import Standing
from core.archive.registry import passwords, saved_profiles, users
from core.archive.search.search_index import State, glance
from core.archive.store import space
from core.archive.store.ledger import Head
from core.archive.store.space import DiskUse
from core.archive.transfer import backup, exposures
from core.archive.transfer.backup import LastBackup
from core.cli.answer import Answer, Line, Part, Table, Verbatim
from core.cli.context import context
from core.cli.help import Command, Group
from core.cli.output import output
from core.cli.search import as_json, sentence
from core.cli.words import NO_SERVICE, WORDS, next_start, progress_line
from core.config import Home
from core.engine.seals import sealing
from core.engine.visit.progress import Snapshot
from core.errors import BusyError, DamagedError, StorageError
from core.model import Run, now, timestamp
from core.problems import command_line
from core.problems import service as service_problems
from core.profiles import zones
from core.profiles.profile import Profile
from core.profiles.seal_place import Kind
from core.service import liveness, unit, verifications
from core.service.detach import ensure_running
from core.service.liveness import Presence
from core.service.lock import end_holder, is_running
from core.service.queue import Queue
from core.service.scheduler import next_starts
from core.service.verifications import Outcome
from core.system import guard
from core.system.exposure import Exposure
from core.text.format import counted, duration, number, size, soon, when

STOP_SECONDS = 30.0
#: Turns between two checks of the service.
LOOK_TURNS = 10
#: Seconds without a sign of life after which a service hangs, or waits for the disk.
SILENCE_SECONDS = 60.0


def register(app: typer.Typer) -> None:
    group = typer.Typer(cls=Group, help="The service that does the runs.", no_args_is_help=True)
    group.command("run", cls=Command)(run_service)
    group.command("start", cls=Command)(start)
    group.command("stop", cls=Command)(stop)
    group.command("status", cls=Command)(service_status)
    group.command("unit", cls=Command)(show_unit)
    app.add_typer(group, name="service")
    app.command("status", cls=Command)(status)


def run_service() -> None:
    """Run the service in the foreground, as for systemd.

    Without it, a run starts a service that ends when it is idle and no schedule needs it.
    """
    from core.service import worker

    home = context.find()
    opening.refuse_unwritable(home)
    guard.begin_anew(sys.orig_argv[1:])
    if is_running(home):
        raise BusyError(service_problems.ALREADY_RUNNING(home=str(home.path)))
    output.note(f"The service of {home.path} is running; its log is {home.log}.")
    worker.main(home, until_idle=False)


async def start() -> Answer:
    """Start the service in the background, if none is running.

    It ends when it is idle and no profile has a schedule. To have it start with the machine: archivar service unit.
    """
    home = context.find()
    started = not is_running(home)
    await ensure_running(home)
    told = "The service is running." if started else "The service is running already."
    return Answer(json=lambda: {"started": started}, notes=[told])


async def show_unit() -> Answer:
    """Print a systemd unit that keeps the service running.

    It says how to install it. It runs as the owner of the archive's folder, and may write nowhere else.
    """
    home = context.find()
    opening.refuse_backup(home)
    async with context.archive() as archive:
        profiles = await saved_profiles.all_profiles(archive)
        places = [one.place for one in await seal_places.standings(archive)]
    named = [name for one in profiles for name in (one.login.password_file, one.server.ca_file) if name]
    named += [name for one in places for name in (one.password_file, one.ca_file) if name]
    written = dict.fromkeys(Path(one.target).parent for one in places if one.kind is Kind.FILE)
    installation = replace(_installation(home, [Path(name) for name in named]), written=tuple(written))
    text = unit.unit(installation)
    value = {"unit": text, "path": str(unit.PLACE), "user": installation.user, "group": installation.group}
    return Answer(json=lambda: value, lines=map(Verbatim, text.splitlines()))


def _installation(home: Home, files: list[Path]) -> unit.Installation:
    """The call of this program, and the owner of the home."""
    status = home.path.stat()
    try:
        owner = pwd.getpwuid(status.st_uid)
        user, gid = owner.pw_name, owner.pw_gid
    except KeyError:
        user, gid = str(status.st_uid), status.st_gid
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    script = next((path for path in _scripts() if os.access(path, os.X_OK) and path.is_file()), None)
    source = Path(core.__file__).resolve().parent.parent
    command, python_path = ([str(script)], "") if script else ([sys.executable, "-P", "-m", "tui"], str(source))
    program = [Path(command[0]), Path(command[0]).resolve(), source, Path(sys.prefix), Path(sys.base_prefix)]
    return unit.Installation(home.path, user, group, command, python_path, [*program, *files])


def _scripts() -> Iterator[Path]:
    """Yield paths where the command may be: as called, and beside the interpreter."""
    called = Path(sys.argv[0])
    if called.name == "archivar":
        yield called.absolute()
    yield Path(sys.executable).absolute().with_name("archivar")


async def stop() -> Answer:
    """Stop the service.

    A run that is going on is interrupted, and carries on with the next service.
    """
    home = context.find()
    stopped = is_running(home)
    if stopped:
        await _refuse_stuck(home)
        await _ask_to_stop(home)
        for turn in range(int(STOP_SECONDS / 0.05)):
            if not is_running(home):
                break
            await asyncio.sleep(0.05)
            if turn % LOOK_TURNS == 0:
                await _refuse_stuck(home)
        else:
            raise BusyError(service_problems.NOT_STOPPING(log=str(home.log)))
    told = "The service is stopped." if stopped else "No service was running."
    return Answer(json=lambda: {"stopped": stopped}, notes=[told])


async def _refuse_stuck(home: Home) -> None:
    """Raise ``BusyError`` when the service is stuck, so that it cannot serve the request."""
    if refusal := await liveness.stuck(home):
        raise BusyError(refusal)


async def _ask_to_stop(home: Home) -> None:
    try:
        async with context.archive(follow=False) as archive:
            await Queue(archive.database).request_stop()
    except (StorageError, DamagedError):
        # Nothing can be written, or read: a signal needs neither.
        if not end_holder(home):
            raise


async def service_status() -> Answer:
    """Tell whether the service runs; exit code 1 if not, or if it was stopped or gives no sign of life."""
    home = context.find()
    running = is_running(home)
    presence = await liveness.settled(home)
    async with context.archive() as archive:
        known = await Queue(archive.database).service() if running else None
        starts = await next_starts(archive)
    first = min(starts, key=lambda name: starts[name], default=None)
    value = {
        "running": running,
        "life": presence.life.value,
        "pid": known[0] if known else None,
        "started": timestamp(known[1]) if known else None,
        "heartbeat": timestamp(known[2]) if known else None,
        "next_start": {"profile": first, "at": timestamp(starts[first])} if first is not None else None,
        "time_zone": zones.system_zone(),
    }
    if home.is_backup:
        off = "○ none; a backup is only read"
    else:
        off = f"○ not running; {'a run or archivar service start' if starts else 'a run'} starts it"
    lines = [*_presence(presence, known, off)]
    if first is not None:
        start = soon(starts[first], now())
        lines.append(Line(f"next start: {first}, {start}" if running else f"! next start: {first}, {start}, if a service runs"))
    lines.append(Line(f"time zone: {zones.system_zone()}"))
    return Answer(json=lambda: value, lines=lines, exit_code=0 if running and presence.fault is None else 1)


def _presence(presence: Presence, known: tuple[int, datetime, datetime] | None, off: str) -> Iterator[Line]:
    """The service: ``known`` are its process, when it started, and its last sign of life; ``off`` is said of none."""
    if presence.fault is not None:
        yield Line(f"✘ {command_line.sentence(presence.fault)}")
        yield Line(command_line.remedy(presence.fault), 2)
    elif known:
        yield Line(f"● running since {when(known[1], now())}, process {known[0]}")
        silence = (now() - known[2]).total_seconds()
        yield Line(f"{'! ' if silence > SILENCE_SECONDS else ''}last sign of life {duration(max(silence, 0))} ago", 2)
    else:
        yield Line(off)


async def status() -> Answer:
    """Show the archive at a glance: profiles, last results."""
    found = await _look()
    return Answer(json=found.as_json, lines=found.lines())


@dataclass(frozen=True, slots=True)
class _Glance:
    """The archive at a glance. ``refusal``: why nothing can be written, empty if it can; ``noted``: a note tells it already."""

    home: Home
    presence: Presence
    running: bool
    users: int
    messages: int
    bytes: int
    disk: DiskUse
    search: State
    verified: LastVerification | None
    verifying: verifications.Standing
    backed_up: LastBackup | None
    places: list[Standing]
    seal_troubles: list[str]
    head: Head
    exposed: list[Exposure]
    keyless: str
    refusal: str
    noted: bool
    profiles: list[Profile]
    latest: dict[str, Run]
    snapshots: dict[int, Snapshot | None]
    starts: dict[str, datetime]

    def warnings(self, refusal: str) -> list[str]:
        """What somebody should look after, the worst first."""
        found = [command_line.told(self.presence.fault)] if self.presence.fault is not None else []
        found += [self.disk.sentence()] if self.disk.low else []
        found += filter(None, (self.keyless, *(one.sentence() for one in self.exposed), refusal))
        found += (warning for profile in self.profiles for warning in profile.warnings())
        return found + self.seal_troubles

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
            "seals": [one.as_json() for one in self.places],
            "head": {"seq": self.head.seq, "hash": self.head.hash.hex()},
            "exposed": [one.as_json() for one in self.exposed],
            "warnings": self.warnings(self.refusal),
            "profiles": [_profile_json(one, latest.get(one.name), starts.get(one.name)) for one in self.profiles],
        }

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
            yield Line(f"Seals     {_seals(self.places)}", 10)
        yield Line(f"Search    {sentence(self.search)}", 10)
        off = "○ none; a backup is only read" if backup else "○ not running; a run starts it"
        yield f"Service   {f'✘ {self.presence.life}' if self.presence.fault else '● running' if self.running else off}"
        yield f"Users     {number(self.users)}"
        if self.profiles:
            yield ""
            yield Table(("PROFILE", "STARTS", "NEXT", "LAST RUN", "WHEN", "DETAIL"), [self._row(one) for one in self.profiles])
        warnings = self.warnings("" if self.noted else self.refusal)
        warnings += [NO_SERVICE] if self.starts and not self.running else []
        if warnings:
            yield ""
        for warning in warnings:
            yield Line(f"! {warning}", 2)

    def _row(self, profile: Profile) -> tuple[str, ...]:
        last = self.latest.get(profile.name)
        start = next_start(profile, self.starts, self.running)
        return (profile.name, profile.starts(), start, *_last_run(last, self.snapshots.get(last.id) if last else None))


async def _look() -> _Glance:
    home = context.find()
    # Before the archive is opened, which makes files that go again.
    disk = space.use(home)
    async with context.archive() as archive:
        database, queue = archive.database, Queue(archive.database)
        latest = await queue.latest()
        places = await seal_places.standings(archive)
        return _Glance(
            home=home,
            presence=await liveness.settled(home),
            running=is_running(home),
            users=await users.count(archive),
            messages=int(await database.value("SELECT count(*) FROM message")),
            bytes=int(await database.value("SELECT coalesce(sum(size), 0) FROM message")),
            disk=disk,
            search=await glance(archive),
            verified=await last_verification.last(archive),
            verifying=await verifications.standing(archive),
            backed_up=await backup.last(archive),
            places=places,
            seal_troubles=await sealing.troubles(archive, places),
            head=await archive.projection.applied(),
            exposed=await exposures.look(archive),
            keyless=await passwords.without_key(archive) or "",
            refusal="" if archive.refusal is None else str(archive.refusal),
            noted=archive.refusal is not None and archive.volumes.is_noted(archive.refusal),
            profiles=await saved_profiles.all_profiles(archive),
            latest=latest,
            snapshots={run.id: await queue.snapshot(run.id) for run in latest.values() if not run.status.final},
            starts=await next_starts(archive),
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


def _seals(places: list[Standing]) -> str:
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


def _verifying(standing: verifications.Standing, running: bool) -> Iterator[str]:
    """Yield lines on the verification: present state, last result, next time."""
    if standing.request is not None and not running:
        yield "! a verification waits for a service; archivar service start"
    elif standing.request is not None:
        progress = standing.progress
        yield f"● under way, {progress.done * 100:.0f} %: {progress.sentence()}" if progress else "… waits for its turn"
    elif standing.ended is not None and standing.ended.outcome in (Outcome.FAILED, Outcome.CANCELLED):
        ended = standing.ended
        yield f"{'✘' if ended.reason else '■'} {ended.outcome}, {when(ended.at, now())}: {ended.reason}".rstrip(": ")
    if standing.due is not None:
        served = "" if running else ", if a service runs"
        yield f"next {soon(standing.due, now())}{served} ({standing.rhythm.sentence()})"
