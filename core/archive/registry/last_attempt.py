"""The last attempt to synchronise users with the directory, remembered beside the catalog: also one that changed nothing.

What a synchronisation changed is in the ledger. That one failed is not, and must be seen until one succeeds.
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


class Outcome(StrEnum):
    """How it went. ``WITHHELD``: done, but too many users would have gone, so none did."""

    DONE = "done"
    WITHHELD = "withheld"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """When, how it went, and why not all was done (empty if it was). ``asked_by`` is who, or what, wanted it."""

    at: datetime
    outcome: Outcome
    reason: str = ""
    asked_by: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"at": timestamp(self.at), "outcome": self.outcome.value, "reason": self.reason, "asked_by": self.asked_by}


async def remember(archive: Archive, outcome: Outcome, reason: str = "", *, asked_by: str = "") -> None:
    """Keep how it went, in place of the attempt before. Raises ``BusyError``, ``StorageError``."""
    attempt = Attempt(now(), outcome, reason[:LONGEST], asked_by)
    async with archive.database.transaction() as transaction:
        await kept.keep(transaction, NAME, json.dumps(attempt.as_json()))


async def forget(archive: Archive) -> None:
    """Of a directory that is no more nobody must be told."""
    async with archive.database.transaction() as transaction:
        await kept.forget(transaction, NAME)


async def last(archive: Archive) -> Attempt | None:
    """The last attempt; None when there was none that could be remembered."""
    try:
        value = json.loads(await kept.value(archive.database, NAME) or "")
        return Attempt(moment(value["at"]), Outcome(value["outcome"]), str(value["reason"]), str(value["asked_by"]))
    except (ValueError, TypeError, KeyError):
        return None
