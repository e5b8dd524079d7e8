"""One run: its mailboxes and problems, for display. Rows of problems are made on access."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, overload

from core.engine.run.foreseen import of_mailbox
from core.engine.visit.progress import MailboxLine, Snapshot
from core.model import COUNTERS, Phase, Run, RunEvent, RunStatus
from core.problems.table import kept, warnings_kept
from core.text import format as texts
from tui.desk import face, run_words
from tui.desk.present import BLANK, Badge, Safe, Tone, badge, sentence, sentences, text
from tui.desk.run_words import STATES, failed_mailboxes, run_facts, state, summary, times


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list."""

    id: int
    state: Badge
    when: Safe
    facts: tuple[Safe, ...]


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A problem with its reason: ``place`` is mailbox, folder and UID.

    ``key`` is the true name of the mailbox, for comparisons only. ``full`` is the whole ``reason``, ``remedy`` the advice.
    """

    place: tuple[Safe, ...]
    reason: Safe
    key: str = ""
    mailbox: Safe = BLANK
    folder: Safe = BLANK
    uid: Safe = BLANK
    full: Safe = BLANK
    remedy: Safe = BLANK


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A mailbox of a run. ``fraction`` is None while unknown; ``rank`` sorts: active, failed, the rest.

    ``key`` is its true name, for comparisons only. ``counts`` are the known ones, by the names of ``core.model.COUNTERS``;
    ``problems`` are its own, once the run is finished.
    """

    state: Badge
    mailbox: Safe
    fraction: float | None
    messages: Safe
    size: Safe
    folder: Safe
    rank: int
    key: str = ""
    user: Safe = BLANK
    counts: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[ProblemRow] = ()


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


#: Characters of a reason that are shown.
LONGEST_REASON = 10_000
_PHASES = {
    Phase.WAITING: badge("○", "waiting", Tone.MUTED),
    Phase.CONNECTING: badge("●", "connecting", Tone.BUSY),
    Phase.LISTING: badge("●", "listing", Tone.BUSY),
    Phase.ARCHIVING: badge("●", "archiving", Tone.BUSY),
    Phase.CHECKING: badge("●", "checking", Tone.BUSY),
    Phase.DELETING: badge("●", "deleting", Tone.BUSY),
}
_RUNNING, _WRONG, _WAITING, _DONE = range(4)


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
            done = _share_done(mailbox, status)
            rank = _DONE if status is RunStatus.SUCCEEDED else _WRONG
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
                problems=_Problems([(mailbox["mailbox"], problem) for problem in mailbox["problems"]]),
            )
    elif snapshot:
        for line in snapshot.mailboxes:
            yield _live_mailbox(line)


def _share_done(mailbox: Mapping[str, Any], status: RunStatus) -> float | None:
    if status is RunStatus.SUCCEEDED:
        return 1.0
    done = sum(mailbox[name] for name in ("archived", "known", "moved", "excluded"))
    return min(done / mailbox["found"], 1.0) if mailbox["found"] else None


def _live_mailbox(line: MailboxLine) -> MailboxRow:
    phase, status = Phase(line.phase), RunStatus(line.status)
    listed = phase in (Phase.ARCHIVING, Phase.CHECKING, Phase.DONE)
    fraction = (line.bytes_done / line.bytes_total if line.bytes_total else 1.0) if listed else None
    if phase is Phase.DONE and status is RunStatus.FAILED and not line.bytes_total:
        # It was never listed, so nothing is known to be done.
        fraction = None
    if phase is Phase.DONE:
        rank = _DONE if status is RunStatus.SUCCEEDED else _WRONG
    else:
        rank = _WAITING if phase is Phase.WAITING else _RUNNING
    waits = line.waits_until if phase is not Phase.DONE else ""
    state = STATES[status] if phase is Phase.DONE else badge("…", "waits", Tone.WARN) if waits else _PHASES[phase]
    return MailboxRow(
        state=state,
        mailbox=text(line.mailbox),
        fraction=fraction,
        messages=sentence(f"{texts.number(line.messages_done)}/{texts.number(line.messages_total)}")
        if line.messages_total
        else BLANK,
        size=sentence(run_words.done_of(line.bytes_done, line.bytes_total, "/")) if line.bytes_total else sentence(BLANK),
        folder=sentence(f"waits until {texts.clock(waits)}") if waits else text(line.folder) if rank == _RUNNING else BLANK,
        rank=rank,
        key=line.mailbox,
        user=text(line.user),
        counts={"archived": line.archived, "moved": line.moved, "failed": line.failed},
    )


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


class _Problems(Sequence[ProblemRow]):
    """Problems as rows made on access: a result may hold very many."""

    def __init__(self, found: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, index: int) -> ProblemRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ProblemRow]: ...
    def __getitem__(self, index: int | slice) -> ProblemRow | Sequence[ProblemRow]:
        if isinstance(index, slice):
            return _Problems(self._found[index])
        return _problem(*self._found[index])


def _problems(result: Mapping[str, Any]) -> tuple[Sequence[ProblemRow], int]:
    found = [(mailbox["mailbox"], problem) for mailbox in result.get("mailboxes", ()) for problem in mailbox["problems"]]
    return _Problems(found), len(found)


def _live_problems(snapshot: Snapshot | None) -> tuple[Sequence[ProblemRow], int]:
    if snapshot is None:
        return (), 0
    shown = _Problems([(problem["mailbox"], problem) for problem in reversed(snapshot.problems)])
    return shown, max(snapshot.totals.get("failed", 0), len(shown))


def _problem(mailbox: str, problem: Mapping[str, Any]) -> ProblemRow:
    folder, shown, why = text(problem["folder"]), text(mailbox), kept(problem)
    reason = face.sentence(why)
    uid = "" if problem["uid"] is None else str(problem["uid"])
    return ProblemRow(
        place=tuple(sentence(part) for part in (folder, uid and f"UID {uid}", shown) if part),
        reason=text(reason),
        key=mailbox,
        mailbox=shown,
        folder=folder,
        uid=sentence(uid),
        full=text(reason, LONGEST_REASON),
        remedy=text(face.remedy(why), LONGEST_REASON),
    )


def _notes(result: Mapping[str, Any], snapshot: Snapshot | None, events: Sequence[RunEvent]) -> tuple[Safe, ...]:
    """The warnings, each with its remedy. Those that an older service tells are in the events alone."""
    reasons = warnings_kept(result) or [kept(one) for one in (snapshot.warnings if snapshot else ())]
    said = [face.told(one) for one in reasons] or [event.text for event in events if event.kind == "warning"]
    return tuple(dict.fromkeys(text(one, LONGEST_REASON) for one in said))
