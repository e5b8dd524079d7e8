"""The queue of jobs, which Procrastinate keeps: each is fetched by one worker, and one of a mailbox at a time."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from core.cluster.postgres import TASK, GoneError, Postgres
from core.cluster.protocol import PROTOCOL

if TYPE_CHECKING:
    from procrastinate.manager import JobManager

#: Seconds between two looks for jobs that are in the queue no more, or were fetched and never claimed.
LOOK_SECONDS = 1.0
#: A time that has come by every clock.
AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)


class JobQueue:
    """The home's end of the queue. All methods raise ``AwayError``, and may be called again then."""

    def __init__(self, database: Postgres) -> None:
        self._database = database
        self._looked = 0.0

    async def put(self, job: int, mailbox: str) -> None:
        """Queue a job, once."""
        from procrastinate.exceptions import AlreadyEnqueued
        from procrastinate.jobs import Job

        queued = Job(
            id=None,
            queue="mailboxes",
            lock=mailbox,
            queueing_lock=f"{job}",
            task_name=TASK,
            task_kwargs={"job": job, "protocol": PROTOCOL},
        )
        with suppress(AlreadyEnqueued):
            await self._database.queue(lambda jobs: jobs.defer_job_async(queued))
        await self._database.change(
            "UPDATE job SET queued = (SELECT max(id) FROM procrastinate_jobs WHERE queueing_lock = %s) WHERE id = %s",
            *(f"{job}", job),
        )

    async def take_out(self, number: int) -> None:
        """Take a job out of the queue, by its number there."""
        from procrastinate.jobs import Status

        with suppress(GoneError):
            await self._database.queue(lambda jobs: jobs.finish_job_by_id_async(number, status=Status.FAILED, delete_job=True))

    async def look(self, lease: float) -> None:
        """Queue jobs again that a worker has fetched and, since it died in between, never claimed."""
        moment = time.monotonic()
        if moment - self._looked < LOOK_SECONDS:
            return
        self._looked = moment
        stalled = await self._database.queue(lambda jobs: jobs.get_stalled_jobs(seconds_since_heartbeat=lease))
        for one in stalled:
            number, job = one.id, int(str(one.task_kwargs["job"]))
            if number is None:
                continue
            if await self._database.one("SELECT 1 FROM job WHERE id = %s AND state = 'todo'", job) is None:
                await self.take_out(number)
            else:
                with suppress(GoneError):
                    await self._database.queue(partial(_retry, number))
        missing = await self._database.rows(
            "SELECT id, mailbox FROM job WHERE state = 'todo' AND NOT cancelled AND queued IS NOT NULL "
            "AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs p WHERE p.id = job.queued)"
        )
        for row in missing:
            await self.put(row["id"], row["mailbox"])


async def _retry(number: int, jobs: JobManager) -> None:
    # A time by the clock of this machine may be hours ahead of PostgreSQL's.
    await jobs.retry_job_by_id_async(number, retry_at=AT_ONCE)
