"""``archivar run``, ``runs``, ``watch``, ``cancel``: archiving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from core.archive.registry import saved_profiles
from core.cli.answer import Answer, Table
from core.cli.context import context
from core.cli.following import finished, watched
from core.cli.help import Command
from core.cli.output import output
from core.cli.run_answer import as_json, left, run_state
from core.errors import BusyError, InputError
from core.model import Run, RunStatus, now
from core.problems import run as run_problems
from core.service import liveness
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
    async with context.archive() as archive:
        profile = await saved_profiles.find(archive, name)
        archive.check_usable()
        queue = Queue(archive.database)
        queued, new = await queue.enqueue(profile.name, dry_run=dry_run)
        if not new:
            output.note(f"{profile.name} is being {'tried out' if dry_run else 'run'} already (run {queued.id}).")
        await ensure_running(archive.home)
        return left(queued) if detach else await finished(queue, await watched(archive.home, queue, queued))


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
        queue = Queue(archive.database)
        return await finished(queue, await watched(archive.home, queue, await _chosen(queue, number_)))


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
        ended = asked if asked.status.final else await watched(archive.home, queue, asked, until_stuck=True)
        answer = await finished(queue, ended)
    # That it ended is what was asked for, in whatever state.
    return replace(answer, exit_code=0)
