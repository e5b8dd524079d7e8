"""Alarms that a person knows of and lets stand: kept beside the catalog until they end, each with an entry of the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from core.archive.archive import Archive
from core.archive.store.entries.upkeep import AlarmAcknowledged
from core.archive.store.ledger import Draft
from core.db import kept
from core.db.database import Database, Transaction
from core.errors import ArchivarError
from core.model import moment, now, timestamp
from core.values import dataclass

NAME = "acknowledged"
#: Characters of a reason.
LONGEST = 300


class AlarmKey(NamedTuple):
    """An alarm as far as it stays the same: its rule, subject and code, and what else tells it from others of these."""

    rule: str
    subject: str
    code: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The acknowledgement of an alarm: its time, person and reason."""

    at: datetime
    by: str
    why: str

    def as_json(self) -> dict[str, str]:
        return {"at": timestamp(self.at), "by": self.by, "why": self.why}


async def all_of(source: Database | Transaction) -> dict[AlarmKey, Acknowledged]:
    """All acknowledged alarms; one that cannot be read is none."""
    try:
        rows = json.loads(await kept.value(source, NAME) or "[]")
        return {AlarmKey(*map(str, key)): Acknowledged(moment(at), str(by), str(why)) for key, at, by, why in rows}
    except (ValueError, TypeError):
        return {}


async def acknowledge(archive: Archive, alarms: Collection[AlarmKey], why: str, *, actor: str) -> None:
    """Acknowledge alarms. Raises ``BusyError``, and what ``Archive.check_usable`` does."""
    async with archive.changing():
        entries = await archive.append([Draft(AlarmAcknowledged(*key, why[:LONGEST]), actor) for key in alarms])
        done = {key: Acknowledged(now(), entry.actor, why[:LONGEST]) for key, entry in zip(alarms, entries, strict=True)}
        async with archive.database.transaction() as transaction:
            await _keep(transaction, await all_of(transaction) | done)


async def withdraw(archive: Archive, alarms: Collection[AlarmKey], *, actor: str) -> None:
    """Take back that alarms were acknowledged. Raises as ``acknowledge`` does."""
    async with archive.changing():
        known = await all_of(archive.database)
        taken = [key for key in alarms if key in known]
        await archive.append([Draft(AlarmAcknowledged(*key, "", withdrawn=True), actor) for key in taken])
        async with archive.database.transaction() as transaction:
            await _keep(transaction, {key: one for key, one in known.items() if key not in taken})


async def forget_ended(archive: Archive, present: Iterable[AlarmKey]) -> None:
    """Forget those whose alarm has ended: one that comes again is told again. Where nothing can be written, later."""
    there = set(present)
    if archive.refusal is None and not archive.home.is_backup and not (await all_of(archive.database)).keys() <= there:
        with suppress(ArchivarError):
            async with archive.database.transaction() as transaction:
                known = await all_of(transaction)
                await _keep(transaction, {key: one for key, one in known.items() if key in there})


async def _keep(transaction: Transaction, known: Mapping[AlarmKey, Acknowledged]) -> None:
    rows = [[list(key), timestamp(one.at), one.by, one.why] for key, one in known.items()]
    await kept.keep(transaction, NAME, json.dumps(rows, ensure_ascii=False))
