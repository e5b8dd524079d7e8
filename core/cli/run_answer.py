"""Runs in the words of the command line: states, events, the answer about one. Loaded by every command that waits for a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from core.cli.answer import Answer, Line
from core.model import COUNTERS, Run, RunEvent, RunStatus, timestamp
from core.problems.code import Reason
from core.problems.command_line import COMMAND_LINE, sentence
from core.problems.table import failed, kept, warned, warnings_kept
from core.problems.unnamed import EARLIER
from core.text.format import counted, duration, number, size

WORDS = {
    RunStatus.QUEUED: "… queued",
    RunStatus.RUNNING: "▶ running",
    RunStatus.INTERRUPTED: "… interrupted, will carry on",
    RunStatus.SUCCEEDED: "✔ succeeded",
    RunStatus.WITH_ERRORS: "! completed with errors",
    RunStatus.CANCELLED: "■ cancelled",
    RunStatus.FAILED: "✘ failed",
}
#: Problems and warnings listed after a run; --json has all.
SHOWN_PROBLEMS = 25
SHOWN_WARNINGS = 8
#: Kinds of events shown at the end of the run, and so not before.
TOLD_LATER = ("started", "finished", "warning", "problem")


def run_state(run: Run) -> str:
    """The state of a run in words; a dry run is called one."""
    return f"dry run: {WORDS[run.status]}" if run.dry_run else WORDS[run.status]


def called(run: Run) -> str:
    """``Run 7``, or ``Dry run 7``."""
    return f"{'Dry run' if run.dry_run else 'Run'} {run.id}"


def event_line(event: RunEvent, *, several: bool) -> str:
    """An event of a run in a line; with the mailbox if there are several."""
    whose = f"{event.mailbox}: " if several and event.mailbox else ""
    return f"{event.kind[:1].upper()}{event.kind[1:]}: {whose}{event.text}"


def left(queued: Run) -> Answer:
    """The answer of a command that does not wait for its run."""
    value = {"run": queued.id, "profile": queued.profile, "dry_run": queued.dry_run, "status": queued.status.value}
    told = f"{called(queued)} goes on in the service. See it: archivar watch {queued.id}"
    return Answer(json=lambda: value, notes=[] if queued.status.final else [told])


def goes_on(run: Run) -> list[str]:
    """The lines about a run that goes on without the command that waited for it."""
    return [
        f"{called(run)} goes on in the service.",
        f"See it: archivar watch {run.id}. End it: archivar cancel {run.id}.",
    ]


def ended_answer(ended: Run, story: Iterable[RunEvent]) -> Answer:
    """The answer of a command that has waited for a run with this ``story``. Its JSON has the run's events too."""
    events = [one.as_json() for one in story]

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


def _advice(problem: Reason, advised: set[str]) -> Iterator[Line]:
    """The remedy of a problem; one already ``advised`` is not repeated."""
    remedy = problem.remedy(COMMAND_LINE)
    if remedy and remedy not in advised:
        advised.add(remedy)
        yield Line(remedy, 2)


def result_lines(run: Run) -> Iterator[Line]:
    """A finished run in words."""
    took = f" in {duration(_seconds(run))}" if run.started and run.finished and run.status is not RunStatus.FAILED else ""
    yield Line(f"{called(run)} of {run.profile}: {WORDS[run.status]}{took}")
    advised: set[str] = set()
    if run.why is not None:
        yield Line(sentence(run.why))
        yield from _advice(run.why, advised) if run.why.code != EARLIER else ()
    if run.result is None:
        return
    if counts := _counts(run):
        yield Line(counts, 2)
    warnings = warnings_kept(run.result)
    for warning in warnings[:SHOWN_WARNINGS]:
        yield Line(f"Warning: {sentence(warning)}", 2)
        if warning.code != EARLIER:
            yield from _advice(warning, advised)
    if len(warnings) > SHOWN_WARNINGS:
        yield Line(f"{counted(len(warnings) - SHOWN_WARNINGS, 'more warning')}; all of them: archivar watch {run.id} --json")
    problems = [
        (mailbox["mailbox"], problem)
        for mailbox in run.result["mailboxes"]
        for problem in mailbox["problems"]
        if problem["reason"] not in (run.reason, "")
    ]
    everyone = run.result["mailboxes"]
    if failed := sum(one["status"] == RunStatus.FAILED for one in everyone) if len(everyone) > 1 else 0:
        yield Line(f"{number(failed)} of {number(len(everyone))} mailboxes failed.", 2)
    for mailbox, problem in problems[:SHOWN_PROBLEMS]:
        where = ", ".join(filter(None, (mailbox, problem["folder"], f"UID {problem['uid']}" if problem["uid"] else "")))
        yield Line(f"Problem: {where}: {problem['reason']}", 2)
        yield from _advice(kept(problem), advised)
    if len(problems) > SHOWN_PROBLEMS:
        more = counted(len(problems) - SHOWN_PROBLEMS, "more problem")
        yield Line(f"{more}; all of them: archivar watch {run.id} --json")


def _seconds(run: Run) -> float:
    assert run.started is not None
    assert run.finished is not None
    return (run.finished - run.started).total_seconds()


def _counts(run: Run) -> str:
    assert run.result is not None
    totals: dict[str, Any] = run.result["totals"]
    if run.status is RunStatus.FAILED and not any(totals.values()):
        return ""
    parts = [f"{number(totals['found'])} found"]
    if run.dry_run:
        # Loaded for a dry run alone.
        from core.engine.run.foreseen import of_result

        foreseen = of_result(run.result)
        parts.append(f"{number(foreseen.new)} would be archived" + (f" ({size(foreseen.bytes)})" if foreseen.bytes else ""))
        if foreseen.delete:
            parts.append(f"{number(foreseen.delete)} would be deleted on the server")
    else:
        parts.append(f"{number(totals['archived'])} archived" + (f" ({size(totals['bytes'])})" if totals["bytes"] else ""))
    others = [name for name in COUNTERS if name not in ("found", "archived", "bytes") and totals[name]]
    return ", ".join([*parts, *(f"{number(totals[name])} {name}" for name in others)])
