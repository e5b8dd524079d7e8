"""The last attempt to synchronise users with the directory, kept beside the catalog, also one that changed nothing.

The ledger has the changes of a synchronisation. Failures are not in it, and must be shown until an attempt succeeds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.archive.archive import Archive
from core.db import kept
from core.model import moment, now, timestamp

NAME = "directory_attempt"
LONGEST = 500


class AttemptOutcome(StrEnum):
    """The outcome of an attempt. ``WITHHELD``: done, but no user was removed, since too many would have been."""

    DONE = "done"
    WITHHELD = "withheld"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt: its time, outcome, and reason when not all was done (else empty). ``asked_by``: its actor."""

    at: datetime
    outcome: AttemptOutcome
    reason: str = ""
    asked_by: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"at": timestamp(self.at), "outcome": self.outcome.value, "reason": self.reason, "asked_by": self.asked_by}


async def remember(archive: Archive, outcome: AttemptOutcome, reason: str = "", *, asked_by: str = "") -> None:
    """Keep an attempt in place of the one before. Raises ``BusyError``, ``StorageError``."""
    attempt = Attempt(now(), outcome, reason[:LONGEST], asked_by)
    async with archive.database.transaction() as transaction:
        await kept.keep(transaction, NAME, json.dumps(attempt.as_json()))


async def forget(archive: Archive) -> None:
    """Forget the attempt of a directory that was removed."""
    async with archive.database.transaction() as transaction:
        await kept.forget(transaction, NAME)


async def last(archive: Archive) -> Attempt | None:
    """The last attempt; None when none is recorded."""
    try:
        value = json.loads(await kept.value(archive.database, NAME) or "")
        return Attempt(moment(value["at"]), AttemptOutcome(value["outcome"]), str(value["reason"]), str(value["asked_by"]))
    except (ValueError, TypeError, KeyError):
        return None
