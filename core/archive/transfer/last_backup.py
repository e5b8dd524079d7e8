"""The last completed backup, as it is kept beside the mail."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from core.archive.archive import Archive
from core.db import kept
from core.db.database import Transaction
from core.model import moment, timestamp
from core.values import dataclass

NAME = "backed_up"


@dataclass(frozen=True, slots=True)
class LastBackup:
    """The last completed backup: its end, its path, and its last ledger entry."""

    at: datetime
    directory: str
    seq: int

    def as_json(self) -> dict[str, Any]:
        return {"at": timestamp(self.at), "directory": self.directory, "seq": self.seq}


async def last(archive: Archive) -> LastBackup | None:
    """The last completed backup; None when there is none."""
    try:
        value = json.loads(await kept.value(archive.database, NAME) or "")
        return LastBackup(moment(value["at"]), str(value["directory"]), int(value["seq"]))
    except (ValueError, TypeError, KeyError):
        return None


async def keep(transaction: Transaction, done: LastBackup) -> None:
    """Keep it as the last one."""
    await kept.keep(transaction, NAME, json.dumps(done.as_json()))
