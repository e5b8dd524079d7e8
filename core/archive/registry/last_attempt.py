"""The last attempt to synchronise users with the directory, kept beside the catalog, also one that changed nothing.

The ledger has the changes of a synchronisation. Failures are not in it, and must be shown until an attempt succeeds.
"""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.archive.archive import Archive
from core.db import kept
from core.model import moment, now, timestamp
from core.problems import table
from core.problems.code import Reason
from core.problems.command_line import told
from core.values import dataclass

NAME = "directory_attempt"
LONGEST = 500


class AttemptOutcome(StrEnum):
    """The outcome of an attempt. ``WITHHELD``: done, but no user was removed, since too many would have been."""

    DONE = "done"
    WITHHELD = "withheld"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt: its time, outcome, and why not all was done, if so. ``asked_by``: its actor; ``of_run``: a run did."""

    at: datetime
    outcome: AttemptOutcome
    why: Reason | None = None
    asked_by: str = ""
    of_run: bool = False

    @property
    def reason(self) -> str:
        """The reason with its remedy, in the words of the command line; empty without one."""
        return told(self.why)[:LONGEST] if self.why is not None else ""

    def as_json(self) -> dict[str, Any]:
        why = {**table.failed(self.why), "reason": self.reason}
        return {
            "at": timestamp(self.at),
            "outcome": self.outcome.value,
            **why,
            "asked_by": self.asked_by,
            "of_run": self.of_run,
        }


async def remember(
    archive: Archive, outcome: AttemptOutcome, why: Reason | None, *, asked_by: str = "", of_run: bool = False
) -> None:
    """Keep an attempt in place of the one before. Raises ``BusyError``, ``StorageError``."""
    attempt = Attempt(now(), outcome, why, asked_by, of_run)
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
        why = table.kept(value) if value["reason"] else None
        return Attempt(
            moment(value["at"]), AttemptOutcome(value["outcome"]), why, str(value["asked_by"]), value.get("of_run") is True
        )
    except (ValueError, TypeError, KeyError):
        return None
