"""Filing: writes fetched messages into the archive, one ledger entry and one transaction a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from core.archive.read import folder_states
from core.archive.read.folder_states import FolderState
from core.archive.read.sources import Gone, LeftRecord
from core.archive.store.entries.mail import (
    Archived,
    Deleted,
    Deleting,
    Linked,
    Moved,
    MovedMessage,
    Relisted,
    Returned,
    Spot,
    Vanished,
)
from core.archive.store.entries.values import OwnedFolder, ServerMessage, SourceFolder, SourceMessage
from core.archive.store.ledger import Draft
from core.archive.visited import VisitedArchive
from core.engine.visit.plan import ServerPlace
from core.imap.names import Folder
from core.imap.replies import Listed
from core.problems.code import Reason
from core.text import sequence
from core.values import dataclass

#: The run number in entries archived by a comparison.
NO_RUN = 0
#: Moves per entry: keeps a payload under a megabyte.
MOVES_PER_ENTRY = 2000


@dataclass(frozen=True, slots=True)
class Destination:
    """The destination of a mailbox in the archive: the owner's id, the top folder, and the mailbox's name in the ledger.

    ``everybody``: a catch-all mailbox, whose messages are placed by recipient, not by folder. ``login`` is the name that opens
    the mailbox.
    """

    run: int
    source: str
    owner: str
    top: str
    everybody: bool = False
    login: str = ""

    def path(self, folder: Folder) -> str | None:
        """The folder's path in the owner's archive: ``anna@example.test/INBOX/Projekte``.

        A folder of another user gets a path that names its owner.
        """
        return None if self.everybody else f"{self.top}/{folder.whose.place(folder.path)}"

    def folder(self, name: str, uidvalidity: int) -> SourceFolder:
        """A folder of the mailbox in ledger form; ``name`` exactly as on the wire."""
        return SourceFolder(self.source, name, uidvalidity)


def source_message(sha256: bytes, uid: int | None, listed: Listed) -> SourceMessage:
    """A message in ledger form, with the numbers that the server lists."""
    return SourceMessage(sha256, uid, listed.size, listed.internaldate, listed.flags)


def _server_message(uid: int, listed: Listed) -> ServerMessage:
    return ServerMessage(uid, listed.size, listed.internaldate, listed.flags)


#: (UID, raw bytes, listing) of messages of one folder.
Batch = Sequence[tuple[int, bytes, Listed]]


@dataclass(frozen=True, slots=True)
class FolderBatch:
    """A batch of messages, and the folder under ``uidvalidity`` that they were fetched from."""

    folder: Folder
    uidvalidity: int
    messages: Batch


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """The result of storing a batch: the bytes stored or found known, and the UIDs left on the server, not archived.

    ``known``: UIDs whose messages lay in the mailbox's part of the archive already.
    """

    bytes: int
    left: frozenset[int] = frozenset()
    known: frozenset[int] = frozenset()


class Filing(Protocol):
    """The way of a mailbox's fetched messages into the archive."""

    @property
    def archive(self) -> VisitedArchive:
        """The archive as a whole."""

    @property
    def to(self) -> Destination:
        """The archive that they go to."""

    def content(self, raw: bytes) -> bytes:
        """The server's message as it would be archived."""

    def still_left(self, uids: Iterable[int], left: Mapping[int, LeftRecord]) -> set[int]:
        """Those of ``uids`` that were ``left`` on the server before, and would be left again."""

    async def store(self, folder: Folder, uidvalidity: int, messages: Batch) -> StoredBatch:
        """Archive a batch; durable when this returns. Several batches may be filed at once."""

    async def store_all(self, batches: Sequence[FolderBatch]) -> list[StoredBatch]:
        """Archive batches of several folders as ``store`` would, together; durable when this returns."""

    def remarks(self) -> list[Reason]:
        """Warnings of this run."""


class OwnFiling:
    """Files a mailbox into its owner's archive, folder by folder."""

    def __init__(self, archive: VisitedArchive, to: Destination) -> None:
        self.archive = archive
        self.to = to

    def content(self, raw: bytes) -> bytes:
        return raw

    def still_left(self, uids: Iterable[int], left: Mapping[int, LeftRecord]) -> set[int]:
        return set()

    async def store(self, folder: Folder, uidvalidity: int, messages: Batch) -> StoredBatch:
        return (await self.store_all([FolderBatch(folder, uidvalidity, messages)]))[0]

    async def store_all(self, batches: Sequence[FolderBatch]) -> list[StoredBatch]:
        ready = await self.archive.writer.prepare([raw for batch in batches for _, raw, _ in batch.messages])
        prepared = iter(ready.messages)
        drafts = []
        for batch in batches:
            path = self.to.path(batch.folder)
            assert path is not None
            rows = tuple(source_message(next(prepared).sha256, uid, listed) for uid, _, listed in batch.messages)
            source = self.to.folder(batch.folder.name, batch.uidvalidity)
            drafts.append(Draft(Archived(self.to.run, source, OwnedFolder(self.to.owner, path), rows)))
        await self.archive.writer.append(drafts, ready)
        return [StoredBatch(sum(len(raw) for _, raw, _ in batch.messages)) for batch in batches]

    def remarks(self) -> list[Reason]:
        return []


@dataclass(frozen=True, slots=True)
class Move:
    """A message that vanished at ``origin``, is at ``place`` on the server now, and at ``path`` in the archive.

    ``path`` is None where the archive folder does not depend on the server's. ``deleted``: we deleted it there, and it is in
    the trash now. ``ours``: it was seen to come there when we deleted it.
    """

    origin: Gone
    place: ServerPlace
    listed: Listed
    path: str | None
    deleted: bool = False
    ours: bool = False


@dataclass(frozen=True, slots=True)
class MessageLink:
    """An archived message that is at ``uid`` of a folder as well; ``path`` is its archive folder.

    Without a ``uid`` it gets one more archive folder, and no position on the server.
    """

    sha256: bytes
    uid: int | None
    listed: Listed
    path: str | None


async def record_links(
    archive: VisitedArchive, destination: Destination, name: str, uidvalidity: int, links: Iterable[MessageLink]
) -> None:
    """Record archived messages of a folder at these places."""
    by_path: dict[str | None, list[MessageLink]] = {}
    for link in links:
        by_path.setdefault(link.path, []).append(link)
    drafts = []
    source = destination.folder(name, uidvalidity)
    for path, several in by_path.items():
        for start in range(0, len(several), MOVES_PER_ENTRY):
            rows = tuple(source_message(one.sha256, one.uid, one.listed) for one in several[start : start + MOVES_PER_ENTRY])
            drafts.append(Draft(Linked(destination.run, source, destination.owner, path, rows)))
    if drafts:
        await archive.append(drafts)


async def record_vanished(
    archive: VisitedArchive, destination: Destination, name: str, vanished: Mapping[int, Sequence[int]]
) -> None:
    """Record vanished messages of a folder; their archived copies stay."""
    await record_vanished_in(archive, destination, [(name, vanished)])


async def record_vanished_in(
    archive: VisitedArchive, destination: Destination, folders: Iterable[tuple[str, Mapping[int, Sequence[int]]]]
) -> None:
    """Record vanished messages of several folders, by their names, in one transaction.

    The states of these folders are forgotten.
    """
    changed = [(name, vanished) for name, vanished in folders if any(vanished.values())]
    drafts = [
        Draft(Vanished(destination.run, destination.folder(name, uidvalidity), sequence.pack(uids)))
        for name, vanished in changed
        for uidvalidity, uids in sorted(vanished.items())
        if uids
    ]
    if drafts:
        await _forget_states(archive, destination, [name for name, _ in changed])
        await archive.append(drafts)


async def _forget_states(archive: VisitedArchive, destination: Destination, names: Iterable[str]) -> None:
    """Forget when folders were complete, before their record changes: a run that is broken off would leave another count."""
    await folder_states.remember(archive, destination.source, [FolderState(name) for name in names])


async def record_relisted(
    archive: VisitedArchive, destination: Destination, name: str, uidvalidity: int, messages: Iterable[tuple[int, Listed]]
) -> None:
    """Record the numbers that the server lists now for known messages."""
    rows = tuple(_server_message(uid, listed) for uid, listed in messages)
    source = destination.folder(name, uidvalidity)
    for start in range(0, len(rows), MOVES_PER_ENTRY):
        await archive.append([Draft(Relisted(destination.run, source, rows[start : start + MOVES_PER_ENTRY]))])


async def record_returned(
    archive: VisitedArchive, destination: Destination, name: str, uidvalidity: int, uids: Iterable[int]
) -> None:
    """Record messages that returned to where they vanished; the folder's state is forgotten."""
    await _forget_states(archive, destination, [name])
    entry = Returned(destination.run, destination.folder(name, uidvalidity), sequence.pack(uids))
    await archive.append([Draft(entry)])


async def record_moves(
    archive: VisitedArchive,
    destination: Destination,
    moves: Sequence[Move],
) -> None:
    """Record vanished messages that turned up elsewhere."""
    for start in range(0, len(moves), MOVES_PER_ENTRY):
        rows = tuple(
            MovedMessage(
                Spot(move.origin.name, move.origin.uidvalidity, move.origin.uid),
                move.path,
                move.place.folder,
                move.place.uidvalidity,
                _server_message(move.place.uid, move.listed),
                move.ours if move.deleted else None,
            )
            for move in moves[start : start + MOVES_PER_ENTRY]
        )
        await archive.append([Draft(Moved(destination.run, destination.source, destination.owner, rows))])


async def record_deleting(
    archive: VisitedArchive, destination: Destination, name: str, uidvalidity: int, uids: Sequence[int]
) -> None:
    """Record a deletion about to be made, durably: a crash then leaves a question, and no forgotten deletion."""
    entry = Deleting(destination.run, destination.folder(name, uidvalidity), sequence.pack(uids))
    await archive.append([Draft(entry)])


async def record_deleted(
    archive: VisitedArchive, destination: Destination, name: str, uidvalidity: int, gone: Iterable[int], kept: Iterable[int]
) -> None:
    """Record the messages deleted, and those that are still there."""
    source = destination.folder(name, uidvalidity)
    entry = Deleted(destination.run, source, sequence.pack(gone), sequence.pack(kept))
    await archive.append([Draft(entry)])
