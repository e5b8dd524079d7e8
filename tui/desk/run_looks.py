"""Looks at runs: what is known of the last ones, so that another look reads only what is new."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.model import Run, RunEvent, now
from core.service import progress_rows
from core.service.progress_rows import Changes
from core.service.queue import Queue
from tui.desk import runs
from tui.desk.run_mailboxes import LiveMailboxes
from tui.desk.runs import RunView

#: Runs that are known: one with its result may take tens of megabytes.
RUNS_KEPT = 3


class FollowedMailboxes:
    """The mailboxes of a run that goes on, as of the last look. ``change`` is its number."""

    def __init__(self) -> None:
        self.change = progress_rows.BEFORE_ALL
        self.mailboxes = LiveMailboxes(())

    def take(self, changes: Changes) -> None:
        """Take what was written since the last look."""
        # A mailbox that is at work no more has a new row.
        lines = {**changes.lines, **changes.snapshot.moving}
        self.mailboxes = self.mailboxes.changed(lines, changes.snapshot.mailboxes_total)
        self.change = changes.change


@dataclass(slots=True)
class _Known:
    """The known facts of a run. ``ended``: the run with its view, once nothing changes but times."""

    followed: FollowedMailboxes = field(default_factory=FollowedMailboxes)
    event: int = 0
    warnings: list[RunEvent] = field(default_factory=list)
    ended: tuple[Run, RunView] | None = None


class RunLooks:
    """The views of runs. Every look costs what has changed since the last one at the same run."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._known: dict[int, _Known] = {}

    async def view(self, run_id: int) -> RunView:
        """One run now. Raises ``InputError`` for an unknown number."""
        known = self._known[run_id] = self._known.pop(run_id, _Known())
        while len(self._known) > RUNS_KEPT:
            del self._known[next(iter(self._known))]
        if known.ended is None:
            return await self._look(run_id, known)
        run, view = known.ended
        return runs.as_of(view, run, now())

    async def _look(self, run_id: int, known: _Known) -> RunView:
        # Before the run: if that goes on, this is of a run that went on too.
        changes = await self._queue.changes(run_id, known.followed.change)
        run = await self._queue.run(run_id)
        known.event, told = await self._queue.warnings(run_id, after=known.event)
        known.warnings += told
        if changes is not None and not run.status.final:
            known.followed.take(changes)
        view = runs.run_view(run, changes.snapshot if changes else None, known.warnings, now(), known.followed.mailboxes)
        if run.status.final:
            known.ended = (run, view)
            known.followed = FollowedMailboxes()
        return view
