"""The worker: takes mailboxes from PostgreSQL, visits several at once, and delivers what it writes.

It lives in sessions. A session that the home gave up is left with all that was not delivered, and a new one begins.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import core
from core import files
from core.archive.store.lane_writer import LaneIdentity, LaneWriter
from core.archive.store.offload import Processes
from core.cluster import worker_key
from core.cluster.delivering import Delivery
from core.cluster.lane_archive import LaneHand
from core.cluster.place import LanePlace
from core.cluster.postgres import AwayError, GoneError, Postgres, Row
from core.cluster.run_values import KnownRuns
from core.cluster.session import Claimed, FencedError, WorkerSession
from core.cluster.setting_up import place_at
from core.cluster.visiting import HomeAsked, MailboxValues, MailboxVisit, Outcome, progress_as_json
from core.cluster.waking import JOBS, WORKERS, Bell, listening
from core.config import Home
from core.engine.visit.limits import Budget
from core.errors import BusyError, InputError
from core.model import Phase, RunStatus
from core.problems import cluster as problems
from core.system.tasks import spawn, together
from core.values import dataclass

if TYPE_CHECKING:
    from procrastinate.manager import JobManager

#: Seconds between signs of life, and between looks for a job.
BEAT_SECONDS, LOOK_SECONDS = 0.5, 0.2
#: Volumes are sealed by the deliverer, never by their size alone.
NEVER_FULL = 1 << 60
#: Seconds for what was written to be delivered when the worker is stopped.
LAST_SECONDS = 20.0

logger = logging.getLogger("archivar.cluster")


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The options of a worker. ``state``: its own folder; ``mailboxes``: visited at once; ``place``: if elsewhere;
    ``line``: the limit of the line to it (``core.storage.line``)."""

    address: str
    key: Path
    state: Path
    mailboxes: int = 4
    place: str = ""
    line: str = ""

    @property
    def name(self) -> str:
        return f"{socket.gethostname()}:{self.state.name}"

    @property
    def log(self) -> Path:
        return self.state / "log" / "worker.log"


class Worker:
    """A worker process."""

    def __init__(self, options: WorkerOptions, *, ready: Callable[[], None]) -> None:
        self._options = options
        self._ready = ready
        self._stopping = asyncio.Event()
        self._processes = Processes()
        self._budget = Budget()

    async def run(self) -> None:
        """Work until stopped. Raises ``InputError`` before anything is written, ``BusyError`` for a state that is in use."""
        options = self._options
        loop = asyncio.get_running_loop()
        async with Postgres.open(options.address) as database:
            cluster = await database.cluster()
            await database.refuse_other_clock()
            self._check_key(cluster)
            place = await place_at(cluster, options.key, options.place, line=options.line)
            with _own(options.state):
                for number in (signal.SIGTERM, signal.SIGINT):
                    loop.add_signal_handler(number, self._stopping.set)
                self._ready()
                logger.info("worker %s started", options.name)
                try:
                    await self._sessions(database, cluster, place)
                finally:
                    await self._processes.close()

    def _check_key(self, cluster: Row) -> None:
        if worker_key.public_half(self._options.key) != bytes(cluster["public_key"]):
            raise InputError(problems.KEY_OTHER(path=str(self._options.key)))

    async def _sessions(self, database: Postgres, cluster: Row, place: LanePlace) -> None:
        while not self._stopping.is_set():
            _clear(self._options.state)
            session = await database.lasting(
                lambda: WorkerSession.begin(database, self._options.name, core.__version__, self._options.mailboxes)
            )
            queue = await database.lasting(lambda: database.queue(lambda jobs: jobs.register_worker()))
            work = SessionWork(self._options, database, session, queue)
            try:
                await work.run(cluster, place, self._processes, self._budget, self._stopping)
            except FencedError as error:
                logger.warning("%s", error)
            finally:
                with suppress(AwayError):
                    await session.end()
                    await database.queue(partial(_unregister, queue))
            # The reason may be one that a new session does not mend: another protocol, a clock that stood still.
            self._check_key(await database.lasting(lambda: database.cluster(cluster["archive"])))
            await database.lasting(database.refuse_other_clock)


async def _unregister(queue: int, jobs: JobManager) -> None:
    await jobs.unregister_worker(queue)


class SessionWork:
    """The work of one session. ``queue``: the worker's number in Procrastinate's queue."""

    def __init__(self, options: WorkerOptions, database: Postgres, session: WorkerSession, queue: int) -> None:
        self._options = options
        self._database = database
        self._session = session
        self._queue = queue
        self._visits: dict[int, MailboxVisit] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._cancelled: set[int] = set()
        self._moved: dict[int, tuple[int, Phase, int]] = {}
        self._draining = False
        self._bell = Bell()
        self._runs = KnownRuns(lambda run: database.lasting(lambda: session.common(run)))

    async def run(self, cluster: Row, place: LanePlace, processes: Processes, budget: Budget, stopping: asyncio.Event) -> None:
        """Work until the worker is stopped. Raises ``FencedError``."""
        lane = await self._lane(cluster["archive"], stopping)
        if lane is None:
            return
        home = Home(self._options.state)
        async with (
            LaneWriter.open(home, lane, volume_bytes=NEVER_FULL) as writer,
            listening(self._database, self._bell, [WORKERS, JOBS], self._session.id),
        ):
            hand = LaneHand(writer, lane, processes)
            delivery = Delivery(self._database, self._session, place, hand, home)
            try:
                await together(
                    [self._beat(delivery), delivery.run(), self._take(hand, delivery, budget), _until_stopped(stopping)]
                )
            except _Stopped:
                await self._end(delivery)
            finally:
                for task in self._tasks.values():
                    task.cancel()
                if self._tasks:
                    await asyncio.wait(self._tasks.values())
                await hand.close()
                await self._runs.close()

    async def _lane(self, archive: str, stopping: asyncio.Event) -> LaneIdentity | None:
        """The lane of this session, once the home has opened it; None when the worker is stopped before."""
        while not stopping.is_set():
            await self._database.lasting(lambda: self._session.beat({}, (), 0))
            if (lane := await self._database.lasting(lambda: self._session.lane(archive))) is not None:
                return lane
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), BEAT_SECONDS)
        return None

    async def _beat(self, delivery: Delivery) -> None:
        """Give signs of life, with what the visits tell, and take what the home says."""
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            progress = {job: progress_as_json(visit.progress) for job, visit in self._visits.items()}
            moving = [job for job, visit in self._visits.items() if self._has_moved(job, visit)]
            waiting = delivery.waiting
            beat = await self._database.lasting(lambda: self._session.beat(progress, moving, waiting))  # noqa: B023
            await self._database.lasting(lambda: self._database.queue(lambda jobs: jobs.update_heartbeat(self._queue)))
            for job, visit in list(self._visits.items()):
                await self._tell(job, visit)
            delivery.anchored(beat.anchored)
            self._draining = beat.draining
            for job in beat.cancelled & self._visits.keys() - self._cancelled:
                # A visit that has ended is reported as it ended.
                if not self._visits[job].over:
                    self._cancelled.add(job)
                    self._tasks[job].cancel()

    def _has_moved(self, job: int, visit: MailboxVisit) -> bool:
        now = (visit.progress.received, visit.progress.phase, visit.progress.messages_done)
        before, self._moved[job] = self._moved.get(job), now
        return now != before or visit.delivering

    async def _tell(self, job: int, visit: MailboxVisit) -> None:
        if events := visit.telling.take():
            await self._database.lasting(lambda: self._session.tell(job, events))

    async def _take(self, hand: LaneHand, delivery: Delivery, budget: Budget) -> None:
        """Take jobs as long as there is room for them. Raises what a visit raises."""
        while True:
            rings = self._bell.rings
            for job in [job for job, task in self._tasks.items() if task.done()]:
                self._tasks.pop(job).result()
            claimed = None
            if self._at_work() < self._options.mailboxes and not self._draining:
                claimed = await self._claim()
            if claimed is not None:
                work = self._visit(*claimed, hand, delivery, budget)
                self._tasks[claimed[0].id] = spawn(work, name=f"mailbox {claimed[0].id}")
            else:
                await self._bell.wait(LOOK_SECONDS, rings)

    def _at_work(self) -> int:
        """The mailboxes that are visited: one whose mail only waits to be delivered keeps no other from being taken."""
        over = sum(visit.over for visit in self._visits.values())
        return len(self._tasks) - over

    async def _claim(self) -> tuple[Claimed, int] | None:
        """The next job, with its number in the queue."""
        try:
            found = await self._database.queue(lambda jobs: jobs.fetch_job(None, self._queue))
        except AwayError:
            return None
        if found is None or found.id is None:
            return None
        number = found.id
        claimed = await self._database.lasting(lambda: self._session.claim(int(str(found.task_kwargs["job"]))))
        if claimed is None:
            await self._finish(number)
            return None
        return claimed, number

    async def _finish(self, number: int) -> None:
        from procrastinate.jobs import Status

        async def finish() -> None:
            await self._database.queue(
                lambda jobs: jobs.finish_job_by_id_async(number, status=Status.SUCCEEDED, delete_job=True)
            )

        with suppress(GoneError):
            await self._database.lasting(finish)

    async def _visit(self, claimed: Claimed, number: int, hand: LaneHand, delivery: Delivery, budget: Budget) -> None:
        job, lasting = claimed.id, self._database.lasting

        async def secured() -> None:
            visit.delivering = True
            try:
                await delivery.secure()
            finally:
                visit.delivering = False

        asked = HomeAsked(self._database, self._session, job, secured, self._bell)
        values = MailboxValues.of(claimed, await self._runs.common(claimed.run))
        visit = self._visits[job] = MailboxVisit(claimed, values, hand, asked, self._runs)
        try:
            try:
                outcome = await visit.run(self._options.key, budget, self._options.name)
            except asyncio.CancelledError:
                if job not in self._cancelled:
                    raise
                visit.progress.result.status = RunStatus.CANCELLED
                outcome = Outcome(visit.progress.result, {})
            visit.over = visit.delivering = True
            self._bell.ring()
            await lasting(lambda: self._session.visited(job))
            await self._tell(job, visit)
            head = await delivery.deliver()
            await lasting(lambda: self._session.done(job, outcome.as_json(), head))
            await self._finish(number)
        finally:
            self._visits.pop(job, None)
            self._moved.pop(job, None)

    async def _end(self, delivery: Delivery) -> None:
        """Deliver what the visits have written that end with the worker."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        delivering = spawn(delivery.run(), name="deliver the last")
        try:
            await asyncio.wait_for(delivery.deliver(), LAST_SECONDS)
        except (TimeoutError, BusyError, FencedError) as error:
            logger.warning("what was written last is not delivered: %s", error or "no time left")
        finally:
            delivering.cancel()
            await asyncio.wait([delivering])


class _Stopped(Exception):
    """The worker is to end."""


async def _until_stopped(stopping: asyncio.Event) -> None:
    """Wait until the worker is to end, even while PostgreSQL does not answer. Raises ``_Stopped``."""
    await stopping.wait()
    raise _Stopped


def _clear(state: Path) -> None:
    """Remove the lanes of earlier sessions: what of them was delivered is with the home, and nothing else is wanted."""
    shutil.rmtree(Home(state).volumes, ignore_errors=True)


@contextmanager
def _own(state: Path) -> Iterator[None]:
    """Context of a state folder that no other worker uses. Raises ``BusyError``, ``InputError``."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with files.lock(state) as held:
            if not held:
                raise BusyError(problems.STATE_IN_USE(path=str(state)))
            yield
    except OSError as error:
        raise InputError(problems.PLACE(path=str(state), said=str(error.strerror))) from error
