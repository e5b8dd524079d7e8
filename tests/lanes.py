"""Lanes for tests: written by processes of their own, and a catalog's content without the numbers that it gives itself."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.archive.store.entries import AnyEntry
from core.archive.store.entries.everybody import Filed
from core.archive.store.entries.mail import (
    Archived,
    Deleted,
    Deleting,
    Moved,
    MovedMessage,
    Relisted,
    Returned,
    Spot,
    Vanished,
)
from core.archive.store.entries.reading import Fields
from core.archive.store.entries.values import OwnedFolder, ServerMessage, SourceFolder, SourceMessage
from core.archive.store.lane_writer import LaneIdentity, LaneWriter
from core.archive.store.ledger import Draft
from core.config import Home
from tests import homes

ROOT = Path(__file__).resolve().parents[1]
SHARED = homes.message(999, 40_000)
#: Entries that the writer of a lane appends, and the size at which its volumes are sealed.
ENTRIES, VOLUME_BYTES = 12, 150_000
#: All entries of a lane, with those about the later history of the mailbox.
WRITTEN = ENTRIES + 7
#: What is asked of two catalogs of the same mail; ids, and the volume that a message is read from, are each one's own.
_CONTENT = {
    "user": "SELECT name, full_name, removed FROM user",
    "message": "SELECT sha256, size, subject, sender, date, canonical, "
    "(SELECT sha256 FROM message t WHERE t.id = m.twin_of) FROM message m",
    "placement": "SELECT u.name, f.path, m.sha256, p.since_seq, p.until_seq, p.date FROM placement p "
    "JOIN message m ON m.id = p.message_id JOIN folder f ON f.id = p.folder_id JOIN user u ON u.id = f.owner",
    "source_message": "SELECT s.source, s.name, s.uidvalidity, x.uid, m.sha256, f.path, x.size, x.internaldate, x.flags, "
    "x.fetched, x.delete_seq, x.gone_seq FROM source_message x JOIN source_folder s ON s.id = x.source_folder_id "
    "JOIN message m ON m.id = x.message_id LEFT JOIN folder f ON f.id = x.folder_id",
    "unknown_address": "SELECT address, first_seq, last_seq, messages FROM unknown_address",
    "lane": "SELECT number, id, name, volume, seq, hash FROM lane",
}


def content(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """The content of the catalog of ``home``."""
    return {name: sorted(homes.rows(home.catalog, sql), key=repr) for name, sql in _CONTENT.items()}


def source_of(owner: str, folder: str) -> SourceFolder:
    """A folder of the mailbox of the owner with this id."""
    return SourceFolder(f"imap://{owner}@mail.example.test -> {owner}/mail", folder, 1)


def archived(owner: str, folder: str, messages: dict[int, bytes]) -> AnyEntry:
    """The statement about messages (UID -> raw) of a folder of one mailbox, which the owner's id names."""
    listed = (
        SourceMessage(hashlib.sha256(raw).digest(), uid, len(raw), 1_700_000_000 + uid, "\\Seen")
        for uid, raw in messages.items()
    )
    return Archived(1, source_of(owner, folder), OwnedFolder(owner, f"mail/{folder}"), tuple(listed))


def later(owner: str) -> list[AnyEntry]:
    """Statements about the later history of the mailbox: a move, changed flags, mail that goes, comes back and is deleted."""
    inbox = source_of(owner, "INBOX")
    moved = MovedMessage(Spot("INBOX", 1, 1), "mail/Done", "Done", 1, ServerMessage(1, 20_000, 1_700_000_001, ""))
    journal = source_of(owner, "Journal").payload() | {"incoming": "{u-email}/INBOX", "outgoing": "{u-email}/Sent"}
    message = [hashlib.sha256(SHARED).hexdigest(), 1, len(SHARED), None, "", [0], [], [0], None]
    filed = journal | {"addresses": [["unknown@example.test", True]], "kept": None, "messages": [message]}
    return [
        Filed.of(Fields(filed | {"run": 1, "places": [[owner, "mail/INBOX"]]})),
        Moved(1, inbox.source, owner, (moved,)),
        Relisted(1, inbox, (ServerMessage(2, 20_000, 1_700_000_002, "\\Flagged"),)),
        Vanished(1, inbox, "3:4"),
        Returned(1, inbox, "4"),
        Deleting(1, inbox, "5:6"),
        Deleted(1, inbox, "5", "6"),
    ]


async def write(home: Home, lane: LaneIdentity, owner: str, *, entries: int = ENTRIES) -> None:
    """Write a lane: ``entries`` of two messages each of the mailbox of ``owner``, in the middle one that all mailboxes have."""
    async with LaneWriter.open(home, lane, volume_bytes=VOLUME_BYTES) as writer:
        done = (await writer.head()).seq
        for number in range(done, done + entries):
            raws = {2 * number + one: homes.message(2 * number + one, 20_000, seed=lane.number) for one in (1, 2)}
            if number == entries // 2:
                raws[5000] = SHARED
            await writer.append([Draft(archived(owner, "INBOX", raws))], list(raws.values()))
        if not done and entries == ENTRIES:
            await writer.append([Draft(value) for value in later(owner)])


def begin(home: Home, lane: LaneIdentity, owner: str, entries: int = ENTRIES) -> subprocess.Popen[bytes]:
    """A process that writes a lane (``write``)."""
    said = [str(home.path), lane.archive_id, lane.id, str(lane.number), owner, str(entries)]
    command = [sys.executable, "-m", "tests.lanes", *said]
    return subprocess.Popen(command, cwd=ROOT)


if __name__ == "__main__":
    path, archive_id, lane_id, lane_number, of, count = sys.argv[1:]
    asyncio.run(write(Home(Path(path)), LaneIdentity(archive_id, lane_id, int(lane_number)), of, entries=int(count)))
