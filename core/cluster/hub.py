"""The home's end of the cluster while runs use it: gives out jobs, takes what comes back, and gives up what is lost.

One loop does all of it, in an order that holds: sessions are closed first, then what they had delivered is taken, and only then
do their jobs count as lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from core.archive.archive import Archive
from core.archive.registry import lanes
from core.cluster import answering, closing, cluster_file, following, known, protocol
from core.cluster.collecting import Collecting
from core.cluster.following import Following, RunHead
from core.cluster.hindrance import Hindrance
from core.cluster.holding import Holding
from core.cluster.postgres import AwayError, Postgres
from core.cluster.queueing import JobQueue
from core.cluster.setting_up import place_at
from core.cluster.waking import HOME, Bell, listening
from core.engine.visit.progress import MailboxProgress
from core.engine.visit.story import Listener
from core.errors import BusyError
from core.model import Tally
from core.problems import cluster as problems
from core.problems import table
from core.problems.warning import WORKER_LOST
from core.system.tasks import spawn

#: Seconds between two looks.
LOOK_SECONDS = 0.1
#: Seconds for PostgreSQL to forget a run that has ended.
END_SECONDS = 0.5
#: Seconds for more to come together with what has rung the bell.
TOGETHER_SECONDS = 0.01

#: Forgets runs of which no job is live and no volume is on its way: what volumes may be about stands in the jobs.
_FORGET = (
    "DELETE FROM run WHERE NOT EXISTS (SELECT 1 FROM job j WHERE j.run = run.id AND (j.state IN ('todo', 'doing', 'visited') "
    "OR EXISTS (SELECT 1 FROM volume v WHERE v.session = j.session AND NOT v.taken)))"
)

logger = logging.getLogger("archivar.cluster")


class Hub:
    """The hub of an archive. ``used`` keeps it running."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._users = 0
        self._turn = asyncio.Lock()
        self._stack: AsyncExitStack | None = None
        self._loop: asyncio.Task[None] | None = None
        self._following: dict[int, Following] = {}
        self._cancelling: set[int] = set()
        self._since = time.monotonic()
        self._away, self._untaken = Hindrance(), Hindrance()
        self._error: BaseException | None = None

    @asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        """Context in which jobs can be given out. Raises ``InputError`` where there is no usable cluster."""
        async with self._turn:
            if self._users == 0:
                await self._start()
            self._users += 1
        try:
            yield
        finally:
            async with self._turn:
                self._users -= 1
                if self._users == 0:
                    await self._stop()

    async def _start(self) -> None:
        file = cluster_file.read(self._archive.home)
        async with AsyncExitStack() as stack:
            self._database = await stack.enter_async_context(Postgres.open(file.address))
            self._holding = Holding(self._archive, self._database)
            self._cluster = await self._holding.take()
            key = self._archive.home.worker_key
            place = await place_at(self._cluster, key, first=self._holding.upgraded)
            self.public_key = file.public_key
            self._queue = JobQueue(self._database)
            self._collecting = Collecting(self._archive, self._database, place, self._holding)
            self._error = None
            # The result of what an earlier process of this home gave out is not waited for any more.
            await self._database.change("UPDATE job SET cancelled = true WHERE state IN ('todo', 'doing', 'visited')")
            await self._database.change(_FORGET)
            await self._database.change("DELETE FROM session WHERE state = 'closed' AND beat < now() - interval '7 days'")
            await place.clear(self._archive.archive_id, await self._lanes_in_use())
            self._bell = Bell()
            await stack.enter_async_context(listening(self._database, self._bell, [HOME]))
            self._stack = stack.pop_all()
        self._since = self._looked = time.monotonic()
        self._loop = spawn(self._run(), name="cluster")

    async def _lanes_in_use(self) -> set[int]:
        rows = await self._database.rows(
            "SELECT lane FROM session s WHERE lane IS NOT NULL AND (state <> 'closed' OR EXISTS "
            "(SELECT 1 FROM volume v WHERE v.session = s.id AND NOT v.taken))"
        )
        return {row["lane"] for row in rows}

    async def _stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
            self._loop = None
        if self._stack is not None:
            await self._stack.aclose()
            self._stack = None

    # For runs ------------------------------------------------------------------------------------------------------------

    async def begin(self, number: int, common: Mapping[str, Any], secret: bytes, listener: Listener) -> RunHead:
        """Put what all jobs of a run have in common into PostgreSQL."""
        row = await self._database.lasting(
            lambda: self._database.one(
                "INSERT INTO run (number, values, secret) VALUES (%s, %s, %s) RETURNING id",
                *(number, protocol.packed(common), secret),
            )
        )
        assert row is not None
        return RunHead(row["id"], number, listener)

    async def end(self, run: RunHead) -> None:
        """Forget a run and its jobs."""
        self._collecting.counted.pop(run.number, None)
        # If something of it is still on its way, or PostgreSQL does not answer, the next hub forgets it.
        with suppress(AwayError, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._database.change(f"{_FORGET} AND run.id = %s", run.id)

    async def settle(self, source: str) -> None:
        """Wait until no earlier job of the mailbox is live any more, so that what is known of it is all there is."""
        while True:
            self.check()
            live = await self._database.lasting(
                lambda: self._database.one(
                    "SELECT 1 FROM job LEFT JOIN session s ON s.id = job.session WHERE job.mailbox = %s AND "
                    "(job.state IN ('todo', 'doing', 'visited') OR EXISTS "
                    "(SELECT 1 FROM volume v WHERE v.session = job.session AND NOT v.taken))",
                    source,
                )
            )
            if live is None:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def give(self, run: RunHead, value: Mapping[str, Any], progress: MailboxProgress) -> Following:
        """Give out a job for the mailbox of ``progress``."""
        packed = await asyncio.to_thread(protocol.packed, value)
        # Tried again after a lost answer, it is the same job.
        values = (run.id, progress.source, uuid.uuid4(), packed)
        insert = (
            "INSERT INTO job (run, mailbox, token, values) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (token) DO UPDATE SET token = excluded.token RETURNING id"
        )
        row = await self._database.lasting(lambda: self._database.one(insert, *values))
        assert row is not None
        job = row["id"]
        following = self._following[job] = Following(job, run, progress.source, progress)
        await self._database.lasting(lambda: self._queue.put(job, progress.source))
        return following

    def cancel(self, following: Following) -> None:
        """Ask for the end of a job, as soon as PostgreSQL answers."""
        self._cancelling.add(following.job)

    def forget(self, following: Following) -> None:
        """Follow a job no more."""
        self._following.pop(following.job, None)

    def counted(self, run: int, source: str) -> Tally:
        """The work of a run in a mailbox since this hub began, by the entries of lanes."""
        return self._collecting.counted.get(run, {}).get(source, Tally())

    def check(self) -> None:
        """Raise the error that has ended this hub, if any."""
        if self._error is not None:
            raise self._error

    # The loop ------------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            rings = self._bell.rings
            try:
                await self._look()
                self._away.is_over()
            except AwayError as error:
                # No worker is given up for a silence that PostgreSQL itself was the reason of.
                self._since = time.monotonic()
                self._away.happens(error.reason, self._listeners())
            except BusyError as error:
                self._untaken.happens(error.reason, self._listeners())
            except Exception as error:
                # The archive cannot be written: all runs end with it.
                logger.exception("the cluster's loop ended")
                self._error = error
                for following in self._following.values():
                    following.visited.set()
                    following.ended.set()
                return
            await asyncio.sleep(TOGETHER_SECONDS)
            await self._bell.wait(LOOK_SECONDS, rings)

    async def _look(self) -> None:
        """Take what workers report; what becomes due by time alone only as often as without a bell."""
        due = time.monotonic() - self._looked >= LOOK_SECONDS
        await self._holding.check()
        await self._cancel()
        if due:
            self._looked = time.monotonic()
            await self._give_up()
            await self._queue.look(self._cluster["lease_seconds"])
            await self._open_lanes()
        for one in await self._collecting.collect():
            logger.warning("session %d is left out from here on: %s", one.session, one.why)
        if (why := self._collecting.waits_for) is not None:
            self._untaken.happens(why, self._listeners())
        else:
            self._untaken.is_over()
        await answering.answer(self._archive, self._database)
        if due:
            await self._settle_lost()
        await following.follow(self._database, self._following)

    def _listeners(self) -> list[Listener]:
        return list({id(one.run): one.run.listener for one in self._following.values()}.values())

    async def _cancel(self) -> None:
        if asked := list(self._cancelling):
            await self._database.change("UPDATE job SET cancelled = true WHERE id = ANY(%s)", asked)
            self._cancelling.difference_update(asked)

    async def _give_up(self) -> None:
        """Close sessions that gave no sign of life, or have a job past its deadline."""
        if time.monotonic() - self._since < self._cluster["lease_seconds"]:
            return
        lease = self._cluster["lease_seconds"]
        await closing.close_silent(self._database, lease, problems.SILENT(seconds=int(lease)), problems.STUCK())

    async def _open_lanes(self) -> None:
        """Open a lane for each worker that waits for one, and speaks this protocol."""
        for row in await self._database.rows("SELECT id, name, protocol FROM session WHERE state = 'waiting' ORDER BY id"):
            if row["protocol"] != protocol.PROTOCOL:
                why = problems.OTHER_VERSION(theirs=row["protocol"], ours=protocol.PROTOCOL)
                await closing.close(self._database, row["id"], why)
                continue
            await self._holding.check()
            lane = await lanes.open_lane(self._archive, row["name"], after=await self._holding.last_lane(), actor="service")
            await self._holding.gives(lane.number)
            await self._holding.note()
            await self._database.change(
                "UPDATE session SET state = 'open', lane = %s, lane_id = %s WHERE id = %s AND state = 'waiting'",
                *(lane.number, lane.id, row["id"]),
            )

    async def _settle_lost(self) -> None:
        """Count jobs as lost whose session is closed, once all that it delivered is taken."""
        rows = await self._database.rows(
            "SELECT j.id, j.queued, j.mailbox, s.why, s.name FROM job j "
            "LEFT JOIN session s ON s.id = j.session WHERE (j.state IN ('doing', 'visited') AND (s.id IS NULL OR "
            "(s.state = 'closed' AND NOT EXISTS (SELECT 1 FROM volume v WHERE v.session = s.id AND NOT v.taken)))) "
            "OR (j.state = 'done' AND s.state = 'closed' AND j.head > s.anchored "
            "AND NOT EXISTS (SELECT 1 FROM volume v WHERE v.session = s.id AND NOT v.taken)) "
            "OR (j.state = 'todo' AND j.cancelled) ORDER BY j.id"
        )
        for row in rows:
            if row["queued"] is not None:
                await self._queue.take_out(row["queued"])
            await known.forget_states(self._archive, row["mailbox"])
            # Last, so that what a lost connection interrupts is done again.
            lost = "UPDATE job SET state = 'lost' WHERE id = %s AND (state <> 'todo' OR cancelled)"
            await self._database.change(lost, row["id"])
            following = self._following.get(row["id"])
            if following is None:
                continue
            if row["name"] is not None:
                why = table.kept(row["why"]) if row["why"] else problems.ENDED()
                following.run.listener.warn("", WORKER_LOST(worker=row["name"], why=why))
            following.visited.set()
            following.ended.set()
