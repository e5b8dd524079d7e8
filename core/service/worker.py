"""The service process: takes runs from the queue, does them, and records their results."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from core.archive import opening
from core.archive.archive import Archive
from core.archive.catalog import settings, totals
from core.archive.registry import clock
from core.config import Home
from core.engine.run.run import result
from core.engine.visit.limits import Limits
from core.errors import ArchivarError, BusyError, StorageError
from core.model import EventKind, Run, RunStatus, Told, now
from core.problems import event
from core.problems.code import Reason
from core.problems.command_line import sentence
from core.problems.disk import UNWRITTEN
from core.problems.run import SERVICE_DIED
from core.service.identity import HomeIdentity
from core.service.lock import ServiceLock
from core.service.notify import Notifier
from core.service.queue import Queue
from core.service.run_work import RunWork, reason_of
from core.service.scheduler import Scheduler
from core.service.workers import Workers
from core.system import collection, log
from core.system.changes import FileChanges
from core.system.tasks import spawn

if TYPE_CHECKING:
    from core.service.beside import Beside

#: Seconds within which a queued run is seen, where nothing tells of changes; where something does, a run is seen at once.
QUEUE_SECONDS = 0.1
#: Changes in a row after which the service looks at once, without anything to do; then it looks as where nothing tells of them.
VAIN_CHANGES = 5
#: Seconds from a write to a look, since it is told before its commit is visible.
COMMIT_SECONDS = 0.002
#: Seconds within which a changed schedule is seen, and a start may be late.
SCHEDULE_SECONDS = 1.0
#: Seconds from the start in which the runs that were queued come before anything else.
RUNS_FIRST_SECONDS = 1.0
HEARTBEAT_SECONDS, BEAT_SECONDS = 10.0, 1.0
#: Seconds without work after which a service started for a run ends, unless a schedule needs it.
IDLE_SECONDS = 5.0
#: Times a run's service may die without progress before the run has failed.
TRIES = 5
#: Tries, and seconds between them, for a queue that is unusable (locked, disk full).
FAILURES, FAILURE_SECONDS = 30, 1.0

logger = logging.getLogger("archivar.service")


async def serve(home: Home, *, until_idle: bool) -> None:
    """Run the service of ``home`` until it is stopped, or idle.

    Raises ``BusyError`` when there is one, and ``HomeError`` when another home takes the place of this one.
    """
    lock = ServiceLock(home)
    lock.acquire()
    try:
        archive = await Archive.open(home, actor="service")
        with suppress(ArchivarError):
            # The first write does it otherwise, or says why it cannot be done.
            await archive.volumes.upgrade()
        identity = HomeIdentity.of(home)
        try:
            while await Service(archive, until_idle=until_idle, lock=lock, identity=identity).run():
                # Clients that queued a run or saved a schedule while the lock was held rely on this service; later ones start
                # another.
                lock.release()
                needed = await _needed(archive)
                identity.check()
                if not needed or not _taken(lock):
                    return
        finally:
            await archive.close()
    finally:
        lock.release()


async def _needed(archive: Archive) -> bool:
    scheduler = Scheduler(archive)
    await scheduler.refresh()
    # Loaded by now, unless the service ends at once.
    from core.service import verifications

    asked = await verifications.request(archive)
    verifying = asked is not None and not asked.automatic
    return scheduler.wanted or verifying or bool(await Queue(archive.database).active())


def _taken(lock: ServiceLock) -> bool:
    try:
        lock.acquire()
    except BusyError:
        return False
    return True


def main(home: Home, *, until_idle: bool = True) -> None:
    """The process: sets up the log, and serves. Raises ``HomeError`` for a backup before anything is touched."""
    opening.refuse_unwritable(home)
    try:
        log.to_file(home.log)
    except OSError as error:
        raise StorageError(UNWRITTEN(path=str(home.log), said=str(error.strerror))) from error
    logger.info("service started, process %d", os.getpid())
    collection.settle()
    try:
        asyncio.run(serve(home, until_idle=until_idle))
    except ArchivarError as error:
        logger.error("service ended: %s", error)
        raise
    except Exception:
        logger.exception("service ended by an error of the program")
        raise
    logger.info("service ended")


class Service:
    """The loop of the service."""

    def __init__(
        self, archive: Archive, *, until_idle: bool, lock: ServiceLock | None = None, identity: HomeIdentity | None = None
    ) -> None:
        self._archive = archive
        self._lock = lock
        self._identity = identity
        self._queue = Queue(archive.database)
        self._until_idle = until_idle
        self._stopping, self._changed = asyncio.Event(), asyncio.Event()
        self._vain = 0
        self._tasks: dict[int, asyncio.Task[None]] = {}
        #: Runs that ended by an unexpected error, with the reason.
        self._lost: dict[int, Reason] = {}
        self._begun: set[int] = set()
        self._limits = Limits()
        self._workers = Workers(archive)
        self._settings = settings.Settings()
        self._version = -1
        self._failures = 0
        self._scheduler = Scheduler(archive)
        self._beside: Beside | None = None
        self._notifier = Notifier()
        self._scheduled = self._beaten = self._begun_at = float("-inf")

    async def run(self) -> bool:
        """Serve until stopped or idle (True); runs still active then are marked as interrupted.

        Raises ``HomeError`` as soon as another home is in the place of the one it opened: nothing is written there.
        """
        loop = asyncio.get_running_loop()
        changes = FileChanges.of(f"{self._archive.home.catalog}-wal")
        if changes is not None:
            loop.add_reader(changes.descriptor, self._note_change, changes)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        # A closed terminal does not end the service.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        await self._queue.announce(os.getpid())
        self._notifier.ready()
        idle_since = self._begun_at = loop.time()
        beating = spawn(self._give_signs_of_life(), name="signs of life")
        try:
            while not self._stopping.is_set():
                # Before the look: a change during it is none that it has seen.
                self._changed.clear()
                # Only here, so that a hanging loop is noticed.
                self._notifier.alive(loop.time())
                if self._identity is not None:
                    self._identity.check()
                busy = await self._look()
                if busy is None:
                    return False
                if busy:
                    idle_since = loop.time()
                elif self._until_idle and loop.time() - idle_since > IDLE_SECONDS:
                    return True
                await self._await_change(QUEUE_SECONDS)
            return False
        finally:
            if changes is not None:
                loop.remove_reader(changes.descriptor)
                changes.close()
            self._notifier.stopping()
            await self._end()
            beating.cancel()

    async def _give_signs_of_life(self) -> None:
        """Give signs of life to clients; waiting for the disk gives none."""
        while self._lock is not None:
            self._lock.beat()
            await asyncio.sleep(BEAT_SECONDS)

    async def _look(self) -> bool | None:
        """Look at the queue once; True when there is work, None when the service must stop."""
        try:
            await self._take_settings()
            await self._start_waiting()
            if await self._queue.stop_requested():
                return None
            await self._see_to_schedules()
            await self._beat()
        except (BusyError, StorageError) as error:
            self._failures += 1
            if self._until_idle and self._failures >= FAILURES and not self._scheduler.wanted:
                # A service started for a run leaves it to the next.
                raise
            logger.error("the queue cannot be used, trying again: %s", error)
            await self._pause(FAILURE_SECONDS)
            return True
        self._failures = 0
        busy, lasting = bool(self._tasks), not self._until_idle or self._scheduler.wanted
        beside = await self._look_beside(busy=busy, lasting=lasting)
        return busy or self._scheduler.wanted or beside

    async def _look_beside(self, *, busy: bool, lasting: bool) -> bool:
        if self._beside is None:
            if busy and asyncio.get_running_loop().time() - self._begun_at < RUNS_FIRST_SECONDS:
                return True
            # Loaded only now, as what was queued is waited for.
            from core.service.beside import Beside

            self._beside = Beside(self._archive)
        return await self._beside.look(busy=busy, lasting=lasting)

    async def _see_to_schedules(self) -> None:
        time = asyncio.get_running_loop().time()
        if time - self._scheduled >= SCHEDULE_SECONDS:
            await self._scheduler.look()
            self._scheduled = time

    async def _beat(self) -> None:
        time = asyncio.get_running_loop().time()
        if time - self._beaten >= HEARTBEAT_SECONDS and not (self._tasks and time - self._begun_at < RUNS_FIRST_SECONDS):
            self._beaten = time
            await self._queue.beat()
            await clock.watch(self._archive)
            await totals.keep(self._archive.database)

    async def _take_settings(self) -> None:
        """Apply the present settings; other processes change them, so the file's version tells when to read."""
        version = await self._queue.version()
        if version != self._version:
            self._settings = await settings.read(self._archive.database)
            self._limits.allow(self._settings.connections)
            self._version = version

    def _stop(self) -> None:
        self._stopping.set()
        self._changed.set()

    def _note_change(self, changes: FileChanges) -> None:
        changes.forget()
        if not self._tasks:
            # The changes during a run are those of the run.
            self._changed.set()

    async def _await_change(self, seconds: float) -> None:
        """Pause; while no run is active no longer than up to a change of the catalog, such as a queued run."""
        if self._vain >= VAIN_CHANGES:
            # Another process writes all the time, and nothing for this one.
            self._vain = 0
            await self._pause(seconds)
            return
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            self._vain = 0
            return
        self._vain += 1
        await self._pause(COMMIT_SECONDS)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _start_waiting(self) -> None:
        for number in [number for number, task in self._tasks.items() if task.done()]:
            # A program error in one run must not end the others; it is logged.
            task = self._tasks.pop(number)
            if task.cancelled() or (error := task.exception()) is None:
                continue
            if isinstance(error, BusyError | StorageError):
                # The queue could not be written: that passes, and the run is resumed.
                raise error
            logger.error("run %d ended by an error of the program", number, exc_info=error)
            self._lost[number] = reason_of(error)
        await self._end_lost()
        for run in await self._queue.active():
            if run.id in self._tasks:
                continue
            # A run to be cancelled takes no slot: it ends at once.
            if len(self._tasks) < self._settings.runs or run.cancel_requested:
                self._tasks[run.id] = spawn(self._work(run), name=f"run {run.id}")

    async def _end_lost(self) -> None:
        """End the runs that failed to record their own end. Raises ``BusyError``, ``StorageError``."""
        for number, reason in list(self._lost.items()):
            run = await self._queue.run(number)
            if not run.status.final:
                ended = now()
                value = result(run, RunStatus.FAILED, (run.started or run.requested, ended), [], [], reason)
                story = [(ended, EventKind.FINISHED, "", Told(event.FINISHED(status=RunStatus.FAILED.value)))]
                await self._queue.finish(number, RunStatus.FAILED, value, sentence(reason), events=story)
            del self._lost[number]

    async def _work(self, run: Run) -> None:
        """Do a run; one that was begun by a dead service is resumed."""
        work = RunWork(self._archive, self._queue, run, self._limits, self._workers)
        ours = run.id in self._begun
        self._begun.add(run.id)
        if run.status is not RunStatus.QUEUED:
            # A run that could not be ended here for lack of space has not lost its service.
            taken = replace(run, status=RunStatus.INTERRUPTED) if ours else run
            if not await self._queue.take_up(taken, (await self._archive.applied()).seq, tries=TRIES):
                await work.fail(SERVICE_DIED(tries=TRIES, log=str(self._archive.home.log)))
                return
            logger.info("run %d (%s) was interrupted and is carried on", run.id, run.profile)
            await self._queue.report(run.id, None, [(now(), EventKind.RESUMED, "", Told(event.RESUMED()))])
        await work.do()

    async def _end(self) -> None:
        if self._beside is not None:
            self._beside.close()
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
