"""``archivar status``: the archive at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import typer

from core.archive.catalog import totals
from core.archive.proof import last_verification, seal_places
from core.archive.proof.last_verification import LastVerification
from core.archive.proof.seal_places import PlaceState
from core.archive.registry import passwords, saved_profiles, storage_state, users
from core.archive.search.search_index import IndexState, glance
from core.archive.store import space
from core.archive.store.ledger import Head
from core.archive.store.space import DiskUse
from core.archive.transfer import exposures, last_backup
from core.archive.transfer.last_backup import LastBackup
from core.cli.answer import Answer, Line, Part, Table
from core.cli.context import context
from core.cli.help import Command
from core.cli.index_words import as_json, sentence
from core.cli.run_answer import WORDS
from core.cli.words import NO_SERVICE, next_start, progress_line
from core.config import Home
from core.engine.seals import seal_troubles
from core.engine.visit.progress import Snapshot
from core.model import Run, now, timestamp
from core.problems import command_line
from core.problems.code import Reason
from core.problems.table import warned
from core.profiles.profile import Profile
from core.service import liveness, verifications
from core.service.liveness import Presence
from core.service.lock import is_running
from core.service.queue import Queue
from core.service.scheduler import next_starts
from core.service.verifications import VerificationOutcome
from core.storage.line import Backlog
from core.system.exposure import Exposure
from core.text.format import counted, number, size, soon, when
from core.values import dataclass


def register(app: typer.Typer) -> None:
    app.command("status", cls=Command)(status)


async def status() -> Answer:
    """Show the archive at a glance: profiles, last results."""
    found = await _look()
    return Answer(json=found.as_json, lines=found.lines())


@dataclass(frozen=True, slots=True)
class _Glance:
    """The archive at a glance. ``refusal``: why nothing can be written, None if it can; ``noted``: a note tells it already."""

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
    places: list[PlaceState]
    seal_troubles: list[Reason]
    unstored: Reason | None
    backlog: Backlog | None
    head: Head
    exposed: list[Exposure]
    keyless: Reason | None
    refusal: Reason | None
    noted: bool
    profiles: list[Profile]
    latest: dict[str, Run]
    snapshots: dict[int, Snapshot | None]
    starts: dict[str, datetime]

    def warnings(self, refusal: Reason | None) -> list[Reason]:
        """The matters that need attention, the worst first."""
        exposed = (one.reason for one in self.exposed)
        found = (self.presence.fault, self.disk.trouble, self.unstored, self.keyless, *exposed, refusal)
        of_profiles = (one for profile in self.profiles for one in profile.warnings())
        return [*(one for one in found if one is not None), *of_profiles, *self.seal_troubles]

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
            "storage": self.backlog.as_json() | {"waiting": self.backlog.volumes} if self.backlog is not None else None,
            "head": {"seq": self.head.seq, "hash": self.head.hash.hex()},
            "exposed": [one.as_json() for one in self.exposed],
            **warned(self.warnings(self.refusal)),
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
        warnings = [command_line.told(one) for one in self.warnings(None if self.noted else self.refusal)]
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
        queue = Queue(archive.database)
        mail = await totals.of(archive.database)
        latest = await queue.latest()
        places = await seal_places.standings(archive)
        return _Glance(
            home=home,
            presence=await liveness.settled(home),
            running=is_running(home),
            users=await users.count(archive),
            messages=mail.messages,
            bytes=mail.bytes,
            disk=disk,
            search=await glance(archive),
            verified=await last_verification.last(archive),
            verifying=await verifications.standing(archive),
            backed_up=await last_backup.last(archive),
            places=places,
            seal_troubles=await seal_troubles.troubles(archive, places),
            unstored=await storage_state.trouble(home, archive.database),
            backlog=await storage_state.known_backlog(home, archive.database),
            head=await archive.applied(),
            exposed=await exposures.look(archive),
            keyless=await passwords.without_key(archive),
            refusal=None if archive.refusal is None else archive.refusal.reason,
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
