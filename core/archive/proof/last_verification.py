"""The last verification, kept beside the catalog, so that every face of the archive can show its age."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from core.archive.archive import Archive
from core.archive.proof import damage
from core.archive.proof.findings import Verdict
from core.config import Home
from core.db import kept
from core.db.database import Database
from core.db.migrate import check
from core.errors import ArchivarError
from core.model import moment, now, timestamp
from core.values import dataclass

NAME = "verified"
#: Findings that are kept in full, the first ones; all of them are counted.
KEPT = 10
LONGEST = 300
#: Seconds to wait for another writer: the verification itself is done, and its result reported.
PATIENCE = 5.0
EVERYTHING = "1"


@dataclass(frozen=True, slots=True)
class LastVerification:
    """The end of a verification, its counts, the number of ``findings`` and the texts of the first.

    ``repaired``: none of the findings stands any more.
    """

    at: datetime
    ok: bool
    findings: int
    first: tuple[str, ...]
    messages: int
    bytes: int
    repaired: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "at": timestamp(self.at),
            "ok": self.ok,
            "findings": self.findings,
            "first": list(self.first),
            "messages": self.messages,
            "bytes": self.bytes,
        }


async def remember(home: Home, verdict: Verdict, *, instead_of: str = EVERYTHING) -> bool:
    """Keep the result of a verification, also of an archive that would not open; False when the catalog cannot be written.

    ``instead_of``: the known findings that are forgotten if not found again (see ``damage.keep``).
    """
    if not home.catalog.exists():
        return False
    first = tuple(f"{one.where}: {one.text}"[:LONGEST] for one in verdict.findings[:KEPT])
    last = LastVerification(now(), not verdict.findings, len(verdict.findings), first, verdict.messages, verdict.bytes)
    try:
        database = await Database.open(home.catalog, patience=PATIENCE)
        try:
            await check(database)
            async with database.transaction() as transaction:
                await kept.keep(transaction, NAME, json.dumps(last.as_json()))
                # The catalog of an older program has no such table, and is not migrated for this.
                if await transaction.one("SELECT 1 FROM sqlite_schema WHERE name = 'damage'"):
                    await damage.keep(transaction, verdict.findings, last.at, instead_of=instead_of)
        finally:
            await database.close()
    except ArchivarError:
        return False
    return True


async def last(archive: Archive) -> LastVerification | None:
    """The last verification; None when none is recorded."""
    try:
        value = json.loads(await kept.value(archive.database, NAME) or "")
        return LastVerification(
            moment(value["at"]),
            value["ok"] is True,
            int(value["findings"]),
            tuple(map(str, value["first"])),
            int(value["messages"]),
            int(value["bytes"]),
            repaired=value["ok"] is not True and not (await damage.count(archive))[0],
        )
    except (ValueError, TypeError, KeyError):
        return None
