"""Folders of mailboxes as they were when they were last complete: what spares listing them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field

from core.archive.visited import VisitedArchive
from core.model import now, timestamp
from core.values import dataclass

#: The largest number that SQLite holds; a server may tell larger ones, which are as good as none.
LARGEST = 2**63 - 1

#: Size and INTERNALDATE of messages that the filter left out, by UID.
Excluded = Mapping[int, tuple[int, int | None]]


@dataclass(frozen=True, slots=True)
class FolderState:
    """A folder as it was when it was last complete; ``signature`` is empty when it is not.

    ``messages``, ``uidvalidity``, ``uidnext`` and ``modseq`` (0: not told) are of that moment: every message below ``uidnext``
    was archived or is in ``excluded``. ``listed`` is when the folder was last listed whole; empty when that is not known.
    """

    name: str = ""
    signature: str = ""
    messages: int = 0
    excluded: Excluded = field(default_factory=dict)
    listed: str = ""
    uidvalidity: int = 0
    uidnext: int = 0
    modseq: int = 0


async def complete(archive: VisitedArchive, source: str) -> dict[str, FolderState]:
    """The state of each folder that was complete at its last visit, by name."""
    sql = "SELECT name, signature, messages, excluded, listed, uidvalidity, uidnext, modseq FROM folder_state WHERE source = ?"
    return {
        name: FolderState(name, signature, messages, _excluded(excluded), *numbers)
        for name, signature, messages, excluded, *numbers in await archive.database.read(sql, (source,))
    }


def _excluded(text: str) -> dict[int, tuple[int, int | None]]:
    # Earlier versions kept UIDs alone, which do not identify messages without their size and date.
    return {uid: (size, date) for uid, size, date in json.loads(text)} if text.startswith("[") else {}


async def remember(archive: VisitedArchive, source: str, states: Iterable[FolderState]) -> None:
    """Record folders that are complete, and forget those that are not, in one transaction.

    A state without ``listed`` was listed whole just now.
    """
    moment = timestamp(now())
    complete, others = [], []
    for one in states:
        if not one.signature:
            others.append((source, one.name))
            continue
        rows = [[uid, *numbers] for uid, numbers in sorted(one.excluded.items())]
        excluded = json.dumps(rows, separators=(",", ":"))
        told = (one.uidvalidity, one.uidnext, one.modseq)
        numbers = (one.messages, excluded, one.listed or moment, *(number if number <= LARGEST else 0 for number in told))
        complete.append((source, one.name, one.signature, *numbers))
    async with archive.database.transaction() as transaction:
        await transaction.many(
            "INSERT OR REPLACE INTO folder_state "
            "(source, name, signature, messages, excluded, listed, uidvalidity, uidnext, modseq) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            complete,
        )
        await transaction.many("DELETE FROM folder_state WHERE source = ? AND name = ?", others)
