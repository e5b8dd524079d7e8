"""Writes what was fetched into the archive: one ledger entry and one transaction a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import sequence
from core.archive.archive import Archive
from core.archive.ledger import Draft
from core.archive.preparation import Ready
from core.archive.sources import Gone
from core.engine.plan import Place
from core.imap.names import Folder
from core.imap.replies import Listed

#: Moves in one entry: keeps an entry's payload under a megabyte.
MOVES_PER_ENTRY = 2000
#: A row of a ``moved`` entry has one column more when we deleted the message ourselves.
MOVE_COLUMNS = 10


@dataclass(frozen=True, slots=True)
class Destination:
    """Whose archive a mailbox goes to: the owner's id, the top folder, and the mailbox's name in the ledger."""

    run: int
    source: str
    owner: str
    top: str

    def path(self, folder: Folder) -> str:
        """The folder's place in the owner's archive: ``anna@example.test/INBOX/Projekte``."""
        return f"{self.top}/{folder.path}"


@dataclass(frozen=True, slots=True)
class Move:
    """A message that vanished at ``origin``, is at ``place`` on the server now, and at ``path`` in the archive.

    ``deleted``: we deleted it there, and it is in the trash now. ``ours``: we saw it come there when we deleted it.
    """

    origin: Gone
    place: Place
    listed: Listed
    path: str
    deleted: bool = False
    ours: bool = False


async def store(
    archive: Archive,
    destination: Destination,
    folder: Folder,
    uidvalidity: int,
    messages: Sequence[tuple[int, bytes, Listed]],
    ready: Ready,
) -> int:
    """Archive (UID, raw bytes, listing) of one folder; durable when this returns. The raw bytes stored or found known.

    ``ready`` holds the same messages in the same order (``Archive.prepare``).
    """
    if not messages:
        return 0
    rows = [
        [message.sha256.hex(), uid, listed.size, listed.internaldate, listed.flags]
        for message, (uid, _, listed) in zip(ready.messages, messages, strict=True)
    ]
    payload = _payload(destination) | {
        "owner": destination.owner,
        "folder": destination.path(folder),
        "server_folder": folder.name,
        "uidvalidity": uidvalidity,
        "messages": rows,
    }
    await archive.append([Draft("archived", payload)], ready)
    return sum(len(raw) for _, raw, _ in messages)


async def record_vanished(archive: Archive, destination: Destination, name: str, vanished: Mapping[int, Sequence[int]]) -> None:
    """Note that messages are no longer where they were; what was archived of them stays."""
    drafts = [
        Draft(
            "vanished",
            _payload(destination) | {"server_folder": name, "uidvalidity": uidvalidity, "uids": sequence.pack(uids)},
        )
        for uidvalidity, uids in sorted(vanished.items())
        if uids
    ]
    if drafts:
        await archive.append(drafts)


async def record_moves(
    archive: Archive,
    destination: Destination,
    moves: Sequence[Move],
) -> None:
    """Note that vanished messages turned up elsewhere."""
    for start in range(0, len(moves), MOVES_PER_ENTRY):
        rows: list[list[Any]] = [
            [
                *(move.origin.name, move.origin.uidvalidity, move.origin.uid, move.path),
                *(move.place.folder, move.place.uidvalidity, move.place.uid),
                *(move.listed.size, move.listed.internaldate, move.listed.flags),
                *((move.ours,) if move.deleted else ()),
            ]
            for move in moves[start : start + MOVES_PER_ENTRY]
        ]
        payload = _payload(destination) | {"owner": destination.owner, "moves": rows}
        await archive.append([Draft("moved", payload)])


def followed(rows: Sequence[Sequence[Any]]) -> int:
    """How many rows of a ``moved`` entry are moves, and not what lies in the trash because we deleted it."""
    return sum(len(row) == MOVE_COLUMNS for row in rows)


async def record_deleting(archive: Archive, destination: Destination, name: str, uidvalidity: int, uids: Sequence[int]) -> None:
    """Say what is about to be deleted on the server, durably: a crash then leaves a question, and no forgotten deletion."""
    place = {"server_folder": name, "uidvalidity": uidvalidity}
    await archive.append([Draft("deleting", _payload(destination) | place | {"uids": sequence.pack(uids)})])


async def record_deleted(
    archive: Archive, destination: Destination, name: str, uidvalidity: int, gone: Iterable[int], kept: Iterable[int]
) -> None:
    """Say what is gone of what was to be deleted, and what is there in spite of it."""
    place = {"server_folder": name, "uidvalidity": uidvalidity}
    uids = {"uids": sequence.pack(gone), "kept": sequence.pack(kept)}
    await archive.append([Draft("deleted", _payload(destination) | place | uids)])


def _payload(destination: Destination) -> dict[str, Any]:
    return {"run": destination.run, "source": destination.source}
