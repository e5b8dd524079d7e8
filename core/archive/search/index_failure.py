"""The failure to bring up the search index, kept until it succeeds: mail that is not indexed is not found."""

from __future__ import annotations

import json
from datetime import datetime

from core.db import kept
from core.db.database import Database
from core.model import moment, now, timestamp
from core.problems import table
from core.problems.code import Reason
from core.problems.search import INDEX_FAILING
from core.values import dataclass

NAME = "index_failure"


@dataclass(frozen=True, slots=True)
class IndexFailure:
    """The index fails ``since``, the last time because of ``why``."""

    since: datetime
    why: Reason

    @property
    def reason(self) -> Reason:
        return INDEX_FAILING(since=timestamp(self.since), why=self.why)


async def standing(database: Database) -> IndexFailure | None:
    """The failure that stands; None when the index could be brought up last."""
    try:
        value = json.loads(await kept.value(database, NAME) or "")
        return IndexFailure(moment(value["since"]), table.kept(value))
    except (ValueError, TypeError, KeyError):
        return None


async def failed(database: Database, why: Reason) -> None:
    """Keep why the index could not be brought up, and since when. Raises ``BusyError``, ``StorageError``."""
    before = await standing(database)
    value = {"since": timestamp(before.since if before is not None else now()), **table.as_kept(why)}
    async with database.transaction() as transaction:
        await kept.keep(transaction, NAME, json.dumps(value))


async def succeeded(database: Database) -> None:
    """Forget the failure, if there is one. Raises ``BusyError``, ``StorageError``."""
    if await kept.value(database, NAME) is not None:
        async with database.transaction() as transaction:
            await kept.forget(transaction, NAME)
