"""Activity: past runs with their problems, and the ledger."""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.archive.archive import Archive
from core.archive.proof import seal, seal_check
from core.archive.store.entries import KINDS
from core.archive.store.ledger import Entry
from core.errors import DamagedError, InputError
from core.model import Run, RunStatus, moment, now
from core.problems.ledger import NO_ENTRY
from core.service.queue import Queue, RunProblem
from core.system.actor import Actor
from core.text import format as texts
from tui.desk import face, present
from tui.desk.jobs import Job, JobOutcome, Jobs, Stage
from tui.desk.present import Badge, Safe
from tui.desk.refusals import translated
from tui.desk.runs import run_words


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run in a list. ``counts`` are archived, failed, deleted; ``more`` are sentences of details beside the line."""

    id: int
    profile: Safe
    state: Badge
    active: bool
    when: Safe
    took: Safe
    counts: tuple[Safe, Safe, Safe]
    how: Safe
    more: tuple[Safe, ...]


@dataclass(frozen=True, slots=True)
class PastProblem:
    """A problem of a finished run: ``place`` is mailbox, folder and UID."""

    run: int
    profile: Safe
    when: Safe
    place: tuple[Safe, ...]
    reason: Safe


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry of the ledger, in a sentence."""

    seq: int
    when: Safe
    actor: Safe
    sentence: Safe


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry of the ledger in full: ``facts`` are values with their names, ``payload`` its lines, without ``more`` of them.

    ``changes``: its changes from old to new, a line each.
    """

    seq: int
    facts: tuple[tuple[Safe, Safe], ...]
    changes: tuple[Safe, ...]
    payload: tuple[Safe, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Named:
    """A choice: ``key`` is the true value, for the desk only, ``name`` is shown."""

    key: str
    name: Safe


@dataclass(frozen=True, slots=True)
class SealView:
    """The end of the ledger's chain, which stands for all before it: ``text`` is the seal to be kept elsewhere."""

    text: Safe
    seq: Safe
    hash: Safe
    at: Safe


#: Problems listed; a run's own place has all of its own.
PROBLEMS = 500
#: Lines of a payload that are shown, and bytes of it read for that: some are a hundred megabytes.
PAYLOAD_LINES = 400
#: Characters of one change; lists of users may be long.
CHANGE_LENGTH = 4000
PAYLOAD_BYTES = 2_000_000
#: The states of runs that have ended.
ENDED = tuple(status for status in RunStatus if status.final)
SEAL_AGAIN = "Nothing was changed; it can be begun again at any time."
STATES: dict[str, tuple[str, tuple[RunStatus, ...]]] = {
    "": ("all states", ()),
    "active": ("going on", (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.INTERRUPTED)),
    "done": ("done", (RunStatus.SUCCEEDED,)),
    "errors": ("with errors", (RunStatus.WITH_ERRORS,)),
    "failed": ("failed", (RunStatus.FAILED,)),
    "cancelled": ("cancelled", (RunStatus.CANCELLED,)),
}


class ActivityDesk:
    """Past runs, and the ledger. Every method may raise ``Refused``; empty keys mean all."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs
        self._queue = Queue(archive.database)
        self._seqs: dict[str, list[int]] = {}
        #: The latest problems, with the number of runs that had ended and the minute in which they were read.
        self._problems: tuple[tuple[int, datetime] | None, Sequence[PastProblem]] = (None, ())

    # Runs ----------------------------------------------------------------------------------------------------------------

    async def profiles(self) -> Sequence[Named]:
        """The profiles that have runs."""
        with translated():
            names = await self._queue.profiles()
        return [Named("", present.own("all profiles")), *(Named(name, present.text(name)) for name in names)]

    def states(self) -> Sequence[Named]:
        """The states to filter runs by."""
        return [Named(key, present.sentence(word)) for key, (word, _) in STATES.items()]

    async def count(self, profile: str, state: str) -> int:
        """The number of runs."""
        with translated():
            return await self._queue.count(profile, status=STATES[state][1])

    async def runs(self, profile: str, state: str, offset: int, limit: int) -> Sequence[PastRun]:
        """A page of the runs, the newest first."""
        with translated():
            found = await self._queue.runs(profile, status=STATES[state][1], offset=offset, limit=limit)
        return [run_row(run, now()) for run in found]

    async def position(self, profile: str, state: str, run: int) -> int:
        """The number of runs newer than this one."""
        with translated():
            return await self._queue.count(profile, status=STATES[state][1], after=run)

    async def problems(self) -> Sequence[PastProblem]:
        """The latest problems of all runs, the newest first; read again when another run has ended, or another minute begun."""
        with translated():
            moment = now()
            known = await self._queue.count(status=ENDED), moment.replace(second=0, microsecond=0)
            if self._problems[0] != known:
                self._problems = known, [past_problem(one, moment) for one in await self._queue.problems(PROBLEMS)]
        return self._problems[1]

    # The ledger ----------------------------------------------------------------------------------------------------------

    def kinds(self) -> Sequence[Named]:
        """The kinds of entries."""
        titles = {"": "all entries", **{kind: one.title for kind, one in KINDS.items()}}
        return [Named(kind, present.sentence(title)) for kind, title in titles.items()]

    async def entry_count(self, kind: str) -> int:
        """The number of entries."""
        with translated():
            if kind:
                return len(await self._of_kind(kind))
            newest = await self._archive.entries_before(None, 1)
        # The first entry of an archive is number 1, without gaps.
        return newest[0].seq if newest else 0

    async def _of_kind(self, kind: str) -> list[int]:
        """The numbers of all entries of a kind; known ones are not read again."""
        seqs = self._seqs.setdefault(kind, [])
        for seq in await self._archive.volumes.entry_seqs(kind, seqs[-1] if seqs else 0):
            if not seqs or seq > seqs[-1]:
                seqs.append(seq)
        return seqs

    async def entries(self, kind: str, offset: int, limit: int) -> Sequence[EntryRow]:
        """A page of the entries, the newest first."""
        with translated():
            if kind:
                seqs = await self._of_kind(kind)
                before = seqs[len(seqs) - 1 - offset] + 1 if offset < len(seqs) else 0
            else:
                before = await self.entry_count("") + 1 - offset
            found = await self._archive.entries_before(before, limit, kind)
            return await asyncio.to_thread(lambda: [entry_row(entry, now()) for entry in found])

    async def entry_position(self, kind: str, seq: int) -> int:
        """The number of entries newer than this one."""
        with translated():
            if kind:
                seqs = await self._of_kind(kind)
                return len(seqs) - bisect_right(seqs, seq)
        return max(await self.entry_count("") - seq, 0)

    async def entry(self, seq: int) -> EntryView:
        """One entry in full."""
        with translated():
            found = await self._archive.entries_before(seq + 1, 1)
            if not found or found[0].seq != seq:
                raise InputError(NO_ENTRY(entry=seq))
            return await asyncio.to_thread(entry_view, found[0])

    # The seal ------------------------------------------------------------------------------------------------------------

    async def seal(self) -> SealView:
        """The end of the ledger's chain."""
        with translated():
            now_ = await seal.current(self._archive)
        return SealView(
            present.sentence(str(now_)),
            present.sentence(texts.number(now_.seq)),
            present.sentence(now_.hash.hex()),
            present.text(now_.at, 60),
        )

    async def check_seal(self, text: str) -> int:
        """Begin to check the archive against a seal, or one in a file; the number of the job."""
        with translated():
            typed = await asyncio.to_thread(seal.text, text.strip())
            wanted = seal.find(typed, await seal_check.archive_id(self._archive.home))
        last = texts.number(max(one.seq for one in wanted))

        async def work(archive: Archive, job: Job) -> JobOutcome:
            def tell(done: int, total: int, what: str) -> None:
                job.stage = Stage(done, total, unit=what)

            found = await seal_check.check(archive.home, wanted, tell=tell)
            if found.why is not None:
                told = face.told(found.why)
                return JobOutcome(("The archive is not as it was when the seal was made.",), (told,), bad=True)
            return JobOutcome((found.sentence(),))

        what = f"Prove all up to entry {last} by {'its seal' if len(wanted) == 1 else present.count(len(wanted), 'seal')}"
        return self._jobs.start("Seal", what, SEAL_AGAIN, work)


# Values as views ---------------------------------------------------------------------------------------------------------


def run_row(run: Run, moment: datetime) -> PastRun:
    """A run in the list, and the sentences about it."""
    totals = (run.result or {}).get("totals") or {}
    counts = [int(totals.get(name, 0)) for name in ("archived", "failed", "deleted")]
    begun, ended = run.started or run.requested, run.finished or moment
    took = texts.duration(max((ended - begun).total_seconds(), 0)) if run.started else present.BLANK
    how = "automatic" if run.automatic else "by hand"
    what = "Dry run" if run.dry_run else "Run"
    started = "started automatically" if run.automatic else "started by hand"
    more = [
        present.sentence(f"{what} {run.id} of {present.text(run.profile, 100)}, {started}{f', took {took}' if took else ''}.")
    ]
    if run.status.final:
        archived, failed, deleted = map(texts.number, counts)
        size = texts.size(int(totals.get("bytes", 0)))
        said = f"{archived} archived ({size}), {failed} failed, {deleted} deleted at the source."
        more.append(
            present.sentence(f"Nothing was archived or deleted; {failed} failed.") if run.dry_run else present.sentence(said)
        )
    if run.why is not None:
        more.append(present.text(face.sentence(run.why)))
    return PastRun(
        id=run.id,
        profile=present.text(run.profile, 100),
        state=run_words.state(run),
        active=not run.status.final,
        when=present.sentence(texts.when(run.finished or run.started or run.requested, moment)),
        took=present.sentence(took),
        counts=tuple(texts.number(count) if count else "" for count in counts),  # type: ignore[arg-type]
        how=present.own("dry run") if run.dry_run else present.sentence(how),
        more=tuple(more),
    )


def past_problem(one: RunProblem, moment: datetime) -> PastProblem:
    """A problem with its place."""
    folder, uid = one.problem.folder, one.problem.uid
    parts = [folder, f"UID {uid}" if uid is not None else "", one.mailbox]
    place = tuple(present.text(part) for part in parts if part) or (present.own("the whole run"),)
    profile = present.text(one.profile, 100)
    if one.dry_run:
        place = (present.own("dry run"), *place)
    reason = present.text(face.sentence(one.problem.reason))
    return PastProblem(one.run, profile, present.sentence(texts.when(one.at, moment)), place, reason)


def entry_row(entry: Entry, moment_: datetime) -> EntryRow:
    """An entry in the list."""
    who = present.text(Actor.of(entry.actor).short(), 100)
    return EntryRow(entry.seq, _when(entry, moment_), who, present.text(entry.sentence()))


def _when(entry: Entry, moment_: datetime) -> Safe:
    try:
        return present.sentence(texts.when(moment(entry.at), moment_))
    except ValueError:
        return present.text(entry.at, 40)


def entry_view(entry: Entry) -> EntryView:
    """An entry in full; the payload in lines cut only at the end."""
    facts = (
        ("Entry", str(entry.seq)),
        ("Time", present.text(entry.at, 60)),
        ("By", present.text(Actor.of(entry.actor).sentence(), 300)),
        ("Kind", present.text(entry.kind, 100)),
        ("Says", present.text(entry.sentence(), 1000)),
        ("Hash", entry.hash.hex()),
        ("Payload", present.sentence(f"{texts.number(len(entry.plain))} bytes")),
    )
    lines = _payload(entry)
    changes = tuple(present.text(one.sentence(), CHANGE_LENGTH) for one in entry.changes() or ())
    return EntryView(
        entry.seq,
        present.named(facts),
        changes,
        present.sentences(lines[:PAYLOAD_LINES]),
        max(len(lines) - PAYLOAD_LINES, 0),
    )


def _payload(entry: Entry) -> list[str]:
    """The payload as indented JSON; of one too large, or invalid, the beginning of its text."""
    if len(entry.plain) <= PAYLOAD_BYTES:
        try:
            written = json.dumps(entry.payload, indent=2, ensure_ascii=False)
        except (DamagedError, RecursionError):
            pass
        else:
            return [_indented(line) for line in written.split("\n")]
    shown = entry.plain[: PAYLOAD_LINES * 200].decode("utf-8", "replace")
    lines = [present.text(shown[start : start + 200]) for start in range(0, len(shown), 200)]
    return [*lines, *(["…"] if len(entry.plain) > PAYLOAD_LINES * 200 else [])]


def _indented(line: str) -> str:
    text = line.lstrip(" ")
    return " " * (len(line) - len(text)) + present.text(text, 1000)
