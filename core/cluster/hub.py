"""The home's end of the cluster while runs use it: gives out jobs, takes what comes back, and gives up what is lost.

One loop does all of it, in an order that holds: sessions are closed first, then what they had delivered is taken, and only then
do their jobs count as lost.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from core.archive.archive import Archive
from core.archive.registry import lanes
from core.cluster import cluster_file, known, protocol
from core.cluster.collecting import Collecting, kept_json
from core.cluster.postgres import AwayError, Postgres, Row
from core.cluster.queueing import JobQueue
from core.cluster.setting_up import place_at
from core.engine.visit.progress import MailboxProgress
from core.engine.visit.story import Listener
from core.errors import BusyError, DamagedError
from core.model import EventKind, Tally, Told
from core.problems import cluster as problems
from core.problems import table
from core.problems.code import Reason
from core.problems.warning import WORKER_LOST
from core.system.tasks import spawn
from core.values import dataclass

if TYPE_CHECKING:
    pass

#: Seconds between two looks.
LOOK_SECONDS = 0.1

#: Forgets runs of which no job is live and no volume is on its way: what volumes may be about stands in the jobs.
_FORGET = (
    "DELETE FROM run WHERE NOT EXISTS (SELECT 1 FROM job j WHERE j.run = run.id AND (j.state IN ('todo', 'doing', 'visited') "
    "OR EXISTS (SELECT 1 FROM volume v WHERE v.session = j.session AND NOT v.taken)))"
)

logger = logging.getLogger("archivar.cluster")


@dataclass(frozen=True, slots=True)
class RunHead:
    """The common part of a run's jobs: its number in PostgreSQL, the run's number, and the listener of its events."""

    id: int
    number: int
    listener: Listener


class Following:
    """A job that was given out, as the home follows it."""

    def __init__(self, job: int, run: RunHead, source: str, progress: MailboxProgress) -> None:
        self.job = job
        self.run = run
        self.source = source
        self.progress = progress
        self.taken = asyncio.Event()
        #: Its server is free for another mailbox.
        self.visited = asyncio.Event()
        #: It has a result that is part of the archive, or was lost.
        self.ended = asyncio.Event()
        self.outcome: Mapping[str, Any] | None = None
        self.told = 0


class Hub:
    """The hub of an archive. ``used`` keeps it running."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._users = 0
        self._turn = asyncio.Lock()
        self._stack: AsyncExitStack | None = None
        self._loop: asyncio.Task[None] | None = None
        self._following: dict[int, Following] = {}
        self._lost: list[Reason] = []
        self._since = time.monotonic()
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
            self._cluster = await self._database.cluster(self._archive.archive_id)
            place = await place_at(self._cluster, self._archive.home.path / cluster_file.KEY_NAME)
            self.public_key = file.public_key
            self._queue = JobQueue(self._database)
            self._collecting = Collecting(self._archive, self._database, place)
            self._error = None
            # The result of what an earlier process of this home gave out is not waited for any more.
            await self._database.change("UPDATE job SET cancelled = true WHERE state IN ('todo', 'doing', 'visited')")
            await self._database.change(_FORGET)
            await self._database.change("DELETE FROM session WHERE state = 'closed' AND beat < now() - interval '7 days'")
            self._stack = stack.pop_all()
        self._since = time.monotonic()
        self._loop = spawn(self._run(), name="cluster")

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
        # If something of it is still on its way, the next hub forgets it.
        with suppress(AwayError):
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

    async def cancel(self, following: Following) -> None:
        """Ask for the end of a job."""
        await self._database.change("UPDATE job SET cancelled = true WHERE id = %s", following.job)

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
        away = 0.0
        while True:
            try:
                await self._look()
                away = 0.0
            except AwayError as error:
                # No worker is given up for a silence that PostgreSQL itself was the reason of.
                self._since = time.monotonic()
                if not away:
                    logger.warning("%s", error)
                away = away or time.monotonic()
            except BusyError as error:
                logger.warning("%s", error)
            except Exception as error:
                # The archive cannot be written: all runs end with it.
                logger.exception("the cluster's loop ended")
                self._error = error
                for following in self._following.values():
                    following.visited.set()
                    following.ended.set()
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        await self._give_up()
        await self._queue.look(self._cluster["lease_seconds"])
        await self._open_lanes()
        for one in await self._collecting.collect():
            logger.warning("session %d is left out from here on: %s", one.session, one.why)
        await self._answer()
        await self._settle_lost()
        await self._follow()

    async def _give_up(self) -> None:
        """Close sessions that gave no sign of life, or have a job past its deadline."""
        if time.monotonic() - self._since < self._cluster["lease_seconds"]:
            return
        lease = self._cluster["lease_seconds"]
        await self._database.change(
            "UPDATE session SET state = 'closed', why = %s::jsonb WHERE state <> 'closed' "
            "AND beat < now() - %s * interval '1 second'",
            *(kept_json(problems.SILENT(seconds=int(lease))), lease),
        )
        await self._database.change(
            "UPDATE session SET state = 'closed', why = %s::jsonb WHERE state = 'open' AND EXISTS "
            "(SELECT 1 FROM job WHERE job.session = session.id AND job.state IN ('doing', 'visited') AND deadline < now())",
            kept_json(problems.STUCK()),
        )

    async def _open_lanes(self) -> None:
        """Open a lane for each worker that waits for one."""
        for row in await self._database.rows("SELECT id, name, protocol FROM session WHERE state = 'waiting' ORDER BY id"):
            lane = await lanes.open_lane(self._archive, row["name"], actor="service")
            await self._database.change(
                "UPDATE session SET state = 'open', lane = %s, lane_id = %s WHERE id = %s AND state = 'waiting'",
                *(lane.number, lane.id, row["id"]),
            )

    async def _answer(self) -> None:
        for row in await self._database.rows("SELECT id, kind, asked FROM question WHERE answer IS NULL ORDER BY id LIMIT 50"):
            asked = protocol.unpacked(row["asked"])
            if row["kind"] == "prove":
                answer: Any = await self._proved([bytes.fromhex(one) for one in asked])
            elif row["kind"] == "neighbours":
                answer = await known.neighbours(self._archive, *asked)
            else:
                answer = []
            await self._database.change("UPDATE question SET answer = %s WHERE id = %s", protocol.packed(answer), row["id"])

    async def _proved(self, messages: list[bytes]) -> list[str]:
        """Those of ``messages`` that were just read back from this home's disk, whole."""
        found = []
        async for sha256, got in self._archive.read_back(messages):
            if not isinstance(got, DamagedError):
                found.append(sha256.hex())
        return found

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

    async def _follow(self) -> None:
        """Take progress, events and results of the jobs that are followed."""
        if not (live := {job for job, one in self._following.items() if not one.ended.is_set()}):
            return
        for row in await self._database.rows(
            "SELECT id, event, job FROM told WHERE job = ANY(%s) ORDER BY id LIMIT 1000", list(live)
        ):
            self._tell(row)
        rows = await self._database.rows(
            "SELECT j.id, j.state, j.progress, j.head, s.anchored, CASE WHEN j.state = 'done' AND j.head <= s.anchored "
            "THEN j.result END AS result, EXISTS (SELECT 1 FROM told WHERE told.job = j.id) AS telling "
            "FROM job j LEFT JOIN session s ON s.id = j.session WHERE j.id = ANY(%s)",
            list(live),
        )
        for row in rows:
            self._take(self._following[row["id"]], row)
        if taken := [row["id"] for row in rows if row["telling"]]:
            await self._database.change(
                "DELETE FROM told USING unnest(%s::bigint[], %s::bigint[]) t (job, last) "
                "WHERE told.job = t.job AND told.id <= t.last",
                *(taken, [self._following[job].told for job in taken]),
            )

    def _tell(self, row: Row) -> None:
        following = self._following[row["job"]]
        if row["id"] <= following.told:
            return
        following.told = row["id"]
        _, kind, mailbox, value = row["event"]
        told = Told.kept(json.dumps(value))
        if kind == EventKind.WARNING:
            following.run.listener.warn(mailbox, told.reason)
        else:
            following.run.listener.tell(EventKind(kind), mailbox, told)

    def _take(self, following: Following, row: Row) -> None:
        from core.cluster.visiting import take_progress

        if row["state"] != "todo":
            following.taken.set()
        if row["progress"] is not None and row["result"] is None:
            take_progress(following.progress, row["progress"])
        if row["state"] in ("visited", "done"):
            following.visited.set()
        if row["result"] is not None and not row["telling"]:
            following.outcome = protocol.unpacked(row["result"])
            following.ended.set()
