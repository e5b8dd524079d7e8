"""Statements about mail that came from files, went to files, or went back to a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import ClassVar, Self

from core.archive.store.entries import reading, values
from core.archive.store.entries.reading import Fields, Payload, Row
from core.archive.store.entries.statement import Event, Storing, Unprojected
from core.archive.store.entries.values import Canonical, Head, OwnedFolder, SourceFolder, SourceMessage
from core.text.format import counted, number, size
from core.values import dataclass

#: Words for a folder that is not the mailbox's own.
_WHOSE = {"others": ", a folder of another user", "shared": ", a shared folder"}


@dataclass(frozen=True, slots=True)
class ImportedMessage:
    """A message from a file; ``internaldate`` and ``flags`` as far as the file tells them."""

    sha256: bytes
    size: int
    internaldate: int | None
    flags: str

    @classmethod
    def of_row(cls, value: object) -> Self:
        sha256, size, internaldate, flags = reading.columns(value, 4)
        return cls(reading.digest(sha256), reading.number(size), reading.number_or_none(internaldate), reading.text(flags))

    def row(self) -> Row:
        return [self.sha256.hex(), self.size, self.internaldate, self.flags]


@dataclass(frozen=True, slots=True)
class Files:
    """The files that mail came from: their format, where they lay, and whether an export of an archive wrote them."""

    format: str
    path: str
    exported: bool = False


@dataclass(frozen=True, slots=True)
class Imported(Event, Storing):
    """Messages from files.

    Payload: {owner, user, folder, format, path, messages: [[sha256, size, internaldate, flags]], exported,
    canonical: {sha256: sha256}}

    path: where the files lay; user: the owner's name, missing in older entries; exported: true of files of an export, else
    missing; canonical: as in ``Archived``.
    """

    kind: ClassVar[str] = "imported"
    title: ClassVar[str] = "imported mail"
    folder: OwnedFolder
    user: str
    files: Files
    messages: tuple[ImportedMessage, ...]
    canonical: Canonical = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(
            OwnedFolder.of(fields),
            fields.text("user", ""),
            Files(fields.text("format"), fields.text("path"), fields.flag("exported", False)),
            tuple(map(ImportedMessage.of_row, fields.rows("messages"))),
            values.canonical(fields),
        )

    def payload(self) -> Payload:
        said = {**self.folder.payload(), "user": self.user, "format": self.files.format, "path": self.files.path}
        said["messages"] = [message.row() for message in self.messages]
        said |= {"exported": True} if self.files.exported else {}
        return said | values.canonical_payload(self.canonical)

    def digests(self) -> Sequence[bytes]:
        return [message.sha256 for message in self.messages]

    def sentence(self) -> str:
        whose = f" of {self.user}" if self.user else ""
        return f"Imported {values.how_many(self.messages)} from {self.files.path} into {self.folder.path}{whose}."


@dataclass(frozen=True, slots=True)
class Exported(Event, Unprojected):
    """Messages that were written to files.

    Payload: {owner, folder, format, messages, already, damaged, complete}

    messages, already, damaged: counts; owner: empty for all users; the last three are missing in older entries.
    """

    kind: ClassVar[str] = "exported"
    title: ClassVar[str] = "exports"
    folder: OwnedFolder
    format: str
    messages: int
    already: int = 0
    damaged: int = 0
    complete: bool = True

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(
            OwnedFolder.of(fields),
            fields.text("format"),
            fields.number("messages"),
            fields.number("already", 0),
            fields.number("damaged", 0),
            fields.flag("complete", True),
        )

    def payload(self) -> Payload:
        numbers = {"messages": self.messages, "already": self.already, "damaged": self.damaged}
        return {**self.folder.payload(), "format": self.format, **numbers, "complete": self.complete}

    def sentence(self) -> str:
        of = f" of {self.folder.path}" if self.folder.path else ""
        already = f"; {number(self.already)} were there already" if self.already else ""
        end = "" if self.complete else "; it was broken off"
        return f"Exported {counted(self.messages, 'message')}{of} as {self.format.upper()}{already}{end}."


@dataclass(frozen=True, slots=True)
class RestoredMailbox:
    """The mailbox that mail was put back to, for display: its login, the folder's path and its owner.

    ``whose``: own, others, shared or doubtful; None when the server does not tell.
    """

    login: str
    path: str
    whose: str | None


@dataclass(frozen=True, slots=True)
class Restored(Event):
    """Messages that were put back on a server.

    Payload: {profile, source, owner, folder, server_folder, login, path, whose, uidvalidity, known,
    messages: [[sha256, uid, size, internaldate, flags]]}

    uid: null when the server does not tell; known: the mailbox is archived for owner, so that the messages are
    not new there; login, path (of server_folder, for people) and whose are missing in older entries.
    """

    kind: ClassVar[str] = "restored"
    title: ClassVar[str] = "restored mail"
    profile: str
    folder: OwnedFolder
    source: SourceFolder
    target: RestoredMailbox | None
    known: bool
    messages: tuple[SourceMessage, ...]

    @classmethod
    def of(cls, fields: Fields) -> Self:
        target = None
        if "login" in fields:
            target = RestoredMailbox(fields.text("login"), fields.text("path"), fields.text_or_none("whose"))
        return cls(
            fields.text("profile"),
            OwnedFolder.of(fields),
            SourceFolder.of(fields),
            target,
            fields.flag("known"),
            tuple(map(SourceMessage.of_row, fields.rows("messages"))),
        )

    def payload(self) -> Payload:
        said = {"profile": self.profile, **self.source.payload(), **self.folder.payload(), "known": self.known}
        if self.target is not None:
            said |= {"login": self.target.login, "path": self.target.path, "whose": self.target.whose}
        return said | {"messages": [message.row() for message in self.messages]}

    def sentence(self) -> str:
        whose = _WHOSE.get(self.target.whose or "", "") if self.target else ""
        what = f"{values.how_many(self.messages)} of {self.folder.path}"
        return f"Restored {what} to {self.source.sentence()}{whose}, by profile {self.profile}."


@dataclass(frozen=True, slots=True)
class Copied:
    """Volumes of a backup: how many were copied, those unchanged since the last one, and the bytes of the copies."""

    volumes: int
    already: int
    bytes: int


@dataclass(frozen=True, slots=True)
class BackedUp(Event, Unprojected):
    """A copy of the archive in another directory.

    Payload: {directory, seq, hash, volumes, already, bytes, key}

    seq, hash: of the last entry in it; volumes copied, those unchanged (already), bytes of the copies; key: false of one
    without it, missing in older entries.
    """

    kind: ClassVar[str] = "backed_up"
    title: ClassVar[str] = "backups"
    directory: str
    head: Head
    copied: Copied
    key: bool = True

    @classmethod
    def of(cls, fields: Fields) -> Self:
        return cls(
            fields.text("directory"),
            Head(fields.number("seq"), fields.digest("hash")),
            Copied(fields.number("volumes"), fields.number("already"), fields.number("bytes")),
            fields.flag("key", True),
        )

    def payload(self) -> Payload:
        copied = {"volumes": self.copied.volumes, "already": self.copied.already, "bytes": self.copied.bytes}
        return {"directory": self.directory, "seq": self.head.seq, "hash": self.head.hash.hex(), **copied, "key": self.key}

    def sentence(self) -> str:
        copied = f"{counted(self.copied.volumes, 'volume')} ({size(self.copied.bytes)}) copied"
        without = "" if self.key else " without the key"
        upto = f"to {self.directory} up to entry {number(self.head.seq)}"
        return f"Backed up{without} {upto}: {copied}, {number(self.copied.already)} unchanged."


#: Statements about files and restores.
AnyTransfer = Exported | Imported | Restored | BackedUp
