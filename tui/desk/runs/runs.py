"""Runs with their mailboxes and problems, for display; and looks at runs: another look reads only what is new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from core.engine.visit.progress import Snapshot
from core.model import Run, RunEvent, now
from core.problems.table import kept, warnings_kept
from core.service import progress_rows
from core.service.progress_rows import Changes
from core.service.queue import Queue
from core.text import format as texts
from tui.desk import face
from tui.desk.present import BLANK, Badge, Safe, sentence, sentences, text
from tui.desk.runs import run_words
from tui.desk.runs.run_mailboxes import (
    LONGEST_REASON,
    EndedMailboxes,
    LiveMailboxes,
    ProblemRow,
    Problems,
    RunMailboxes,
)
from tui.desk.runs.run_words import failed_mailboxes, run_facts, state, summary, times


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list."""

    id: int
    state: Badge
    when: Safe
    facts: tuple[Safe, ...]


@dataclass(frozen=True, slots=True)
class RunView:
    """A run: active, with ``counts`` that begin with the most important, or finished, with ``summary`` sentences."""

    id: int
    profile: Safe
    state: Badge
    active: bool
    cancelling: bool
    fraction: float | None
    facts: tuple[Safe, ...]
    counts: tuple[Safe, ...]
    summary: tuple[Safe, ...]
    mailboxes: RunMailboxes[Any]
    mailboxes_done: Safe
    problems: Sequence[ProblemRow]
    problem_count: int
    notes: tuple[Safe, ...]


def run_row(run: Run, snapshot: Snapshot | None, now: datetime) -> RunRow:
    """A run as a line of its profile's page."""
    when, *rest = run_facts(run, snapshot, now) or ("",)
    return RunRow(run.id, state(run), sentence(when), sentences(rest))


# Run ---------------------------------------------------------------------------------------------------------------------


def run_view(
    run: Run,
    snapshot: Snapshot | None,
    events: Sequence[RunEvent],
    now: datetime,
    live: RunMailboxes[Any] | None = None,
) -> RunView:
    """Everything about one run. ``live``: its mailboxes while it goes on, if more are known than those at work."""
    result = run.result or {}
    mailboxes = _mailboxes(run, snapshot, live)
    problems, number = _problems(result) if run.result else _live_problems(snapshot)
    return RunView(
        id=run.id,
        profile=text(run.profile),
        state=state(run),
        active=not run.status.final,
        cancelling=run.cancel_requested,
        fraction=snapshot.fraction if snapshot else None,
        facts=times(run, now),
        counts=sentences(run_words.counts(snapshot)) if snapshot and not run.status.final else (),
        summary=sentences(summary(run)) if run.status.final else (),
        mailboxes=mailboxes,
        mailboxes_done=_mailboxes_done(run, snapshot, mailboxes.failed),
        problems=problems,
        problem_count=number,
        notes=_notes(result, snapshot, events),
    )


def as_of(view: RunView, run: Run, now: datetime) -> RunView:
    """The view of a run that has ended, at another moment."""
    return replace(view, facts=times(run, now))


def with_note(view: RunView, note: Safe) -> RunView:
    """``view`` with one more warning, at the top."""
    return replace(view, notes=(note, *view.notes))


def _mailboxes(run: Run, snapshot: Snapshot | None, live: RunMailboxes[Any] | None) -> RunMailboxes[Any]:
    if run.result:
        return EndedMailboxes(run.result.get("mailboxes", ()), dry_run=run.dry_run)
    return live if live is not None else LiveMailboxes(snapshot.moving.values() if snapshot else ())


def _mailboxes_done(run: Run, snapshot: Snapshot | None, wrong: int) -> Safe:
    if run.result:
        mailboxes = run.result.get("mailboxes", ())
        failed = failed_mailboxes(run)
        if len(mailboxes) < 2:
            return BLANK
        return (
            sentence(f"{texts.number(len(mailboxes))}, {texts.number(failed)} failed")
            if failed
            else sentence(texts.number(len(mailboxes)))
        )
    if snapshot is None:
        return BLANK
    parts = [f"{texts.number(snapshot.mailboxes_done)} of {texts.number(snapshot.mailboxes_total)} done"]
    if wrong:
        parts.append(f"{texts.number(wrong)} with problems")
    if snapshot.mailboxes_unlisted and snapshot.mailboxes_total > 1:
        parts.append(f"{texts.number(snapshot.mailboxes_unlisted)} still to list")
    return sentence(", ".join(parts))


def _problems(result: Mapping[str, Any]) -> tuple[Sequence[ProblemRow], int]:
    found = [(mailbox["mailbox"], problem) for mailbox in result.get("mailboxes", ()) for problem in mailbox["problems"]]
    return Problems(found), len(found)


def _live_problems(snapshot: Snapshot | None) -> tuple[Sequence[ProblemRow], int]:
    if snapshot is None:
        return (), 0
    shown = Problems([(problem["mailbox"], problem) for problem in reversed(snapshot.problems)])
    return shown, max(snapshot.totals.get("failed", 0), len(shown))


def _notes(result: Mapping[str, Any], snapshot: Snapshot | None, events: Sequence[RunEvent]) -> tuple[Safe, ...]:
    """The warnings, each with its remedy. Those that an older service tells are in the events alone."""
    reasons = warnings_kept(result) or [kept(one) for one in (snapshot.warnings if snapshot else ())]
    said = [face.told(one) for one in reasons] or [event.text for event in events if event.kind == "warning"]
    return tuple(dict.fromkeys(text(one, LONGEST_REASON) for one in said))


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
        return as_of(view, run, now())

    async def _look(self, run_id: int, known: _Known) -> RunView:
        # Before the run: if that goes on, this is of a run that went on too.
        changes = await self._queue.changes(run_id, known.followed.change)
        run = await self._queue.run(run_id)
        known.event, told = await self._queue.warnings(run_id, after=known.event)
        known.warnings += told
        if changes is not None and not run.status.final:
            known.followed.take(changes)
        view = run_view(run, changes.snapshot if changes else None, known.warnings, now(), known.followed.mailboxes)
        if run.status.final:
            known.ended = (run, view)
            known.followed = FollowedMailboxes()
        return view
