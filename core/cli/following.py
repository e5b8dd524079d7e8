"""A queued run to its end: watched, and its result. Of a run that was queued ahead nothing but the queue is opened.

A command of which the run is queued has nothing to do but to wait: the archive, its volumes and Typer stay unloaded.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from core.cli.answer import Answer
from core.cli.context import context
from core.cli.output import output
from core.cli.run_answer import ended_answer, goes_on, left
from core.cli.watching import watch
from core.db.database import Database
from core.errors import ArchivarError
from core.model import Run, RunStatus
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


async def watched(home: Home, queue: Queue, wanted: Run, *, until_stuck: bool = False) -> Run:
    """The run at its end, shown until then."""
    try:
        return await watch(home, queue, wanted, until_stuck=until_stuck)
    except asyncio.CancelledError:
        # Ctrl-C does not end the run, which is the service's.
        for line in goes_on(wanted):
            output.note(line)
        raise


async def finished(queue: Queue, ended: Run) -> Answer:
    """The answer of a command that has waited for a run."""
    return ended_answer(ended, await queue.story(ended.id))
