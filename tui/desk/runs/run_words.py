"""A run's progress, rate and end, in words. Pure functions."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from core.engine.run import briefs, progress_words
from core.engine.run.foreseen import Foreseen
from core.engine.visit.progress import Snapshot
from core.model import COUNTERS, Run, RunStatus
from core.text import format as texts
from tui.desk import face
from tui.desk.present import Badge, Safe, Tone, badge, count, sentence, sentences, text


def brief(snapshot: Snapshot) -> tuple[str, ...]:
    """A run in the line of its profile: progress, remaining time, rate."""
    said = (progress_words.left(snapshot), progress_words.silence(snapshot), progress_words.rate(snapshot))
    return tuple(fact for fact in (_percent(snapshot), *said, progress_words.basis(snapshot)) if fact)


def counts(snapshot: Snapshot) -> tuple[str, ...]:
    """A run on its own page, the most important first."""
    found = [f"{texts.number(snapshot.messages_done)} of {texts.number(snapshot.messages_total)} messages"]
    if snapshot.bytes_total:
        found.append(done_of(snapshot.bytes_done, snapshot.bytes_total))
    said = (progress_words.left_by(snapshot), progress_words.silence(snapshot), progress_words.rate(snapshot))
    found += [fact for fact in said if fact]
    return (*found, f"{texts.size(snapshot.byte_rate)}/s") if snapshot.byte_rate else tuple(found)


def done_of(done: int, total: int, between: str = " of ") -> str:
    """Amounts with one unit if it is the same: ``84 of 137 MB``."""
    (number, unit), (_, whole) = texts.amount(done), texts.amount(total)
    same = unit == whole or done == 0
    return f"{number if same else texts.size(done)}{between}{texts.size(total)}"


def _percent(snapshot: Snapshot) -> str:
    return "listing folders" if snapshot.fraction is None else f"{int(snapshot.fraction * 100)} %"


STATES = {
    RunStatus.QUEUED: badge("○", "queued", Tone.BUSY),
    RunStatus.RUNNING: badge("●", "running", Tone.BUSY),
    RunStatus.INTERRUPTED: badge("!", "interrupted", Tone.WARN),
    RunStatus.SUCCEEDED: badge("✔", "done", Tone.GOOD),
    RunStatus.WITH_ERRORS: badge("!", "with errors", Tone.WARN),
    RunStatus.CANCELLED: badge("■", "cancelled", Tone.WARN),
    RunStatus.FAILED: badge("✗", "failed", Tone.BAD),
}
STOPPING = badge("■", "stopping", Tone.WARN)
#: The ends of a dry run.
_TRIED = {
    RunStatus.SUCCEEDED: "Dry run: nothing was archived or deleted. This is what a run would find.",
    RunStatus.WITH_ERRORS: "Dry run: nothing was archived or deleted. Not everything could be looked at.",
    RunStatus.CANCELLED: "Dry run, cancelled before its end: nothing was archived or deleted.",
}


def state(run: Run) -> Badge:
    """The state of a run in words; a dry run is called one."""
    found = STOPPING if run.cancel_requested and not run.status.final else STATES[run.status]
    return replace(found, word=sentence(f"dry run: {found.word}")) if run.dry_run else found


def run_facts(run: Run, snapshot: Snapshot | None, now: datetime) -> tuple[str, ...]:
    if not run.status.final:
        if snapshot is None:
            return (f"since {texts.when(run.started or run.requested, now)}",)
        return brief(snapshot)
    sums = totals(run)
    facts = [texts.when(run.finished or run.requested, now)]
    if run.dry_run:
        return (*facts, *_foreseen(briefs.foreseen(run.result or {})))
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
    """The forecast of a dry run as facts; deletions first."""
    delete = [f"{texts.number(found.delete)} would be deleted"] if found.delete else []
    return [*delete, f"{texts.number(found.new)} to archive" if found.new else "nothing new"]


def failed_mailboxes(run: Run) -> int:
    """The number of failed mailboxes among many; a single one is covered by the run's state."""
    return briefs.failed_mailboxes(run.result or {})


def times(run: Run, now: datetime) -> tuple[Safe, ...]:
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
    return sentences(facts)


def summary(run: Run) -> tuple[str, ...]:
    """The end of a run, in sentences."""
    sums = totals(run)
    heads = {
        RunStatus.SUCCEEDED: "Everything is archived.",
        RunStatus.WITH_ERRORS: "Finished, but not everything could be archived. The next run tries again.",
        RunStatus.CANCELLED: "Cancelled. What was archived is kept; the next run carries on from there.",
        RunStatus.FAILED: f"Failed: {text(face.sentence(run.why)) if run.why else 'no reason is known'}",
    }
    head = _TRIED.get(run.status, heads[RunStatus.FAILED]) if run.dry_run else heads.get(run.status, "")
    if run.result is None:
        return (head,)
    foreseen = briefs.foreseen(run.result) if run.dry_run else Foreseen()
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


# Pieces ------------------------------------------------------------------------------------------------------------------


def totals(run: Run) -> dict[str, int]:
    """The counts of a run's result; zeros while there is none."""
    return dict.fromkeys(COUNTERS, 0) | ((run.result or {}).get("totals") or {})
