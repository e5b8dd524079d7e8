"""Jobs of the console's own process: one task each, with an archive of its own so that nothing waits for it.

They are not the service's: each can be stopped at any moment and continues when it is started again, so that nothing is lost
when the console ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from core.archive.archive import Archive
from core.config import Home
from core.errors import ArchivarError
from core.service.lock import is_running
from core.system import log
from core.system.tasks import spawn
from core.text import format as texts
from tui.desk import face, present
from tui.desk.present import Badge, Safe, Tone
from tui.desk.refusals import Refused, fault, way


@dataclass(frozen=True, slots=True)
class JobView:
    """A job: active, with ``facts`` that begin with the most important, or finished, with ``result`` sentences.

    ``title`` is its full name, ``kind`` one word for it; ``fraction`` is None while unknown; ``where`` is the current item.
    ``problems`` are the first of ``problem_count``. ``again``: how to continue it after it was stopped.
    """

    key: int
    kind: Safe
    title: Safe
    state: Badge
    active: bool
    stopping: bool
    fraction: float | None
    facts: tuple[Safe, ...]
    where: Safe
    result: tuple[Safe, ...]
    problems: tuple[Safe, ...]
    problem_count: int
    again: Safe


#: Problems listed one by one.
NAMED = 500
#: Finished jobs that are remembered.
KEPT = 20
#: Seconds after which a rate is meaningful.
STEADY = 2.0


@dataclass(slots=True)
class Stage:
    """The progress of a job. ``done`` of ``total`` (0: unknown) are counted in ``unit``, or in bytes if that is empty.

    ``bytes`` is the size of the work done, 0 where that is meaningless.
    """

    done: int = 0
    total: int = 0
    bytes: int = 0
    where: str = ""
    unit: str = "message"


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """The end of a job: ``sentences`` about it, and its problems, one by one. ``bad``: it failed."""

    sentences: tuple[str, ...]
    problems: tuple[str, ...] = ()
    bad: bool = False


@dataclass(slots=True)
class Job:
    """The state of a job, set by its work."""

    key: int
    kind: str
    title: str
    again: str
    stage: Stage = field(default_factory=Stage)
    started: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None
    outcome: JobOutcome | None = None
    stopping: bool = False
    stopped: bool = False
    seen: bool = False


Work = Callable[[Archive, Job], Awaitable[JobOutcome]]


class Jobs:
    """The jobs of this console. They continue whatever page is shown, and end with the console."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._jobs: dict[int, Job] = {}
        self._last = 0

    def start(self, kind: str, title: str, again: str, work: Work) -> int:
        """Start a job; its number. ``title`` is outside text and made safe here, as are all texts of the work."""
        self._last += 1
        job = Job(self._last, kind, title, again)
        self._jobs[job.key] = job
        job.task = spawn(self._do(job, work), name=kind)
        for key in [key for key, one in self._jobs.items() if one.outcome is not None][:-KEPT]:
            del self._jobs[key]
        return job.key

    async def _do(self, job: Job, work: Work) -> None:
        try:
            async with self.archive() as archive:
                job.outcome = await work(archive, job)
        except asyncio.CancelledError:
            job.stopped = True
            job.outcome = JobOutcome((f"It was stopped. {job.again}",))
            raise
        except ArchivarError as error:
            job.outcome = JobOutcome((face.sentence(error.reason), face.remedy(error.reason)), bad=True)
        except Exception as error:
            log.note(self._home.console_log, "archivar.console", way(error))
            job.outcome = JobOutcome((f"The console has a fault. {fault(error)}", job.again), bad=True)

    @asynccontextmanager
    async def archive(self) -> AsyncIterator[Archive]:
        """The archive, opened once more for long work."""
        archive = await Archive.open(self._home, actor="console", follow=not is_running(self._home))
        try:
            yield archive
        finally:
            await archive.close()

    def all(self) -> Sequence[JobView]:
        """Active jobs, and finished ones not seen since; the newest first."""
        return [self._shown(job) for job in reversed(self._jobs.values()) if job.outcome is None or not job.seen]

    def view(self, key: int) -> JobView:
        """One job. Raises ``Refused`` for an unknown number."""
        if (job := self._jobs.get(key)) is None:
            raise Refused(present.own("This is not known any more."), present.own("Activity, Ledger tells what was done."))
        return self._shown(job)

    def is_active(self, key: int) -> bool:
        """True while the job of this number is active."""
        return (job := self._jobs.get(key)) is not None and job.outcome is None

    def seen(self, key: int) -> None:
        """Mark a finished job as seen: it is no longer listed."""
        if (job := self._jobs.get(key)) is not None and job.outcome is not None:
            job.seen = True

    def stop(self, key: int) -> None:
        """Stop a job; its work so far stays."""
        if (job := self._jobs.get(key)) is not None and job.outcome is None and job.task is not None:
            job.stopping = True
            job.task.cancel()

    async def close(self) -> None:
        """Stop all jobs, and wait until they have saved their state."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None and not job.task.done()]
        for key in list(self._jobs):
            self.stop(key)
        if tasks:
            await asyncio.wait(tasks)

    @staticmethod
    def _shown(job: Job) -> JobView:
        stage, outcome = job.stage, job.outcome
        return JobView(
            key=job.key,
            kind=present.sentence(job.kind),
            title=present.text(job.title, 300),
            state=_state(job),
            active=outcome is None,
            stopping=job.stopping,
            fraction=min(stage.done / stage.total, 1.0) if stage.total else None,
            facts=_facts(stage, time.monotonic() - job.started) if outcome is None else (),
            where=present.text(stage.where, 300) if outcome is None else present.BLANK,
            result=tuple(present.text(one) for one in outcome.sentences if one) if outcome else (),
            problems=tuple(present.text(one, 500) for one in outcome.problems[:NAMED]) if outcome else (),
            problem_count=len(outcome.problems) if outcome else 0,
            again=present.sentence(job.again),
        )


def _state(job: Job) -> Badge:
    if job.outcome is None:
        return Badge(present.own("●"), present.own("stopping") if job.stopping else present.own("working"), Tone.BUSY)
    if job.stopped:
        return present.badge("■", "stopped", Tone.WARN)
    if job.outcome.bad:
        return present.badge("✗", "failed", Tone.BAD)
    return present.badge("!", "with problems", Tone.WARN) if job.outcome.problems else present.badge("✔", "done", Tone.GOOD)


def _facts(stage: Stage, seconds: float) -> tuple[Safe, ...]:
    """Amount, rate and remaining time."""
    many = f"{stage.unit}s" if stage.unit != "entry" else "entries"
    if not stage.unit:
        facts = [present.sentence(f"{texts.size(stage.done)} of {texts.size(max(stage.total, stage.done))}")]
    elif stage.total:
        facts = [present.sentence(f"{texts.number(stage.done)} of {present.count(stage.total, stage.unit, many)}")]
    else:
        facts = [present.sentence(present.count(stage.done, stage.unit, many))]
    if stage.unit and stage.bytes:
        facts.append(present.sentence(texts.size(stage.bytes)))
    if seconds >= STEADY and stage.done:
        rate = stage.done / seconds
        facts.append(
            present.sentence(f"{texts.number(round(rate))} {many}/s")
            if stage.unit
            else present.sentence(f"{texts.size(rate)}/s")
        )
        if stage.total > stage.done:
            facts.append(present.sentence(f"{texts.duration((stage.total - stage.done) / rate)} left"))
    return tuple(facts)
