"""A queued run to its end: watched, and its result. Of a run that was queued ahead nothing but the queue is opened.

A command of which the run is queued has nothing to do but to wait: the archive, its volumes and Typer stay unloaded.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from core.cli.answer import Answer
from core.cli.context import context
from core.cli.output import output
from core.cli.watching import result_lines, watch
from core.cli.words import called
from core.db.database import Database
from core.errors import ArchivarError
from core.model import Run, RunStatus, timestamp
from core.problems.table import failed, warned, warnings_kept
from core.service.detach import ensure_running
from core.service.queue import Queue

if TYPE_CHECKING:
    from core.config import Home
    from core.service.ahead import QueuedAhead


async def follow(ahead: QueuedAhead, *, detach: bool) -> Answer:
    """Wait for the run that was queued ahead, unless to ``detach``; the answer of ``archivar run``."""
    try:
        home = context.find()
        database = await Database.open(home.catalog, make=False)
    except ArchivarError:
        ahead.withdraw()
        raise
    try:
        ahead.close()
        queue = Queue(database)
        run = await queue.run(ahead.run)
        if not run.status.final:
            # A short run may have ended by now, and its service too.
            await ensure_running(home, launched=ahead.launched)
        if detach:
            return left(run)
        ended = await watched(home, queue, run)
        answer = await finished(queue, ended)
    finally:
        await database.close()
    if ended.status is RunStatus.FAILED:
        # If the archive is damaged, that is the answer.
        async with context.archive() as archive:
            archive.check_usable()
    return answer


def left(queued: Run) -> Answer:
    """The answer of a command that does not wait for its run."""
    value = {"run": queued.id, "profile": queued.profile, "dry_run": queued.dry_run, "status": queued.status.value}
    told = f"{called(queued)} goes on in the service. See it: archivar watch {queued.id}"
    return Answer(json=lambda: value, notes=[] if queued.status.final else [told])


async def watched(home: Home, queue: Queue, wanted: Run, *, until_stuck: bool = False) -> Run:
    """The run at its end, shown until then."""
    try:
        return await watch(home, queue, wanted, until_stuck=until_stuck)
    except asyncio.CancelledError:
        # Ctrl-C does not end the run, which is the service's.
        output.note(f"{called(wanted)} goes on in the service.")
        output.note(f"See it: archivar watch {wanted.id}. End it: archivar cancel {wanted.id}.")
        raise


async def finished(queue: Queue, ended: Run) -> Answer:
    """The answer of a command that has waited for a run. Its JSON has the run's events too."""
    events = [one.as_json() for one in await queue.story(ended.id)]

    def value() -> dict[str, Any]:
        # Results of older versions tell neither the kind of run nor codes.
        if ended.result is None:
            return as_json(ended) | {"events": events}
        older = failed(ended.why) | warned(warnings_kept(ended.result))
        return older | ended.result | {"dry_run": ended.dry_run, "events": events}

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
