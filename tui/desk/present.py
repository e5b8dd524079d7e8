"""The core's values as views. Pure functions; the one place where texts from outside become part of the console."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, overload

from core.engine.run.foreseen import Foreseen, of_mailbox, of_result
from core.engine.run.remedies import remedy
from core.engine.visit.progress import MailboxLine, Snapshot
from core.model import COUNTERS, Phase, Run, RunEvent, RunStatus, moment
from core.profiles.profile import Profile
from core.profiles.selection import Chosen, Selection
from core.text import format as texts
from tui.desk import pace
from tui.desk.views import MailboxRow, ProblemRow, ProfileRow, RunRow, RunView, State, Tone
from tui.desk.wording import advice
from tui.text.format import steady

#: Characters of a reason that is read in full.
LONGEST_REASON = 10_000

_STATES = {
    RunStatus.QUEUED: State("○", "queued", Tone.BUSY),
    RunStatus.RUNNING: State("●", "running", Tone.BUSY),
    RunStatus.INTERRUPTED: State("!", "interrupted", Tone.WARN),
    RunStatus.SUCCEEDED: State("✔", "done", Tone.GOOD),
    RunStatus.WITH_ERRORS: State("!", "with errors", Tone.WARN),
    RunStatus.CANCELLED: State("■", "cancelled", Tone.WARN),
    RunStatus.FAILED: State("✗", "failed", Tone.BAD),
}
#: ``1 mailbox``, ``1,204 mailboxes``.
count = texts.counted
STOPPING = State("■", "stopping", Tone.WARN)
NEVER = State("·", "never run", Tone.MUTED)
_PHASES = {
    Phase.WAITING: State("○", "waiting", Tone.MUTED),
    Phase.CONNECTING: State("●", "connecting", Tone.BUSY),
    Phase.LISTING: State("●", "listing", Tone.BUSY),
    Phase.ARCHIVING: State("●", "archiving", Tone.BUSY),
    Phase.CHECKING: State("●", "checking", Tone.BUSY),
    Phase.DELETING: State("●", "deleting", Tone.BUSY),
}
#: How a dry run ended.
_TRIED = {
    RunStatus.SUCCEEDED: "Dry run: nothing was archived or deleted. This is what a run would find.",
    RunStatus.WITH_ERRORS: "Dry run: nothing was archived or deleted. Not everything could be looked at.",
    RunStatus.CANCELLED: "Dry run, cancelled before its end: nothing was archived or deleted.",
}
_RUNNING, _WRONG, _WAITING, _DONE = range(4)
_NOTHING: Mapping[Selection, Chosen] = {}


def text(value: str, limit: int = 300) -> str:
    """Text from outside as it may be shown: one line that moves nothing, shifts nothing and has no markup."""
    return steady(texts.safe(value, limit))


def state(run: Run) -> State:
    """The state of a run in words; a dry run is called one."""
    found = STOPPING if run.cancel_requested and not run.status.final else _STATES[run.status]
    return replace(found, word=f"dry run: {found.word}") if run.dry_run else found


# Home --------------------------------------------------------------------------------------------------------------------


def profile_row(
    profile: Profile,
    run: Run | None,
    snapshot: Snapshot | None,
    now: datetime,
    chosen: Mapping[Selection, Chosen] = _NOTHING,
    next_start: datetime | None = None,
    tried: bool = False,
) -> ProfileRow:
    """A profile with its last run, and how far that is. ``chosen`` is what the selections of profiles come to.

    A dry run is no last run; that one goes on now (``tried``) is a fact beside it.
    """
    facts = _facts(run, snapshot, now) if run else ()
    return ProfileRow(
        key=profile.name,
        name=text(profile.name),
        mailbox=_whose(profile, chosen),
        server=text(profile.server.host),
        schedule=text(short_schedule(profile), 60),
        automatic=profile.automatic,
        scheduled=profile.schedule is not None,
        next_start=texts.soon(next_start, now) if next_start else "",
        deletes=profile.deletion.sentence() if profile.deletion.active else "",
        state=state(run) if run else NEVER,
        facts=(*facts[:1], "dry run under way", *facts[1:]) if tried else facts,
        active=run is not None and not run.status.final,
        last_run=run.id if run else None,
    )


def run_row(run: Run, snapshot: Snapshot | None, now: datetime) -> RunRow:
    """A run as a line of its profile's page."""
    when, *rest = _facts(run, snapshot, now) or ("",)
    return RunRow(run.id, state(run), when, tuple(rest))


def short_schedule(profile: Profile) -> str:
    """``every 15 min``, ``daily at 02:00``, ``manual``; what is switched off says so."""
    if profile.schedule is None:
        return "manual"
    return re.sub(r"(\d) (min)utes?\b", r"\1 \2", profile.schedule.sentence()) if profile.automatic else "switched off"


def _whose(profile: Profile, chosen: Mapping[Selection, Chosen]) -> str:
    if profile.catchall is not None:
        return f"catch-all {text(profile.login.username)}"
    if profile.selection is None:
        return text(profile.login.username)
    return count(chosen[profile.selection].users, "mailbox", "mailboxes")


def _facts(run: Run, snapshot: Snapshot | None, now: datetime) -> tuple[str, ...]:
    if not run.status.final:
        if snapshot is None:
            return (f"since {texts.when(run.started or run.requested, now)}",)
        return pace.brief(snapshot)
    sums = totals(run)
    facts = [texts.when(run.finished or run.requested, now)]
    if run.dry_run:
        return (*facts, *_foreseen(of_result(run.result or {})))
    if failed := failed_mailboxes(run):
        facts.append(f"{count(failed, 'mailbox', 'mailboxes')} failed")
    elif sums["failed"]:
        facts.append(f"{count(sums['failed'], 'problem')}")
    if sums["archived"]:
        facts.append(f"+{texts.number(sums['archived'])}")
    elif sums["deleted"]:
        facts.append(f"{texts.number(sums['deleted'])} deleted")
    elif run.status is RunStatus.SUCCEEDED:
        facts.append("nothing new")
    return tuple(facts)


def _foreseen(found: Foreseen) -> list[str]:
    """The outcome of a dry run as facts; what would go first."""
    delete = [f"{texts.number(found.delete)} would be deleted"] if found.delete else []
    return [*delete, f"{texts.number(found.new)} to archive" if found.new else "nothing new"]


def failed_mailboxes(run: Run) -> int:
    """How many of many mailboxes failed; one alone is told by the state of the run."""
    mailboxes = (run.result or {}).get("mailboxes", ())
    return sum(mailbox["status"] == RunStatus.FAILED for mailbox in mailboxes) if len(mailboxes) > 1 else 0


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
        facts=_times(run, now),
        counts=pace.counts(snapshot) if snapshot and not run.status.final else (),
        summary=summary(run) if run.status.final else (),
        mailboxes=tuple(_mailboxes(run, snapshot)),
        mailboxes_done=_mailboxes_done(run, snapshot),
        problems=problems,
        problem_count=number,
        notes=_notes(result, events),
    )


def with_note(view: RunView, note: str) -> RunView:
    """``view`` with one more warning, at the top."""
    return replace(view, notes=(note, *view.notes))


def _times(run: Run, now: datetime) -> tuple[str, ...]:
    facts = []
    if run.dry_run:
        facts.append("nothing is archived or deleted")
    if run.started is None:
        facts.append(f"asked for {texts.when(run.requested, now)}")
    else:
        facts.append(f"started {texts.when(run.started, now)}")
        facts.append(
            f"{'took' if run.finished else 'for'} {texts.duration(int(((run.finished or now) - run.started).total_seconds()))}"
        )
    if run.resumed:
        facts.append(f"carried on {count(run.resumed, 'time')} after an interruption")
    return tuple(facts)


def summary(run: Run) -> tuple[str, ...]:
    """How a run ended, in sentences."""
    sums = totals(run)
    heads = {
        RunStatus.SUCCEEDED: "Everything is archived.",
        RunStatus.WITH_ERRORS: "Finished, but not everything could be archived. The next run tries again.",
        RunStatus.CANCELLED: "Cancelled. What was archived is kept; the next run carries on from there.",
        RunStatus.FAILED: f"Failed: {text(run.reason) or 'no reason is known'}",
    }
    head = _TRIED.get(run.status, heads[RunStatus.FAILED]) if run.dry_run else heads.get(run.status, "")
    if run.result is None:
        return (head,)
    foreseen = of_result(run.result) if run.dry_run else Foreseen()
    new, size, verb = sums["archived"], sums["bytes"], "archived now"
    if run.dry_run:
        new, size, verb = foreseen.new, foreseen.bytes, "to archive"
    counts = [f"{texts.number(new)} {verb} ({texts.size(size)})" if new else "nothing new"]
    for name, words in (("known", "known before"), ("moved", "moved"), ("excluded", "excluded by rules")):
        if sums[name]:
            counts.append(f"{texts.number(sums[name])} {words}")
    counts.append(f"{texts.number(sums['failed'])} failed" if sums["failed"] else "none failed")
    if sums["deleted"]:
        counts.append(f"{texts.number(sums['deleted'])} deleted at the source")
    if foreseen.delete:
        counts.append(f"{texts.number(foreseen.delete)} would be deleted at the source")
    return (head, f"{count(sums['found'], 'message')} found: {', '.join(counts)}.")


def _mailboxes(run: Run, snapshot: Snapshot | None) -> Iterable[MailboxRow]:
    if run.result:
        for mailbox in run.result.get("mailboxes", ()):
            status = RunStatus(mailbox["status"])
            foreseen = of_mailbox(mailbox)
            archived = f"{texts.number(foreseen.new)} new" if run.dry_run else f"+{texts.number(mailbox['archived'])}"
            done = _share_done(mailbox, status)
            rank = _DONE if status is RunStatus.SUCCEEDED else _WRONG
            yield MailboxRow(
                state=_STATES[status],
                mailbox=text(mailbox["mailbox"]),
                fraction=done,
                messages=archived,
                size=texts.size(foreseen.bytes if run.dry_run else mailbox["bytes"]),
                folder="",
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
    state = _STATES[status] if phase is Phase.DONE else State("…", "waits", Tone.WARN) if waits else _PHASES[phase]
    return MailboxRow(
        state=state,
        mailbox=text(line.mailbox),
        fraction=fraction,
        messages=f"{texts.number(line.messages_done)}/{texts.number(line.messages_total)}" if line.messages_total else "",
        size=pace.done_of(line.bytes_done, line.bytes_total, "/") if line.bytes_total else "",
        folder=f"waits until {texts.clock(waits)}" if waits else text(line.folder) if rank == _RUNNING else "",
        rank=rank,
        key=line.mailbox,
        user=text(line.user),
        counts={"archived": line.archived, "moved": line.moved, "failed": line.failed},
    )


def _mailboxes_done(run: Run, snapshot: Snapshot | None) -> str:
    if run.result:
        mailboxes = run.result.get("mailboxes", ())
        failed = failed_mailboxes(run)
        if len(mailboxes) < 2:
            return ""
        return f"{texts.number(len(mailboxes))}, {texts.number(failed)} failed" if failed else texts.number(len(mailboxes))
    if snapshot is None:
        return ""
    parts = [f"{texts.number(snapshot.mailboxes_done)} of {texts.number(snapshot.mailboxes_total)} done"]
    wrong = sum(line.phase == Phase.DONE and line.status != RunStatus.SUCCEEDED for line in snapshot.mailboxes)
    if wrong:
        parts.append(f"{texts.number(wrong)} with problems")
    if snapshot.mailboxes_unlisted and snapshot.mailboxes_total > 1:
        parts.append(f"{texts.number(snapshot.mailboxes_unlisted)} still to list")
    return ", ".join(parts)


class _Problems(Sequence[ProblemRow]):
    """Problems, made into rows when they are looked at: a result may hold very many."""

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
    folder, shown, reason = text(problem["folder"]), text(mailbox), problem["reason"]
    uid = "" if problem["uid"] is None else f"UID {problem['uid']}"
    return ProblemRow(
        place=tuple(part for part in (folder, uid, shown) if part),
        reason=text(reason),
        key=mailbox,
        mailbox=shown,
        folder=folder,
        uid=uid.removeprefix("UID "),
        full=text(reason, LONGEST_REASON),
        remedy=advice(remedy(problem["reason"], problem.get("code", ""))),
    )


def _notes(result: Mapping[str, Any], events: Sequence[RunEvent]) -> tuple[str, ...]:
    warnings = result.get("warnings") or [event.text for event in events if event.kind == "warning"]
    return tuple(dict.fromkeys(text(warning, LONGEST_REASON) for warning in warnings))


# Pieces ------------------------------------------------------------------------------------------------------------------


def totals(run: Run) -> dict[str, int]:
    """The counts of a run's result; zeros while there is none."""
    return dict.fromkeys(COUNTERS, 0) | ((run.result or {}).get("totals") or {})


def since(time: str) -> str:
    """A time of the ledger as a day: ``today``, ``Monday``, ``2026-01-31``."""
    day, today = moment(time).astimezone().date(), datetime.now().astimezone().date()
    ago = (today - day).days
    if ago < 1:
        return "today"
    return "yesterday" if ago == 1 else f"{day:%A}" if ago < 7 else f"{day:%Y-%m-%d}"
