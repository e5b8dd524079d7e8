"""The progress of a run in archive.sqlite, as differences: each write and each look costs what has changed.

``run_progress`` has the sums and the mailboxes at work, and is written each time. ``run_mailbox`` has a row for every mailbox,
which is written when the mailbox comes to rest, with the number of that write; ``run_told`` the latest problems and warnings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from core.db.database import Database, Row, Transaction
from core.engine.visit.progress import MailboxLine, Snapshot
from core.model import now, timestamp
from core.system.collection import uncollected
from core.values import dataclass

#: A number below that of any write.
BEFORE_ALL = -1
_HEAD = "SELECT 0, change, snapshot, told FROM run_progress LEFT JOIN run_told USING (run) WHERE run = ?"
_ALL = f"{_HEAD} UNION ALL SELECT 1, position, line, NULL FROM run_mailbox WHERE run = ? AND change > ?"
_ENCODER = json.JSONEncoder(separators=(",", ":"))
#: Parts of a snapshot that seldom change.
_TOLD = ("problems", "warnings")


@dataclass(frozen=True, slots=True)
class Changes:
    """The progress of a run that was written after a look: ``snapshot`` whole, and the rows of mailboxes by position.

    A row counts while its mailbox is not among ``snapshot.moving``. ``change`` is the number of the last write, for the next
    look.
    """

    change: int
    snapshot: Snapshot
    lines: Mapping[int, MailboxLine]


async def snapshot(database: Database, run: int) -> Snapshot | None:
    """The progress as last written."""
    row = await database.one(_HEAD, (run,))
    return _snapshot(row) if row else None


async def changes(database: Database, run: int, after: int) -> Changes | None:
    """The progress as last written, with the rows of mailboxes that were written after ``after``.

    A run that has ended has no rows any more: its result has all mailboxes.
    """
    # One statement, so that all is of one moment.
    rows = await database.read(_ALL, (run, run, after))
    head = next((row for row in rows if row[0] == 0), None)
    if head is None:
        return None
    found = [row for row in rows if row[0]]
    with uncollected():
        # One document is read several times as quickly as many.
        values = json.loads(f"[{','.join(row[2] for row in found)}]")
        lines = {row[1]: MailboxLine(*line) for row, line in zip(found, values, strict=True)}
    return Changes(head[1], _snapshot(head), lines)


async def write(transaction: Transaction, run: int, snapshot: Snapshot, settled: Mapping[int, MailboxLine]) -> None:
    """Write the progress. ``settled``: the mailboxes that came to rest since the last write, by position; at first all."""
    value = snapshot.as_json()
    told = _ENCODER.encode({name: value.pop(name) for name in _TOLD})
    change = await transaction.value(
        "INSERT INTO run_progress (run, at, snapshot, change) VALUES (?, ?, ?, 0) ON CONFLICT (run) "
        "DO UPDATE SET at = excluded.at, snapshot = excluded.snapshot, change = change + 1 RETURNING change",
        (run, timestamp(now()), _ENCODER.encode(value)),
    )
    await transaction.execute(
        "INSERT INTO run_told (run, told) VALUES (?, ?) ON CONFLICT (run) "
        "DO UPDATE SET told = excluded.told WHERE told <> excluded.told",
        (run, told),
    )
    if len(settled) == snapshot.mailboxes_total:
        # The run has begun, or goes on with other mailboxes than before.
        await transaction.execute("DELETE FROM run_mailbox WHERE run = ? AND position >= ?", (run, len(settled)))
    if settled:
        await transaction.many(
            "INSERT INTO run_mailbox (run, position, change, line) VALUES (?, ?, ?, ?) ON CONFLICT (run, position) "
            "DO UPDATE SET change = excluded.change, line = excluded.line",
            [(run, position, change, _ENCODER.encode(line.packed())) for position, line in settled.items()],
        )


async def forget_mailboxes(transaction: Transaction, run: int) -> None:
    """Delete the rows of the mailboxes, the problems and the warnings; the sums stay."""
    await transaction.execute("DELETE FROM run_mailbox WHERE run = ?", (run,))
    await transaction.execute("DELETE FROM run_told WHERE run = ?", (run,))


def _snapshot(row: Row) -> Snapshot:
    return Snapshot.from_json({**json.loads(row[2]), **json.loads(row[3] or "{}")})
