"""The number of all messages and their bytes: kept, so that only those are counted that came since."""

from __future__ import annotations

import json
from typing import Any

from core.db import kept
from core.db.database import Database, Transaction
from core.values import dataclass

NAME = "totals"
#: New messages after which the totals are kept anew, and the most that are added at once, in a few hundredths of a second.
FEW, MOST = 5_000, 50_000


@dataclass(frozen=True, slots=True)
class Totals:
    """Messages with an id up to ``id``, and their bytes."""

    id: int = 0
    messages: int = 0
    bytes: int = 0


async def of(source: Database | Transaction) -> Totals:
    """The totals now."""
    return await _added(source, await _kept(source))


async def keep(database: Database) -> None:
    """Keep the totals, if enough is new. Raises ``BusyError``, ``StorageError``."""
    last = int(await database.value("SELECT max(id) FROM message") or 0)
    if last - (await _kept(database)).id < FEW:
        return
    async with database.transaction() as transaction:
        found = await _added(transaction, await _kept(transaction), MOST)
        await kept.keep(transaction, NAME, json.dumps([found.id, found.messages, found.bytes]))


async def forget(transaction: Transaction) -> None:
    """Count all messages anew: some are gone, or have another size."""
    await kept.forget(transaction, NAME)


async def _kept(source: Database | Transaction) -> Totals:
    try:
        value: Any = json.loads(await kept.value(source, NAME) or "")
        return Totals(*map(int, value))
    except (ValueError, TypeError):
        return Totals()


async def _added(source: Database | Transaction, before: Totals, most: int | None = None) -> Totals:
    upto = 2**63 - 1 if most is None else before.id + most
    row = await source.one("SELECT count(*), sum(size), max(id) FROM message WHERE id > ? AND id <= ?", (before.id, upto))
    if row is None or not row[0]:
        # Ids may have gaps: a range without messages is passed over.
        return before if most is None else Totals(min(upto, await _last(source)), before.messages, before.bytes)
    return Totals(max(before.id, int(row[2])), before.messages + int(row[0]), before.bytes + int(row[1]))


async def _last(source: Database | Transaction) -> int:
    return int(await source.value("SELECT max(id) FROM message") or 0)
