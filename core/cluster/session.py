"""The time of one worker in PostgreSQL: from its beginning until it ends or is given up.

Each statement here counts only while the session is open, which the statement itself makes sure of.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.archive.store.lane_writer import LaneIdentity
from core.cluster.postgres import Postgres, Row
from core.cluster.protocol import PROTOCOL, packed
from core.errors import ArchivarError
from core.model import EventKind, Told
from core.problems import cluster as problems
from core.values import dataclass

if TYPE_CHECKING:
    from psycopg import AsyncConnection


class FencedError(ArchivarError):
    """The session was closed by the home: nothing more of it is taken."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this session has claimed."""

    id: int
    run: int
    number: int
    mailbox: str
    values: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class Beat:
    """The answer to a sign of life. ``cancelled``: jobs to be ended; ``draining``: no more are to be taken."""

    cancelled: frozenset[int]
    draining: bool
    anchored: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """A volume that lies in the place; ``head`` is its last entry, ``jobs`` those with entries in it."""

    number: int
    key: str
    sha256: bytes
    size: int
    head: int
    jobs: Collection[int]


class WorkerSession:
    """The session ``id``. Raises ``FencedError`` once it is closed, and ``AwayError``."""

    def __init__(self, database: Postgres, id: int) -> None:
        self.id = id
        self._database = database

    @classmethod
    async def begin(cls, database: Postgres, name: str, version: str, mailboxes: int) -> WorkerSession:
        """Begin one; it waits for its lane."""
        row = await database.one(
            "INSERT INTO session (name, version, protocol, mailboxes) VALUES (%s, %s, %s, %s) RETURNING id",
            *(name, version, PROTOCOL, mailboxes),
        )
        assert row is not None
        return cls(database, row["id"])

    async def lane(self, archive: str) -> LaneIdentity | None:
        """The lane that the home has opened for it; None as long as there is none."""
        row = await self._state()
        return LaneIdentity(archive, row["lane_id"], row["lane"]) if row["state"] == "open" else None

    async def _state(self) -> Row:
        row = await self._database.one("SELECT * FROM session WHERE id = %s", self.id)
        if row is None or row["state"] == "closed":
            raise FencedError(problems.FENCED(said=json.dumps(row and row["why"])))
        return row

    async def beat(self, progress: Mapping[int, Mapping[str, Any]], moving: Collection[int], waiting: int) -> Beat:
        """Give a sign of life, with the progress of jobs; ``moving`` ones have moved, so that their deadline is put off.

        ``waiting``: bytes that are not delivered yet.
        """

        async def work(connection: AsyncConnection[Row]) -> Beat:
            row = await (
                await connection.execute(
                    "UPDATE session SET beat = now(), waiting_bytes = %s WHERE id = %s AND state <> 'closed' RETURNING *",
                    (waiting, self.id),
                )
            ).fetchone()
            if row is None:
                raise FencedError(problems.FENCED(said="closed"))
            for job, value in progress.items():
                await connection.execute(
                    "UPDATE job SET progress = %s::jsonb WHERE id = %s AND session = %s", (json.dumps(value), job, self.id)
                )
            await connection.execute(
                "UPDATE job SET deadline = now() + (SELECT patience_seconds FROM cluster) * interval '1 second' "
                "WHERE session = %s AND id = ANY(%s)",
                (self.id, list(moving)),
            )
            found = await (
                await connection.execute(
                    "SELECT id FROM job WHERE session = %s AND cancelled AND state IN ('doing', 'visited')", (self.id,)
                )
            ).fetchall()
            return Beat(frozenset(one["id"] for one in found), row["draining"], row["anchored"])

        return await self._database.run(work)

    async def claim(self, job: int) -> Claimed | None:
        """Claim a queued job; None when it is not to be done any more."""

        async def work(connection: AsyncConnection[Row]) -> Row | None:
            # Else a job of a session that was closed would count as one that is not to be done.
            await self._hold(connection)
            sql = (
                "UPDATE job SET state = 'doing', session = %s, "
                "deadline = now() + (SELECT patience_seconds FROM cluster) * interval '1 second' FROM run "
                "WHERE job.id = %s AND job.state = 'todo' AND NOT job.cancelled AND run.id = job.run "
                "RETURNING job.id, job.run, run.number, job.mailbox, job.values, run.secret"
            )
            return await (await connection.execute(sql, (self.id, job))).fetchone()

        row = await self._database.run(work)
        if row is None:
            return None
        return Claimed(*(row[name] for name in ("id", "run", "number", "mailbox", "values", "secret")))

    async def common(self, run: int) -> bytes:
        """The packed values that all jobs of a run have in common. Raises ``FencedError`` when the home has forgotten it."""
        row = await self._database.one("SELECT values FROM run WHERE id = %s", run)
        if row is None:
            raise FencedError(problems.FENCED(said="the run is gone"))
        return bytes(row["values"])

    async def delivered(self, volume: Delivered) -> None:
        """Report a volume: from here on the home takes it. Nothing is reported for a job that is not this session's."""

        async def work(connection: AsyncConnection[Row]) -> None:
            await self._hold(connection)
            live = await (
                await connection.execute(
                    "SELECT count(*) AS live FROM job WHERE id = ANY(%s) AND session = %s AND state IN ('doing', 'visited')",
                    (list(volume.jobs), self.id),
                )
            ).fetchone()
            if live is None or live["live"] != len(volume.jobs):
                raise FencedError(problems.FENCED(said="a job was given to another worker"))
            await connection.execute(
                "INSERT INTO volume (session, number, key, sha256, size, head) VALUES (%s, %s, %s, %s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                (self.id, volume.number, volume.key, volume.sha256, volume.size, volume.head),
            )

        await self._database.run(work)

    async def check(self) -> None:
        """Raise ``FencedError`` when the session was closed."""
        await self._state()

    async def visited(self, job: int) -> None:
        """Report that the connection of a job is closed: its server is free for another mailbox."""
        await self._change("UPDATE job SET state = 'visited' WHERE id = %s AND session = %s AND state = 'doing'", job)
        await self._database.change("DELETE FROM connection WHERE job = %s", job)

    async def done(self, job: int, result: Mapping[str, Any], head: int) -> None:
        """Report the result of a job, which holds once the home has anchored the lane up to ``head``."""
        await self._change(
            "UPDATE job SET state = 'done', result = %s, head = %s WHERE id = %s AND session = %s "
            "AND state IN ('doing', 'visited')",
            *(packed(result), head, job),
        )

    async def tell(self, job: int, events: Sequence[tuple[str, EventKind, str, Told]]) -> None:
        """Report events of a job: time, kind, mailbox, what is told."""

        async def work(connection: AsyncConnection[Row]) -> None:
            for at, kind, mailbox, told in events:
                value = json.dumps([at, kind.value, mailbox, told.as_json()])
                await connection.execute("INSERT INTO told (job, event) VALUES (%s, %s::jsonb)", (job, value))

        await self._database.run(work)

    async def ask(self, job: int, kind: str, value: Any) -> int:
        """Ask the home something; the number of the question."""
        row = await self._database.one(
            "INSERT INTO question (job, kind, asked) VALUES (%s, %s, %s) RETURNING id", job, kind, packed(value)
        )
        assert row is not None
        return int(row["id"])

    async def answer(self, question: int) -> bytes | None:
        """The answer; None as long as there is none."""
        row = await self._database.one(
            "SELECT answer, (SELECT state FROM session WHERE id = %s) AS state FROM question WHERE id = %s", self.id, question
        )
        if row is None or row["state"] == "closed":
            raise FencedError(problems.FENCED(said="closed"))
        return None if row["answer"] is None else bytes(row["answer"])

    async def connect(self, job: int, server: str, most: int) -> bool:
        """Take one of the ``most`` connections to a server that all workers have together; False when all are taken."""

        async def work(connection: AsyncConnection[Row]) -> bool:
            await self._hold(connection)
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('archivar'), hashtext(%s))", (server,))
            taken = await (
                await connection.execute(
                    "SELECT count(*) AS taken FROM connection c JOIN job j ON j.id = c.job AND j.state = 'doing' "
                    "WHERE c.server = %s AND c.job <> %s",
                    (server, job),
                )
            ).fetchone()
            if taken is None or taken["taken"] >= most:
                return False
            await connection.execute(
                "INSERT INTO connection (job, server) VALUES (%s, %s) ON CONFLICT DO NOTHING", (job, server)
            )
            return True

        return await self._database.run(work)

    async def end(self) -> None:
        """End it: what was reported is taken, and nothing more comes."""
        await self._database.change("UPDATE session SET state = 'closed' WHERE id = %s AND state <> 'closed'", self.id)

    async def _hold(self, connection: AsyncConnection[Row]) -> None:
        """Keep the session from being closed until the end of the transaction. Raises ``FencedError``."""
        row = await (await connection.execute("SELECT state FROM session WHERE id = %s FOR SHARE", (self.id,))).fetchone()
        if row is None or row["state"] != "open":
            raise FencedError(problems.FENCED(said="closed"))

    async def _change(self, sql: str, *values: Any) -> None:
        """Run a statement whose last parameter is this session, under it. Raises ``FencedError``."""

        async def work(connection: AsyncConnection[Row]) -> None:
            await self._hold(connection)
            await connection.execute(sql, (*values, self.id))

        await self._database.run(work)
