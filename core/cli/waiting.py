"""The short wait for a run that was queued ahead: most runs of a small mailbox end before a longer one needs to be shown.

Nothing is loaded for it but what its answer is made of, and no event loop: the service, which does the work at the same time,
needs the processors more. A run that lasts, and one that failed, is left to ``following``.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from core.cli.output import output
from core.cli.run_answer import TOLD_LATER, ended_answer, event_line, goes_on
from core.model import Run, RunStatus
from core.service.run_rows import LISTED, ONE, STORY, STORY_EVENTS, event_of, run_of
from core.system.changes import FileChanges

if TYPE_CHECKING:
    from core.cli.answer import Answer
    from core.service.ahead import QueuedAhead

#: Seconds after which a run is watched as a longer one is.
SHORT_SECONDS = 0.5
#: Seconds between looks at the run while nothing is written.
LOOK_SECONDS = 0.05
#: Looks just after a write, and seconds between them: a write is told before its commit is visible.
LOOKS, AGAIN_SECONDS = 4, 0.002


def short(queued: QueuedAhead) -> Answer | None:
    """The answer about the run if it ends soon; None when it lasts or fails, or cannot be read now."""
    deadline = time.monotonic() + SHORT_SECONDS
    changes = FileChanges.of(f"{queued.place}-wal")
    soon = 0
    try:
        while (run := _run(queued)) is None or not run.status.final:
            if run is None or time.monotonic() > deadline:
                return None
            if changes is None:
                time.sleep(LOOK_SECONDS)
            elif changes.wait(AGAIN_SECONDS if soon else LOOK_SECONDS):
                changes.forget()
                soon = LOOKS
            else:
                soon = max(soon - 1, 0)
    except KeyboardInterrupt:
        # That does not end the run, which is the service's.
        for line in goes_on(run) if run is not None else ():
            output.note(line)
        raise
    finally:
        if changes is not None:
            changes.close()
    return None if run.status is RunStatus.FAILED else _answer(queued, run)


def _run(queued: QueuedAhead) -> Run | None:
    rows = queued.rows(ONE, (queued.run,))
    return run_of(rows[0]) if rows else None


def _answer(queued: QueuedAhead, ended: Run) -> Answer:
    several = ended.result is not None and len(ended.result["mailboxes"]) > 1
    events = map(event_of, queued.rows(LISTED, (ended.id, 0, STORY_EVENTS)))
    told = [event_line(event, several=several) for event in events if event.kind not in TOLD_LATER]
    story = map(event_of, reversed(queued.rows(STORY, (ended.id, 0, STORY_EVENTS))))
    return replace(ended_answer(ended, story), notes=told)
