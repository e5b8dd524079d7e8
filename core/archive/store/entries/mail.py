"""Statements about mail of one mailbox: archived and linked messages, and their later history on the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import ClassVar, Self

from core.archive.store.entries import reading, values
from core.archive.store.entries.reading import Fields, Payload, Row
from core.archive.store.entries.statement import Event, Storing
from core.archive.store.entries.values import Canonical, OwnedFolder, ServerMessage, SourceFolder, SourceMessage
from core.text.format import counted
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Archived(Event, Storing):
    """Messages of a folder on a server that were fetched and stored.

    Payload: {run, source, owner, folder, server_folder, uidvalidity, messages: [[sha256, uid, size, internaldate, flags]],
    canonical: {sha256: sha256}}

    canonical: SHA-256 as they are with CRLF, of messages that are not so; missing when there are none.
    """

    kind: ClassVar[str] = "archived"
    title: ClassVar[str] = "archived mail"
    run: int
    source: SourceFolder
    folder: OwnedFolder
    messages: tuple[SourceMessage, ...]
    canonical: Canonical = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(
            fields.number("run"),
            SourceFolder.of(fields),
            OwnedFolder.of(fields),
            tuple(map(SourceMessage.of_row, fields.rows("messages"))),
            values.canonical(fields),
        )

    def payload(self) -> Payload:
        said = {"run": self.run, **self.source.payload(), **self.folder.payload()}
        said["messages"] = [message.row() for message in self.messages]
        return said | values.canonical_payload(self.canonical)

    def digests(self) -> Sequence[bytes]:
        return [message.sha256 for message in self.messages]

    def sentence(self) -> str:
        what = values.how_many(self.messages)
        return f"Archived {what} from {self.source.login} into {self.folder.path} by {values.author(self.run)}."


@dataclass(frozen=True, slots=True)
class Linked(Event):
    """Archived messages found at another place as well; nothing was fetched.

    Payload: {run, source, owner, folder, server_folder, uidvalidity, messages: [[sha256, uid, size, internaldate, flags]]}

    uid: null for one place more in the archive; folder: null in a catch-all mailbox.
    """

    kind: ClassVar[str] = "linked"
    title: ClassVar[str] = "mail that lies in several folders"
    run: int
    source: SourceFolder
    owner: str
    path: str | None
    messages: tuple[SourceMessage, ...]

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(
            fields.number("run"),
            SourceFolder.of(fields),
            fields.text("owner"),
            fields.text_or_none("folder"),
            tuple(map(SourceMessage.of_row, fields.rows("messages"))),
        )

    def payload(self) -> Payload:
        said = {"run": self.run, **self.source.payload(), "owner": self.owner, "folder": self.path}
        return said | {"messages": [message.row() for message in self.messages]}

    def sentence(self) -> str:
        what = counted(len(self.messages), "message")
        are = "is" if len(self.messages) == 1 else "are"
        return f"Found {what} that {are} archived already in {self.source.sentence()} as well."


@dataclass(frozen=True, slots=True)
class Spot:
    """A message's place on a server."""

    name: str
    uidvalidity: int
    uid: int


@dataclass(frozen=True, slots=True)
class MovedMessage:
    """A message that was at ``origin`` and is in ``name`` now; ``path``: its folder in the archive, None in a catch-all one.

    ``ours``: None for a move by other programs; for a message that we deleted, true when it was seen to come to the trash.
    """

    origin: Spot
    path: str | None
    name: str
    uidvalidity: int
    message: ServerMessage
    ours: bool | None = None

    @classmethod
    def of_row(cls, value: object) -> Self:
        row = reading.columns(value, 10, 11)
        from_name, from_validity, from_uid, path, name, uidvalidity, *listed = row[:10]
        return cls(
            Spot(reading.text(from_name), reading.number(from_validity), reading.number(from_uid)),
            reading.text_or_none(path),
            reading.text(name),
            reading.number(uidvalidity),
            ServerMessage.of_row(listed),
            reading.flag(row[10]) if len(row) > 10 else None,
        )

    def row(self) -> Row:
        origin = [self.origin.name, self.origin.uidvalidity, self.origin.uid]
        ours = [] if self.ours is None else [self.ours]
        return [*origin, self.path, self.name, self.uidvalidity, *self.message.row(), *ours]


@dataclass(frozen=True, slots=True)
class Moved(Event):
    """Messages that are in another folder on the server than before.

    Payload: {run, source, owner, moves: [[from folder, from uidvalidity, from uid, folder, server_folder, uidvalidity, uid,
    size, internaldate, flags, ours]]}

    ours: only of what we deleted and is in the trash now; true when we saw it come there. folder: null in a catch-all mailbox.
    """

    kind: ClassVar[str] = "moved"
    title: ClassVar[str] = "moves that were followed"
    run: int
    source: str
    owner: str
    moves: tuple[MovedMessage, ...]

    @classmethod
    def of(cls, fields: Fields) -> Self:
        moves = tuple(map(MovedMessage.of_row, fields.rows("moves")))
        return cls(fields.number("run"), fields.text("source"), fields.text("owner"), moves)

    def payload(self) -> Payload:
        moves = [move.row() for move in self.moves]
        return {"run": self.run, "source": self.source, "owner": self.owner, "moves": moves}

    def followed(self) -> int:
        """The number of moves by other programs, without those into the trash that our deletions made."""
        return sum(move.ours is None for move in self.moves)

    def sentence(self) -> str:
        what, by = counted(len(self.moves), "message"), values.author(self.run)
        login = values.login_of(self.source)
        folders = sorted({move.path for move in self.moves if move.path is not None})
        if not folders:
            return f"Followed {what} of {login} that moved on the server, where the archive has no folders of it, by {by}."
        into = folders[0] if len(folders) == 1 else counted(len(folders), "folder")
        return f"Followed {what} of {login} that moved to {into}, by {by}."


@dataclass(frozen=True, slots=True)
class Relisted(Event):
    """Known messages for which the server names other numbers than before; their bytes or headers are the same.

    Payload: {run, source, server_folder, uidvalidity, messages: [[uid, size, internaldate, flags]]}
    """

    kind: ClassVar[str] = "relisted"
    title: ClassVar[str] = "known mail with other numbers"
    run: int
    source: SourceFolder
    messages: tuple[ServerMessage, ...]

    @classmethod
    def of(cls, fields: Fields) -> Self:
        messages = tuple(map(ServerMessage.of_row, fields.rows("messages")))
        return cls(fields.number("run"), SourceFolder.of(fields), messages)

    def payload(self) -> Payload:
        return {"run": self.run, **self.source.payload(), "messages": [message.row() for message in self.messages]}

    def sentence(self) -> str:
        what = counted(len(self.messages), "known message")
        where = f"in {self.source.sentence()} listed with other numbers by the server"
        return f"{what} {where}, seen by {values.author(self.run)}; the same mail."


@dataclass(frozen=True, slots=True)
class _OfUids(Event):
    """Messages of a folder, by their UIDs: an IMAP sequence set such as 1:5,9."""

    run: int
    source: SourceFolder
    uids: str

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(fields.number("run"), SourceFolder.of(fields), values.uids(fields, "uids"))

    def payload(self) -> Payload:
        return {"run": self.run, **self.source.payload(), "uids": self.uids}

    def _which(self) -> str:
        return f"{values.messages_in(self.uids)} in {self.source.sentence()}"


@dataclass(frozen=True, slots=True)
class Vanished(_OfUids):
    """Messages that are no longer on the server.

    Payload: {run, source, server_folder, uidvalidity, uids}
    """

    kind: ClassVar[str] = "vanished"
    title: ClassVar[str] = "mail that is no longer on the server"

    def sentence(self) -> str:
        return f"{self._which()} no longer on the server, seen by {values.author(self.run)}; kept here."


@dataclass(frozen=True, slots=True)
class Returned(_OfUids):
    """Messages that had vanished, and are on the server again.

    Payload: {run, source, server_folder, uidvalidity, uids}
    """

    kind: ClassVar[str] = "returned"
    title: ClassVar[str] = "mail that is on the server again"

    def sentence(self) -> str:
        return f"{self._which()} on the server again, seen by {values.author(self.run)}."


@dataclass(frozen=True, slots=True)
class Deleting(_OfUids):
    """Messages that are about to be deleted on the server.

    Payload: {run, source, server_folder, uidvalidity, uids}
    """

    kind: ClassVar[str] = "deleting"
    title: ClassVar[str] = "deletions about to be made"

    def sentence(self) -> str:
        return f"{self._which()} about to be deleted at the source by {values.author(self.run)}."


@dataclass(frozen=True, slots=True)
class Deleted(_OfUids):
    """Messages that were deleted on the server.

    Payload: {run, source, server_folder, uidvalidity, uids, kept}

    uids: deleted messages; kept: messages that are still there. Both are IMAP sequence sets.
    """

    kind: ClassVar[str] = "deleted"
    title: ClassVar[str] = "deletions at the source"
    kept: str

    @classmethod
    def of(cls, fields: Fields) -> Self:
        uids, kept = values.uids(fields, "uids"), values.uids(fields, "kept")
        return cls(fields.number("run"), SourceFolder.of(fields), uids, kept)

    def payload(self) -> Payload:
        return {"run": self.run, **self.source.payload(), "uids": self.uids, "kept": self.kept}

    def sentence(self) -> str:
        kept = f"; {values.messages_in(self.kept)} left there" if self.kept else ""
        return f"{self._which()} deleted at the source by {values.author(self.run)}{kept}."


#: Statements about the mail of one mailbox.
AnyMail = Archived | Moved | Linked | Vanished | Relisted | Returned | Deleting | Deleted
