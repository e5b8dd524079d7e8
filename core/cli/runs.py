"""``archivar run``, ``runs``, ``watch``, ``cancel``: archiving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated, Any

import typer

from core.archive.archive import Archive
from core.archive.registry import saved_profiles
from core.cli.answer import Answer, Table
from core.cli.context import context
from core.cli.help import Command
from core.cli.output import output
from core.cli.watching import result_lines, watch
from core.cli.words import called, run_state
from core.errors import BusyError, InputError
from core.model import Run, RunStatus, now, timestamp
from core.problems import run as run_problems
from core.problems.table import failed, warned, warnings_kept
from core.service import liveness
from core.service.ahead import QueuedAhead
from core.service.detach import ensure_running
from core.service.queue import Queue
from core.text.format import number, when

STATES = ", ".join(RunStatus)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.")]


def register(app: typer.Typer) -> None:
    app.command("run", cls=Command)(run_profile)
    app.command("runs", cls=Command)(runs)
    app.command("watch", cls=Command)(watch_run)
    app.command("cancel", cls=Command)(cancel)


async def run_profile(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be archived, and what deleted.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the end.")] = False,
) -> Answer:
    """Archive: run a profile and watch.

    The service does the work; leaving (Ctrl-C) does not stop it. Exit code 0: everything is archived, 1: with errors,
    3: failed, 130: cancelled, or left before the end.
    """
    async with _opened() as (archive, ahead):
        if ahead is not None:
            queued = await Queue(archive.database).run(ahead.run)
        else:
            profile = await saved_profiles.find(archive, name)
            queued, new = await Queue(archive.database).enqueue(profile.name, dry_run=dry_run)
            if not new:
                output.note(f"{profile.name} is being {'tried out' if dry_run else 'run'} already (run {queued.id}).")
        await ensure_running(archive.home, launched=ahead is not None and ahead.launched)
        if detach:
            value = {"run": queued.id, "profile": queued.profile, "dry_run": dry_run, "status": queued.status.value}
            told = f"{called(queued)} goes on in the service. See it: archivar watch {queued.id}"
            return Answer(json=lambda: value, notes=[told])
        return _finished(await _watch(archive, queued))


@asynccontextmanager
async def _opened() -> AsyncIterator[tuple[Archive, QueuedAhead | None]]:
    """Context of the archive, in which something can be archived, and of the run that was queued ahead.

    That run is withdrawn when the archive does not open, or cannot be used.
    """
    ahead, context.ahead = context.ahead, None
    try:
        async with context.archive() as archive:
            archive.check_usable()
            if ahead is not None:
                ahead.close()
            opened, ahead = ahead, None
            yield archive, opened
    finally:
        if ahead is not None:
            ahead.withdraw()


async def _watch(archive: Archive, wanted: Run, *, until_stuck: bool = False) -> Run:
    try:
        return await watch(archive, wanted, until_stuck=until_stuck)
    except asyncio.CancelledError:
        # Ctrl-C does not end the run, which is the service's.
        output.note(f"{called(wanted)} goes on in the service.")
        output.note(f"See it: archivar watch {wanted.id}. End it: archivar cancel {wanted.id}.")
        raise


def _finished(ended: Run) -> Answer:
    def value() -> dict[str, Any]:
        # Results of older versions tell neither the kind of run nor codes.
        if ended.result is None:
            return as_json(ended)
        older = failed(ended.why) | warned(warnings_kept(ended.result))
        return older | ended.result | {"dry_run": ended.dry_run}

    return Answer(json=value, lines=result_lines(ended), exit_code=ended.status.exit_code)


def as_json(one: Run) -> dict[str, Any]:
    """A run as an object of ``runs --json``."""
    return {
        "run": one.id,
        "profile": one.profile,
        "status": one.status.value,
        "dry_run": one.dry_run,
        "automatic": one.automatic,
        "requested": timestamp(one.requested),
        "started": timestamp(one.started) if one.started else None,
        "finished": timestamp(one.finished) if one.finished else None,
        **failed(one.why),
        "totals": one.result["totals"] if one.result else None,
    }


async def runs(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only runs of this profile.")] = None,
    status: Annotated[
        RunStatus | None, typer.Option("--status", metavar="STATE", help=f"Only runs in this state: {STATES}.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many, the newest first.")] = 20,
) -> Answer:
    """List past and present runs."""
    async with context.archive() as archive:
        found = await Queue(archive.database).runs(name, status=status, limit=limit)
    of = f' of "{name}"' if name is not None else ""
    nothing = f"No runs{of} with status {status.value}." if status else f"No runs{of or ' yet'}."
    return Answer(json=lambda: {"runs": [as_json(one) for one in found]}, lines=[_table(found) if found else nothing])


def _table(found: Sequence[Run]) -> Table:
    rows = [
        (
            str(one.id),
            one.profile,
            when(one.requested, now()),
            "schedule" if one.automatic else "hand",
            run_state(one),
            one.reason or _counts(one),
        )
        for one in found
    ]
    return Table(("RUN", "PROFILE", "WHEN", "BY", "STATUS", "RESULT"), rows, right=("RUN",))


def _counts(one: Run) -> str:
    if not one.result:
        return ""
    totals = one.result["totals"]
    if one.dry_run:
        return f"{number(totals['found'])} found, nothing archived"
    failed = f", {number(totals['failed'])} failed" if totals["failed"] else ""
    return f"{number(totals['archived'])} archived{failed}"


async def watch_run(
    number_: Annotated[int | None, typer.Argument(metavar="RUN", help="The run; without it the last one.")] = None,
) -> Answer:
    """Watch a run until it ends; leaving does not stop it."""
    async with context.archive() as archive:
        return _finished(await _watch(archive, await _chosen(Queue(archive.database), number_)))


async def _chosen(queue: Queue, wanted: int | None) -> Run:
    if wanted is not None:
        return await queue.run(wanted)
    found = await queue.active() or await queue.runs(limit=1)
    if not found:
        raise InputError(run_problems.NONE_YET())
    return found[0]


async def cancel(number_: Annotated[int, typer.Argument(metavar="RUN", help="The run's number.")]) -> Answer:
    """Cancel a run.

    What it has archived so far stays, and the next run carries on from there.
    """
    from core.service import cancelling

    async with context.archive() as archive:
        queue = Queue(archive.database)
        archive.check_writable()
        before = await queue.run(number_)
        if before.status.final:
            raise InputError(run_problems.ENDED(run=number_, status=before.status.value))
        try:
            asked = await cancelling.cancel(archive, number_)
        except BusyError as error:
            if refusal := await liveness.stuck(archive.home):
                raise BusyError(refusal) from error
            raise
        ended = asked if asked.status.final else await _watch(archive, asked, until_stuck=True)
    # That it ended is what was asked for, in whatever state.
    return replace(_finished(ended), exit_code=0)
