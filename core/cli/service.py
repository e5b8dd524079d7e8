"""``archivar service``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import typer

from core.archive import opening
from core.archive.catalog import settings
from core.archive.proof import seal_places
from core.archive.registry import saved_profiles
from core.cli.answer import Answer, Line, Verbatim
from core.cli.context import context
from core.cli.help import Command, Group
from core.cli.output import output
from core.config import Home
from core.errors import BusyError, DamagedError, StorageError
from core.model import now, timestamp
from core.problems import command_line
from core.problems import service as service_problems
from core.profiles import zones
from core.profiles.seal_place import PlaceKind
from core.service import liveness, program, unit
from core.service.detach import ensure_running
from core.service.liveness import Presence
from core.service.lock import end_holder, is_running
from core.service.queue import Queue
from core.service.scheduler import next_starts
from core.system import guard
from core.text.format import duration, soon, when

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
        backups = (await settings.read(archive.database)).backup_to
    named = [name for one in profiles for name in (one.login.password_file, one.server.ca_file) if name]
    named += [name for one in places for name in (one.password_file, one.ca_file) if name]
    written = dict.fromkeys(Path(one.target).parent for one in places if one.kind is PlaceKind.FILE)
    if backups:
        written[Path(backups)] = None
    installation = replace(_installation(home, [Path(name) for name in named]), written=tuple(written))
    text = unit.unit(installation)
    value = {"unit": text, "path": str(unit.PLACE), "user": installation.user, "group": installation.group}
    return Answer(json=lambda: value, lines=map(Verbatim, text.splitlines()))


def _installation(home: Home, files: list[Path]) -> unit.Installation:
    """The call of this program, and the owner of the home."""
    user, group = program.account_of(home.path)
    command, python_path = program.command()
    parts = program.parts(command)
    return unit.Installation(home.path, user, group, command, python_path, [*parts, *files])


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
