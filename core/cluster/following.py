"""Jobs that were given out, as the home follows them: their progress, events and results are taken from PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from core.cluster import closing, protocol
from core.cluster.postgres import Postgres, Row
from core.engine.visit.progress import MailboxProgress
from core.engine.visit.story import Listener
from core.model import EventKind, Told
from core.problems import cluster as problems
from core.values import dataclass

#: What reading a value raises that no worker of this protocol writes.
NONSENSE = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError)


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


async def follow(database: Postgres, jobs: Mapping[int, Following]) -> None:
    """Take progress, events and results of ``jobs``. A worker that says nonsense of one is given up."""
    if not (live := [job for job, one in jobs.items() if not one.ended.is_set()]):
        return
    nonsense: dict[int, str] = {}
    for row in await database.rows("SELECT id, event, job FROM told WHERE job = ANY(%s) ORDER BY id LIMIT 1000", live):
        try:
            _tell(jobs[row["job"]], row)
        except NONSENSE as error:
            nonsense[row["job"]] = repr(error)
    rows = await database.rows(
        "SELECT j.id, j.state, j.progress, j.head, s.anchored, CASE WHEN j.state = 'done' AND j.head <= s.anchored "
        "THEN j.result END AS result, EXISTS (SELECT 1 FROM told WHERE told.job = j.id) AS telling "
        "FROM job j LEFT JOIN session s ON s.id = j.session WHERE j.id = ANY(%s)",
        live,
    )
    for row in rows:
        try:
            if row["id"] not in nonsense:
                _take(jobs[row["id"]], row)
        except NONSENSE as error:
            nonsense[row["id"]] = repr(error)
    for job, said in nonsense.items():
        await closing.close_for_nonsense(database, job, problems.NONSENSE(said=said[:200]))
    if taken := [row["id"] for row in rows if row["telling"] and row["id"] not in nonsense]:
        await database.change(
            "DELETE FROM told USING unnest(%s::bigint[], %s::bigint[]) t (job, last) "
            "WHERE told.job = t.job AND told.id <= t.last",
            *(taken, [jobs[job].told for job in taken]),
        )


def _tell(following: Following, row: Row) -> None:
    if row["id"] <= following.told:
        return
    _, kind, mailbox, value = row["event"]
    told = Told.kept(json.dumps(value))
    if kind == EventKind.WARNING:
        following.run.listener.warn(str(mailbox), told.reason)
    else:
        following.run.listener.tell(EventKind(kind), str(mailbox), told)
    following.told = row["id"]


def _take(following: Following, row: Row) -> None:
    from core.cluster.visiting import take_progress

    if row["state"] != "todo":
        following.taken.set()
    if row["progress"] is not None and row["result"] is None:
        take_progress(following.progress, row["progress"])
    if row["state"] in ("visited", "done"):
        following.visited.set()
    if row["result"] is not None and not row["telling"]:
        following.outcome = protocol.outcome(row["result"])
        following.ended.set()
