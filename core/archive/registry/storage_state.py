"""The state of storing: since when the storage fails, and why; kept for Home and status."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.archive.catalog import settings
from core.config import Home
from core.db import kept
from core.db.database import Database
from core.errors import StorageError
from core.model import moment, now, timestamp
from core.problems import bucket as problems
from core.problems import table
from core.problems.code import Reason
from core.problems.warning import NEVER_STORED, NOT_STORED, NOT_YET_STORED, SEALS_NOT_STORED
from core.storage import configuration, copies, notes
from core.storage.line import Backlog, LineLimit, predicted
from core.values import dataclass

#: The kept texts with the failure of volumes, and of seals and time stamps: ``{"since", "reason", "code", "values"}``. They
#: are two, since each minute volumes may succeed and seals fail.
FAILURE, SEALS_FAILURE = "storage_failure", "storage_seals_failure"
#: What is told before all else: the storage answers, and what it has is not as it was left.
_ALARMING = (problems.SEAL_NOT_CONTAINED, problems.SEAL_GONE)

#: The kept text with the bytes a second of what was put and read back, in hours without a limit.
RATE = "storage_rate"
#: Bytes of a volume from which on its time tells of the line, and not of the single requests.
TELLING_BYTES = 1024**2
#: Time for which volumes may wait for the line before it is told on Home.
PATIENCE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class StorageFailure:
    """The storage has failed ``since``, the last time because of ``why``. ``of_seals``: volumes are stored all the same."""

    since: datetime
    why: Reason
    of_seals: bool = False


async def succeeded(database: Database, *, what: str = FAILURE) -> None:
    """Note that all volumes are stored that could be, or (``SEALS_FAILURE``) that the seals are there."""
    async with database.transaction() as transaction:
        await kept.forget(transaction, what)


async def begun_anew(database: Database) -> None:
    """Forget the failures of a storage that is no longer the one in use."""
    for what in (FAILURE, SEALS_FAILURE):
        await succeeded(database, what=what)


async def failed(database: Database, why: Reason, *, what: str = FAILURE) -> None:
    """Note a failure, of volumes or (``SEALS_FAILURE``) of seals, with the time of the first one in a row."""
    async with database.transaction() as transaction:
        before = _read(await kept.value(transaction, what))
        since = timestamp(before.since if before is not None else now())
        await kept.keep(transaction, what, json.dumps({"since": since, **table.as_kept(why)}))


async def failure(database: Database) -> StorageFailure | None:
    """The failure of the storage, that of volumes before that of seals; None when the last attempts succeeded."""
    volumes, seals = [_read(await kept.value(database, what)) for what in (FAILURE, SEALS_FAILURE)]
    if seals is not None and (volumes is None or seals.why.code in _ALARMING):
        return replace(seals, of_seals=True)
    return volumes


def _read(text: str | None) -> StorageFailure | None:
    with suppress(ValueError, KeyError, TypeError):
        value = json.loads(text or "")
        return StorageFailure(moment(value["since"]), table.kept(value))
    return None


async def measured(home: Home, database: Database, volume: Path, seconds: float) -> None:
    """Remember how long a volume took, if that tells of the line."""
    size = notes.size_of(volume)
    if size < TELLING_BYTES or LineLimit.parse(configuration.line(home)).rate(now()) is not None:
        return
    async with database.transaction() as transaction:
        before, new = _number(await kept.value(transaction, RATE)), size / max(seconds, 0.001)
        await kept.keep(transaction, RATE, str(new if before is None else (before + new) / 2))


def _number(text: str | None) -> float | None:
    with suppress(ValueError):
        return float(text or "")
    return None


async def backlog(home: Home, database: Database) -> Backlog:
    """The volumes that wait for the storage, and when they will be there."""
    waiting = [home.volume(number) for number in copies.waiting(home)]
    rate, at = _number(await kept.value(database, RATE)), now()
    if not waiting:
        return Backlog(0, 0, rate=rate)
    times = []
    for volume in waiting:
        with suppress(FileNotFoundError):
            times.append(datetime.fromtimestamp(volume.stat().st_mtime, UTC))
    count = sum(notes.size_of(volume) for volume in waiting)
    until = predicted(LineLimit.parse(configuration.line(home)), count, rate, at)
    return Backlog(len(waiting), count, min(times, default=at), until, rate)


async def known_backlog(home: Home, database: Database) -> Backlog | None:
    """The volumes that wait for the storage; None without one."""
    return await backlog(home, database) if configuration.path_of(home).exists() else None


def _slow(found: Backlog) -> Reason | None:
    """The warning of volumes that wait for the line alone."""
    if found.since is None or now() - found.since < PATIENCE:
        return None
    since = timestamp(found.since)
    if found.until is None:
        return NEVER_STORED(count=found.volumes, bytes=found.bytes, since=since)
    return NOT_YET_STORED(count=found.volumes, bytes=found.bytes, since=since, until=timestamp(found.until))


async def trouble(home: Home, database: Database) -> Reason | None:
    """The warning of volumes that are not stored; None when all is well, or no storage is set."""
    if not configuration.path_of(home).exists():
        return None
    found = await failure(database)
    if found is None:
        return _slow(await backlog(home, database))
    if found.why.code in _ALARMING:
        return found.why
    if found.of_seals:
        return SEALS_NOT_STORED(since=timestamp(found.since), why=found.why)
    waiting = list(copies.waiting(home))
    return NOT_STORED(count=len(waiting), since=timestamp(found.since), why=found.why)


async def refuse_beyond_bound(home: Home, database: Database) -> None:
    """Raise ``StorageError`` when more volumes wait for the storage than may. Costs nothing without a storage."""
    if not configuration.path_of(home).exists():
        return
    bound, waiting = (await settings.read(database)).storage_bound, copies.waiting_bytes(home)
    if waiting > bound:
        raise StorageError(problems.BOUND_REACHED(bytes=waiting, bound=bound))
