"""Writes what was fetched into the archive: one ledger entry and one transaction a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from core.profiles.profile import Profile

#: Moves in one entry: keeps an entry's payload under a megabyte.
MOVES_PER_ENTRY = 2000


def source_of(profile: Profile, owner: str) -> str:
    """The name in the ledger of a mailbox and of where it goes.

    What is known of a mailbox is known for one archive: sent to another user's, or to another folder, all of it is new there.
    """
    return f"{profile.source} -> {owner}/{profile.target.folder}"


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
    """A message that vanished at ``origin``, is at ``place`` on the server now, and at ``path`` in the archive."""

    origin: Gone
    place: Place
    listed: Listed
    path: str


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
            ]
            for move in moves[start : start + MOVES_PER_ENTRY]
        ]
        payload = _payload(destination) | {"owner": destination.owner, "moves": rows}
        await archive.append([Draft("moved", payload)])


def _payload(destination: Destination) -> dict[str, Any]:
    return {"run": destination.run, "source": destination.source}
