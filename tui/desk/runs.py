"""One run with its mailboxes and problems, for display."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from core.engine.run.foreseen import of_mailbox
from core.engine.visit.progress import Snapshot
from core.model import COUNTERS, Phase, Run, RunEvent, RunStatus
from core.problems.table import kept, warnings_kept
from core.text import format as texts
from tui.desk import face, run_words
from tui.desk.present import BLANK, Badge, Safe, sentence, sentences, text
from tui.desk.run_mailboxes import (
    DONE,
    LONGEST_REASON,
    WRONG,
    MailboxRow,
    ProblemRow,
    Problems,
    live_mailbox,
    share_done,
)
from tui.desk.run_words import STATES, failed_mailboxes, run_facts, state, summary, times


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
    mailboxes: tuple[MailboxRow, ...]
    mailboxes_done: Safe
    problems: Sequence[ProblemRow]
    problem_count: int
    notes: tuple[Safe, ...]


def run_row(run: Run, snapshot: Snapshot | None, now: datetime) -> RunRow:
    """A run as a line of its profile's page."""
    when, *rest = run_facts(run, snapshot, now) or ("",)
    return RunRow(run.id, state(run), sentence(when), sentences(rest))


# Run ---------------------------------------------------------------------------------------------------------------------


def run_view(run: Run, snapshot: Snapshot | None, events: Sequence[RunEvent], now: datetime) -> RunView:
    """Everything about one run."""
    result = run.result or {}
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
        mailboxes=tuple(_mailboxes(run, snapshot)),
        mailboxes_done=_mailboxes_done(run, snapshot),
        problems=problems,
        problem_count=number,
        notes=_notes(result, snapshot, events),
    )


def with_note(view: RunView, note: Safe) -> RunView:
    """``view`` with one more warning, at the top."""
    return replace(view, notes=(note, *view.notes))


def _mailboxes(run: Run, snapshot: Snapshot | None) -> Iterable[MailboxRow]:
    if run.result:
        for mailbox in run.result.get("mailboxes", ()):
            status = RunStatus(mailbox["status"])
            foreseen = of_mailbox(mailbox)
            archived = (
                sentence(f"{texts.number(foreseen.new)} new")
                if run.dry_run
                else sentence(f"+{texts.number(mailbox['archived'])}")
            )
            done = share_done(mailbox, status)
            rank = DONE if status is RunStatus.SUCCEEDED else WRONG
            yield MailboxRow(
                state=STATES[status],
                mailbox=text(mailbox["mailbox"]),
                fraction=done,
                messages=archived,
                size=sentence(texts.size(foreseen.bytes if run.dry_run else mailbox["bytes"])),
                folder=BLANK,
                rank=rank,
                key=mailbox["mailbox"],
                user=text(mailbox["user"]),
                counts={name: mailbox[name] for name in COUNTERS if name != "bytes"},
                problems=Problems([(mailbox["mailbox"], problem) for problem in mailbox["problems"]]),
            )
    elif snapshot:
        for line in snapshot.mailboxes:
            yield live_mailbox(line)


def _mailboxes_done(run: Run, snapshot: Snapshot | None) -> Safe:
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
    wrong = sum(line.phase == Phase.DONE and line.status != RunStatus.SUCCEEDED for line in snapshot.mailboxes)
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
