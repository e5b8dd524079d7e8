"""Closing of workers' sessions by the home: nothing more of them is taken, and their workers begin anew."""

from __future__ import annotations

import json

from core.cluster.postgres import Postgres
from core.problems import table
from core.problems.code import Reason

_CLOSE = "UPDATE session SET state = 'closed', why = %s::jsonb WHERE state <> 'closed'"


async def close(database: Postgres, session: int, why: Reason) -> None:
    """Close one session."""
    await database.change(f"{_CLOSE} AND id = %s", kept_json(why), session)


async def close_all(database: Postgres, why: Reason) -> None:
    """Close all sessions, and take nothing of what they delivered."""
    await database.change(_CLOSE, kept_json(why))
    await database.change("DELETE FROM volume WHERE NOT taken")


async def close_silent(database: Postgres, lease: float, silent: Reason, stuck: Reason) -> None:
    """Close the sessions that gave no sign of life for ``lease`` seconds, or have a job past its deadline."""
    await database.change(f"{_CLOSE} AND beat < now() - %s * interval '1 second'", kept_json(silent), lease)
    # A job that is done waits for volumes; one whose volumes will never come is as stuck as one that never ends.
    await database.change(
        f"{_CLOSE} AND state = 'open' AND EXISTS (SELECT 1 FROM job j WHERE j.session = session.id AND j.deadline < now() AND "
        "(j.state IN ('doing', 'visited') OR (j.state = 'done' AND j.head > session.anchored AND NOT EXISTS "
        "(SELECT 1 FROM volume v WHERE v.session = session.id AND NOT v.taken))))",
        kept_json(stuck),
    )


async def close_for_nonsense(database: Postgres, job: int, why: Reason) -> None:
    """Close the session of a job that it said nonsense about, so that another worker visits the mailbox."""
    await database.change(f"{_CLOSE} AND id = (SELECT session FROM job WHERE id = %s)", kept_json(why), job)
    await database.change("DELETE FROM told WHERE job = %s", job)
    await database.change("DELETE FROM question WHERE job = %s", job)
    await database.change(
        "UPDATE job SET state = 'visited', result = NULL, progress = NULL WHERE id = %s AND state <> 'lost'", job
    )


def kept_json(reason: Reason) -> str:
    """A reason for a column of JSON."""
    return json.dumps(table.as_kept(reason))
