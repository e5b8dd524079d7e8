"""The queue of runs, their progress and events: rows in archive.sqlite, the only channel between processes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from core.db.database import Database, Transaction
from core.engine.run import briefs
from core.engine.visit.progress import MailboxLine, Snapshot
from core.errors import BusyError, InputError
from core.model import EventKind, Problem, Run, RunEvent, RunStatus, Told, moment, now, timestamp
from core.problems import run as problems
from core.problems.table import kept
from core.service import progress_rows
from core.service.ahead import ADD
from core.service.progress_rows import Changes
from core.service.run_rows import COLUMNS, EVENTS, LISTED, ONE, STORY, STORY_EVENTS, event_of, run_of
from core.values import dataclass

_PROBLEMS = (
    "SELECT mailbox.value ->> 'mailbox', problem.value "
    "FROM run_result, json_each(result, '$.mailboxes') mailbox, json_each(mailbox.value, '$.problems') problem "
    "WHERE run = ? LIMIT ?"
)
#: A number above that of any run.
LAST_RUN = 2**63 - 1
#: Time, kind, mailbox, content.
Event = tuple[datetime, EventKind, str, Told]
_NO_LINES: Mapping[int, MailboxLine] = {}
_ACTIVE = "status IN ('queued', 'running', 'interrupted')"
#: SQL: the profiles that have runs, one step in the index each, however many runs there are; the last row is NULL.
_NAMED = (
    "named (profile) AS (SELECT min(profile) FROM run "
    "UNION ALL SELECT (SELECT min(profile) FROM run WHERE run.profile > named.profile) FROM named WHERE profile IS NOT NULL)"
)
_NEWEST = "(SELECT id FROM run WHERE run.profile = named.profile AND dry_run = 0 ORDER BY id DESC LIMIT 1)"


@dataclass(frozen=True, slots=True)
class RunProblem:
    """A problem of a run (or of a ``dry_run``) that ended at ``at``; without ``mailbox`` of the run as a whole."""

    run: int
    profile: str
    at: datetime
    mailbox: str
    problem: Problem
    dry_run: bool = False


def _where(
    profile: str | None, status: RunStatus | Collection[RunStatus] | None, after: int = 0
) -> tuple[str, list[str | int]]:
    states = [status] if isinstance(status, RunStatus) else list(status or ())
    conditions: list[str] = []
    values: list[str | int] = []
    if profile:
        conditions.append("profile = ?")
        values.append(profile)
    if states:
        conditions.append(f"status IN ({', '.join('?' * len(states))})")
        values += [one.value for one in states]
    if after:
        conditions.append("id > ?")
        values.append(after)
    return f"WHERE {' AND '.join(conditions)}" if conditions else "", values


class Queue:
    """Runs as all processes see them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # For clients ------------------------------------------------------------------------------------------------------

    async def enqueue(self, profile: str, *, dry_run: bool = False, automatic: bool = False) -> tuple[Run, bool]:
        """Queue a run; also False when one of this profile is active already, which is then returned.

        ``automatic``: its schedule starts it. Raises ``BusyError`` when the active one is a dry run and this one is not, or the
        reverse.
        """
        async with self._database.transaction() as transaction:
            under_way = await active_run(transaction, profile)
            if under_way is None:
                return await add(transaction, profile, dry_run=dry_run, automatic=automatic), True
        if under_way.dry_run != dry_run:
            code = problems.TRIED_OUT if under_way.dry_run else problems.ARCHIVED
            raise BusyError(code(profile=profile, run=under_way.id))
        return under_way, False

    async def request_cancel(self, run: int) -> Run:
        """Request the end of a run; the service ends it, also a queued one. Raises ``InputError``."""
        async with self._database.transaction() as transaction:
            await transaction.execute(f"UPDATE run SET cancel_requested = 1 WHERE id = ? AND {_ACTIVE}", (run,))
        return await self.run(run)

    async def run(self, run: int) -> Run:
        """One run. Raises ``InputError`` for an unknown number."""
        row = await self._database.one(ONE, (run,))
        if row is None:
            raise InputError(problems.UNKNOWN(run=run))
        return run_of(row)

    async def runs(
        self,
        profile: str | None = None,
        *,
        status: RunStatus | Collection[RunStatus] | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[Run]:
        """The last runs, of one profile or in some states if given; the newest first, ``offset`` of them skipped.

        Their results are brief (``briefs.brief``): those of many mailboxes are megabytes each.
        """
        where, values = _where(profile, status)
        sql = f"SELECT {COLUMNS} FROM run {where} ORDER BY id DESC LIMIT ? OFFSET ?"
        return [run_of(row) for row in await self._database.read(sql, [*values, limit, offset])]

    async def count(
        self, profile: str | None = None, *, status: RunStatus | Collection[RunStatus] | None = None, after: int = 0
    ) -> int:
        """The number of runs that ``runs`` lists; with ``after`` those with a larger number."""
        where, values = _where(profile, status, after)
        return int(await self._database.value(f"SELECT count(*) FROM run {where}", values))

    async def profiles(self) -> list[str]:
        """The names of all profiles with listed runs."""
        sql = f"WITH RECURSIVE {_NAMED} SELECT profile FROM named WHERE profile IS NOT NULL"
        return [row[0] for row in await self._database.read(sql)]

    async def problems(self, limit: int) -> list[RunProblem]:
        """The latest problems of all runs that have ended; also why a run failed as a whole."""
        found: list[RunProblem] = []
        before = LAST_RUN
        sql = (
            "SELECT id, profile, status, finished, reason, dry_run, brief FROM run "
            "WHERE id < ? AND finished IS NOT NULL AND status <> 'succeeded' ORDER BY id DESC LIMIT 50"
        )
        while len(found) < limit and (rows := await self._database.read(sql, (before,))):
            for run, profile, status, finished, reason, dry, brief in rows:
                at = moment(finished)
                rows_ = await self._database.read(_PROBLEMS, (run, limit))
                listed = [(mailbox, json.loads(problem)) for mailbox, problem in rows_]
                if reason and status == RunStatus.FAILED and reason not in {problem["reason"] for _, problem in listed}:
                    why = kept({**json.loads(brief or "{}"), "reason": reason})
                    found.append(RunProblem(run, profile, at, "", Problem("", None, why), bool(dry)))
                found += [
                    RunProblem(run, profile, at, mailbox, Problem.kept(problem), bool(dry)) for mailbox, problem in listed
                ]
            before = rows[-1][0]
        return found[:limit]

    async def active(self) -> list[Run]:
        """Queued and active runs, the oldest first."""
        # Asked ten times a second: without the hint SQLite reads all runs of the past, in the order of their ids.
        sql = f"SELECT {COLUMNS} FROM run INDEXED BY run_active WHERE {_ACTIVE} ORDER BY id"
        return [run_of(row) for row in await self._database.read(sql)]

    async def latest(self, profile: str | None = None) -> dict[str, Run]:
        """The last run of each profile, or of one, by its name, with a brief result. Dry runs do not count."""
        columns = ", ".join(f"run.{name}" for name in COLUMNS.split(", "))
        named, values = ("named (profile) AS (VALUES (?))", [profile]) if profile is not None else (_NAMED, [])
        sql = f"WITH RECURSIVE {named} SELECT {columns} FROM named CROSS JOIN run ON run.id = {_NEWEST}"
        return {run.profile: run for run in map(run_of, await self._database.read(sql, values))}

    async def concluded(self, profile: str) -> Run | None:
        """The last run of a profile that came to its own end, with a brief result; neither cancelled, nor a dry run."""
        ends = "('succeeded', 'completed_with_errors', 'failed')"
        sql = f"SELECT {COLUMNS} FROM run WHERE profile = ? AND dry_run = 0 AND status IN {ends} ORDER BY id DESC LIMIT 1"
        return next(map(run_of, await self._database.read(sql, (profile,))), None)

    async def snapshot(self, run: int) -> Snapshot | None:
        """The progress of a run as last written."""
        return await progress_rows.snapshot(self._database, run)

    async def changes(self, run: int, after: int = progress_rows.BEFORE_ALL) -> Changes | None:
        """The progress of a run as last written, with the rows of mailboxes since the look numbered ``after``; at first all."""
        return await progress_rows.changes(self._database, run, after)

    async def events(self, run: int, *, after: int = 0, limit: int = 200) -> list[RunEvent]:
        """The events of a run after event ``after``, in order."""
        return list(map(event_of, await self._database.read(LISTED, (run, after, limit))))

    async def story(self, run: int, limit: int = STORY_EVENTS) -> list[RunEvent]:
        """The last events of a run, in order, without the warnings and problems, which its result has."""
        return [event_of(row) for row in reversed(await self._database.read(STORY, (run, 0, limit)))]

    async def warnings(self, run: int, *, after: int = 0) -> tuple[int, list[RunEvent]]:
        """The warnings among the events of a run after event ``after``, in order; before them the number of its last event."""
        last = int(await self._database.value("SELECT coalesce(max(id), 0) FROM run_event WHERE run = ?", (run,)))
        if last <= after:
            return after, []
        sql = f"{EVENTS} AND id <= ? AND kind = 'warning' ORDER BY id"
        return last, list(map(event_of, await self._database.read(sql, (run, after, last))))

    async def version(self) -> int:
        """A number that changes when another process has written anything (8 µs to ask)."""
        return int(await self._database.value("PRAGMA data_version"))

    async def service(self) -> tuple[int, datetime, datetime] | None:
        """Process id, start and last sign of life of the service that was started last; its lock tells if it is running."""
        row = await self._database.one("SELECT pid, started, heartbeat FROM service")
        return (row[0], moment(row[1]), moment(row[2])) if row else None

    async def request_stop(self) -> None:
        """Request the end of the service; its runs continue with the next one."""
        async with self._database.transaction() as transaction:
            await transaction.execute("UPDATE service SET stop_requested = 1")

    # For the service -------------------------------------------------------------------------------------------------------

    async def announce(self, pid: int) -> None:
        """Record this process as the service."""
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "INSERT OR REPLACE INTO service (id, pid, started, heartbeat) VALUES (1, ?, ?, ?)",
                (pid, timestamp(now()), timestamp(now())),
            )

    async def beat(self) -> None:
        """Record a sign of life."""
        async with self._database.transaction() as transaction:
            await transaction.execute("UPDATE service SET heartbeat = ?", (timestamp(now()),))

    async def stop_requested(self) -> bool:
        return bool(await self._database.value("SELECT stop_requested FROM service"))

    async def take_up(self, run: Run, seq: int, *, tries: int) -> bool:
        """Count that a run lost its service; False after more than ``tries`` times at the same ledger position (``seq``).

        A service that ended regularly has marked its runs as interrupted, which does not count.
        """
        async with self._database.transaction() as transaction:
            before = await transaction.value("SELECT resumed_seq FROM run WHERE id = ?", (run.id,))
            died = run.status is not RunStatus.INTERRUPTED
            resumed = run.resumed + died if before == seq else int(died)
            await transaction.execute("UPDATE run SET resumed = ?, resumed_seq = ? WHERE id = ?", (resumed, seq, run.id))
        return resumed <= tries

    async def begin(self, run: Run, started: datetime, seq: int) -> int:
        """Mark a run as running; the ledger's seq at its first start."""
        async with self._database.transaction() as transaction:
            await transaction.execute(
                "UPDATE run SET status = 'running', started = coalesce(started, ?), "
                "started_seq = CASE WHEN started IS NULL THEN ? ELSE started_seq END WHERE id = ?",
                (timestamp(started), seq, run.id),
            )
            return int(await transaction.value("SELECT started_seq FROM run WHERE id = ?", (run.id,)))

    async def interrupt(self, run: int) -> None:
        """Mark a run as interrupted: the service ends, and the next one resumes it."""
        async with self._database.transaction() as transaction:
            await transaction.execute("UPDATE run SET status = 'interrupted' WHERE id = ? AND status = 'running'", (run,))

    async def finish(
        self,
        run: int,
        status: RunStatus,
        result: dict[str, Any],
        reason: str = "",
        snapshot: Snapshot | None = None,
        events: Sequence[Event] = (),
    ) -> None:
        """Write the result, the last progress and the last events in one transaction."""
        async with self._database.transaction() as transaction:
            await _report(transaction, run, snapshot, events)
            # The result has its mailboxes.
            await progress_rows.forget_mailboxes(transaction, run)
            await transaction.execute(
                "INSERT OR REPLACE INTO run_result (run, result) VALUES (?, ?)", (run, json.dumps(result))
            )
            await transaction.execute(
                "UPDATE run SET status = ?, finished = ?, reason = ?, brief = ? WHERE id = ?",
                (status.value, result["finished"], _storable(reason), json.dumps(briefs.brief(result)), run),
            )

    async def report(
        self, run: int, snapshot: Snapshot | None, events: Sequence[Event], settled: Mapping[int, MailboxLine] = _NO_LINES
    ) -> bool:
        """Write progress and events in one transaction; True when the run was asked to cancel.

        ``settled``: the mailboxes that came to rest since the last report, by position; at first all (``Progress.settled``).
        """
        async with self._database.transaction() as transaction:
            await _report(transaction, run, snapshot, events, settled)
            return bool(await transaction.value("SELECT cancel_requested FROM run WHERE id = ?", (run,)))


async def active_run(transaction: Transaction, profile: str) -> Run | None:
    """The queued or active run of a profile."""
    row = await transaction.one(f"SELECT {COLUMNS} FROM run WHERE profile = ? AND {_ACTIVE}", (profile,))
    return run_of(row) if row else None


async def add(transaction: Transaction, profile: str, *, dry_run: bool = False, automatic: bool = False) -> Run:
    """Queue a run of a profile without an active one."""
    number = await transaction.insert(
        ADD,
        (profile, timestamp(now()), dry_run, automatic),
    )
    row = await transaction.one(f"SELECT {COLUMNS} FROM run WHERE id = ?", (number,))
    assert row is not None
    return run_of(row)


async def _report(
    transaction: Transaction,
    run: int,
    snapshot: Snapshot | None,
    events: Sequence[Event],
    settled: Mapping[int, MailboxLine] = _NO_LINES,
) -> None:
    if snapshot is not None:
        await progress_rows.write(transaction, run, snapshot, settled)
    await transaction.many(
        "INSERT INTO run_event (run, at, kind, mailbox, text) VALUES (?, ?, ?, ?, ?)",
        [
            (run, timestamp(at), kind, _storable(mailbox), _storable(json.dumps(told.as_json(), ensure_ascii=False)))
            for at, kind, mailbox, told in events
        ],
    )


def _storable(text: str) -> str:
    # SQLite takes no lone surrogates from outside text.
    return text.encode("utf-8", "replace").decode()
