"""Folders that other mailboxes of the same server have under the same UIDVALIDITY: they may be one folder, shown twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from core.archive.visited import VisitedArchive
from core.db import kept
from core.values import dataclass

#: Messages that are compared: the newest, those that are still there before others.
SAMPLE = 20


class Judgement(StrEnum):
    """The result of comparing two folders; ``OPEN``: the server was asked, and they had too little in common."""

    SAME = "same"
    OTHER = "other"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Sibling:
    """A folder of another mailbox: its name as on the wire, the number of messages known there, and a sample of them.

    ``headers``: SHA-256 of header blocks by UID, of messages that are gone too, since they identify the folder as well.
    """

    id: int
    source: str
    name: str
    uidvalidity: int
    messages: int
    headers: dict[int, bytes]

    @property
    def login(self) -> str:
        """The name that opens the mailbox."""
        return self.source.partition(" -> ")[0].removeprefix("imap://").rpartition("@")[0]


async def siblings(archive: VisitedArchive, source: str, validities: Iterable[int], most: int = 0) -> list[Sibling]:
    """The folders of other users' mailboxes on the same server that have one of ``validities`` and had mail.

    A UIDVALIDITY that more than ``most`` of them have tells nothing, and is passed over; 0 is no limit.
    """
    opened, _, goes_to = source.partition(" -> ")
    login, _, server = opened.removeprefix("imap://").rpartition("@")
    user = goes_to.partition("/")[0]
    rows = await archive.database.read(
        "SELECT f.id, f.source, f.name, f.uidvalidity FROM json_each(?) wanted "
        "JOIN source_folder f ON f.uidvalidity = wanted.value AND f.source <> ?",
        (json.dumps(sorted(set(validities))), source),
    )
    others = []
    for id_, other, name, uidvalidity in rows:
        other_opened, _, other_goes_to = other.partition(" -> ")
        other_login, _, other_server = other_opened.removeprefix("imap://").rpartition("@")
        same_person = other_login.casefold() == login.casefold() or other_goes_to.partition("/")[0] == user
        if other_server == server and not same_person and other_opened.startswith("imap://"):
            others.append((id_, other, name, uidvalidity))
    folders = Counter(uidvalidity for *_, uidvalidity in others)
    found = []
    for id_, other, name, uidvalidity in others:
        if most and folders[uidvalidity] > most:
            continue
        newest = await archive.database.read(
            "SELECT s.uid, m.header_sha256 FROM source_message s JOIN message m ON m.id = s.message_id "
            "WHERE s.source_folder_id = ? ORDER BY s.gone_seq IS NOT NULL, s.uid DESC LIMIT ?",
            (id_, SAMPLE),
        )
        messages = await archive.database.value(
            "SELECT count(*) FROM source_message WHERE source_folder_id = ? AND gone_seq IS NULL", (id_,)
        )
        if newest:
            headers = {uid: bytes(header) for uid, header in newest}
            found.append(Sibling(id_, other, name, uidvalidity, int(messages), headers))
    return found


async def recorded(archive: VisitedArchive, source: str, name: str, uidvalidity: int, uids: Iterable[int]) -> dict[int, bytes]:
    """SHA-256 of the header blocks of those of ``uids`` that the mailbox ``source`` ever had in the folder ``name``, by UID."""
    rows = await archive.database.read(
        "SELECT s.uid, m.header_sha256 FROM json_each(?) wanted CROSS JOIN source_folder f ON f.source = ? AND f.name = ? "
        "AND f.uidvalidity = ? JOIN source_message s ON s.source_folder_id = f.id AND s.uid = wanted.value "
        "JOIN message m ON m.id = s.message_id",
        (json.dumps(sorted(set(uids))), source, name, uidvalidity),
    )
    return {uid: bytes(header) for uid, header in rows}


def _key(source: str, name: str, sibling: Sibling) -> str:
    return f"sibling:{json.dumps([source, name, sibling.uidvalidity, sibling.source, sibling.name])}"


async def judged(archive: VisitedArchive, source: str, name: str, sibling: Sibling) -> Judgement | None:
    """The result of comparing the folder ``name`` with ``sibling``; None when they were not compared."""
    text = await kept.value(archive.database, _key(source, name, sibling))
    return None if text is None else Judgement(text)


async def judge(archive: VisitedArchive, source: str, name: str, sibling: Sibling, judgement: Judgement) -> None:
    """Keep the result of comparing the folder ``name`` with ``sibling``."""
    async with archive.database.transaction() as transaction:
        await kept.keep(transaction, _key(source, name, sibling), judgement)


async def unseen(archive: VisitedArchive, sources: Iterable[str]) -> set[str]:
    """Those of the mailboxes ``sources`` that no run has visited."""
    wanted = set(sources)
    rows = await archive.database.read(
        "SELECT wanted.value FROM json_each(?) wanted WHERE NOT EXISTS "
        "(SELECT 1 FROM source_folder WHERE source = wanted.value) AND NOT EXISTS "
        "(SELECT 1 FROM setting WHERE name = 'seen:' || wanted.value)",
        (json.dumps(sorted(wanted)),),
    )
    return {row[0] for row in rows}


async def saw(archive: VisitedArchive, source: str) -> None:
    """Record that a run visited the mailbox ``source``, or tried to."""
    async with archive.database.transaction() as transaction:
        await kept.keep(transaction, f"seen:{source}", "")
