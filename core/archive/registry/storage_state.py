"""The state of storing: since when the storage fails, and why; kept for Home and status."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime

from core.archive.catalog import settings
from core.config import Home
from core.db import kept
from core.db.database import Database
from core.errors import StorageError
from core.model import moment, now, timestamp
from core.problems import bucket as problems
from core.problems import table
from core.problems.code import Reason
from core.problems.warning import NOT_STORED
from core.storage import configuration, copies
from core.values import dataclass

#: The kept text with the failure: ``{"since", "reason", "code", "values"}``.
FAILURE = "storage_failure"


@dataclass(frozen=True, slots=True)
class StorageFailure:
    """The storage has failed ``since``, the last time because of ``why``."""

    since: datetime
    why: Reason


async def succeeded(database: Database) -> None:
    """Note that all is stored that could be."""
    async with database.transaction() as transaction:
        await kept.forget(transaction, FAILURE)


async def failed(database: Database, why: Reason) -> None:
    """Note a failure, with the time of the first one in a row."""
    async with database.transaction() as transaction:
        before = _read(await kept.value(transaction, FAILURE))
        since = timestamp(before.since if before is not None else now())
        await kept.keep(transaction, FAILURE, json.dumps({"since": since, **table.as_kept(why)}))


async def failure(database: Database) -> StorageFailure | None:
    """The failure of the storage; None when the last attempt succeeded."""
    return _read(await kept.value(database, FAILURE))


def _read(text: str | None) -> StorageFailure | None:
    with suppress(ValueError, KeyError, TypeError):
        value = json.loads(text or "")
        return StorageFailure(moment(value["since"]), table.kept(value))
    return None


async def trouble(home: Home, database: Database) -> Reason | None:
    """The warning of volumes that are not stored; None when all is well, or no storage is set."""
    if not configuration.path_of(home).exists():
        return None
    found = await failure(database)
    if found is None:
        return None
    if found.why.code == problems.SEAL_NOT_CONTAINED:
        return found.why
    waiting = list(copies.waiting(home))
    return NOT_STORED(count=len(waiting), since=timestamp(found.since), why=found.why)


async def refuse_beyond_bound(home: Home, database: Database) -> None:
    """Raise ``StorageError`` when more volumes wait for the storage than may. Costs nothing without a storage."""
    if not configuration.path_of(home).exists():
        return
    bound, waiting = (await settings.read(database)).storage_bound, copies.waiting_bytes(home)
    if waiting > bound:
        raise StorageError(problems.BOUND_REACHED(bytes=waiting, bound=bound))
