"""Rows of runs and their events in the queue, as values: a command that only waits for its run loads no more of the queue."""

from __future__ import annotations

import json
from typing import Any

from core.model import Run, RunEvent, RunStatus, Told, moment

COLUMNS = "id, profile, status, requested, started, finished, cancel_requested, dry_run, resumed, reason, brief, automatic"
#: The same with the whole result.
WHOLE = COLUMNS.replace("brief", "(SELECT result FROM run_result WHERE run_result.run = run.id)")
#: SQL: a run by its number.
ONE = f"SELECT {WHOLE} FROM run WHERE id = ?"
#: SQL: the events of a run after one of them.
EVENTS = "SELECT id, run, at, kind, mailbox, text FROM run_event WHERE run = ? AND id > ?"
#: SQL: the same in their order, so many at most.
LISTED = f"{EVENTS} ORDER BY id LIMIT ?"
#: SQL: the last events of a run, backwards, without the warnings and problems, which its result has.
STORY = f"{EVENTS} AND kind NOT IN ('warning', 'problem') ORDER BY id DESC LIMIT ?"
#: Events of a run that its JSON has at most, the last ones.
STORY_EVENTS = 1000


def run_of(row: tuple[Any, ...]) -> Run:
    """The run of a row of ``COLUMNS`` or ``WHOLE``."""
    return Run(
        id=row[0],
        profile=row[1],
        status=RunStatus(row[2]),
        requested=moment(row[3]),
        started=moment(row[4]) if row[4] else None,
        finished=moment(row[5]) if row[5] else None,
        cancel_requested=bool(row[6]),
        dry_run=bool(row[7]),
        resumed=row[8],
        reason=row[9],
        result=json.loads(row[10]) if row[10] else None,
        automatic=bool(row[11]),
    )


def event_of(row: tuple[Any, ...]) -> RunEvent:
    """The event of a row of ``EVENTS``."""
    return RunEvent(row[0], row[1], moment(row[2]), row[3], row[4], Told.kept(row[5]))
