"""Export: messages as files, byte for byte, in the folders of the archive, with a manifest of what they are.

What holds here: an existing file is never overwritten, a final name is only given to a complete file, and repeating an export
continues it, however it was stopped.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from core.archive import noting
from core.archive.archive import Archive
from core.archive.read import originals
from core.archive.read import selection as selecting
from core.archive.read.selection import SelectedFolder, SelectedMessage, Selection
from core.archive.store.entries import transfers
from core.archive.store.entries.values import OwnedFolder
from core.archive.store.ledger import Draft
from core.archive.store.row_order import Read
from core.archive.transfer.export_files import Emls, Maildirs
from core.archive.transfer.export_mbox import Mboxes
from core.archive.transfer.filenames import file_name, maildirs, tree, unique
from core.archive.transfer.manifest import NAME, SUMS, Header, Manifest
from core.errors import DamagedError, InputError, StorageError
from core.message.octets import Bytes
from core.problems import command_line
from core.problems import export as problems
from core.problems.code import Face, Reason
from core.system.open_folder import OpenFolder
from core.system.tasks import one_ahead, to_the_end
from core.values import dataclass


class ExportFormat(StrEnum):
    """The form of exported messages: a file each, one file for each folder, or folders as mail servers keep them."""

    EML = "eml"
    MBOX = "mbox"
    MAILDIR = "maildir"


@dataclass(frozen=True, slots=True)
class UnexportedMessage:
    """A message that could not be read from the archive: its id, the user's name, the folder's path, and the reason."""

    message: int
    user: str
    folder: str
    why: Reason

    def told(self, face: Face) -> str:
        """All of it in a line, in the words of a face."""
        return f"message {self.message} in {self.user}: {self.folder}: {self.why.sentence(face)}"

    def as_json(self) -> dict[str, Any]:
        return {"message": self.message, "user": self.user, "folder": self.folder, **command_line.coded(self.why)}


@dataclass(slots=True)
class ExportProgress:
    """The progress of an export. ``total`` and ``bytes_total`` cover the whole selection, ``already`` was there before.

    ``damaged`` lists messages that could not be read from the archive; ``folder`` is the one being written.
    """

    total: int = 0
    bytes_total: int = 0
    messages: int = 0
    bytes: int = 0
    already: int = 0
    folder: str = ""
    damaged: list[UnexportedMessage] = field(default_factory=list)
    #: The reason why the ledger has no entry of it, if nothing can be written.
    unnoted: Reason | None = None

    @property
    def done(self) -> int:
        return self.messages + self.already + len(self.damaged)


class ExportWriter(Protocol):
    """Writes the messages of one folder after another, in one format. Blocking. Raises ``InputError``, ``OSError``."""

    def begin(self, folder: SelectedFolder, place: str) -> None:
        """Begin a folder; ``place`` is its path below the export's folder."""

    def has(self, message: SelectedMessage) -> bool:
        """True when the message is there already."""

    def write(self, message: SelectedMessage, raw: Bytes) -> None:
        """Write a message that is not there yet. Of one whose reading ends with ``DamagedError`` nothing is left."""

    def end(self) -> None:
        """End a folder whose messages are all written."""

    def stop(self) -> None:
        """Stop within a folder; written messages are kept for the next export."""


async def export(
    archive: Archive,
    selection: Selection,
    target: Path,
    form: ExportFormat,
    *,
    actor: str = "archivar",
    tick: Callable[[ExportProgress], None] = lambda exported: None,
) -> ExportProgress:
    """Write the selected messages below ``target``; ``tick`` is called after some.

    Cancelled, it keeps the written files, and records them in the ledger. Raises ``InputError`` (nothing selected, target
    cannot
    be used), ``BusyError`` (another export to it), ``StorageError`` (disk full).
    """
    folders = await selecting.select(archive, selection)
    done = ExportProgress(sum(folder.messages for folder in folders), sum(folder.bytes for folder in folders))
    places = await _places(archive, folders, form)
    try:
        await _Export(archive, form, done, tick).write(folders, places, target)
        return done
    except OSError as error:
        raise StorageError(problems.UNWRITTEN(path=str(target), said=str(error.strerror))) from error
    finally:
        await _record(archive, selection, form, done, actor)


#: A selected message, and what was read of it.
_Found: TypeAlias = tuple[SelectedMessage, Read[Bytes]]


@dataclass(frozen=True, slots=True)
class _Export:
    """One export under way."""

    archive: Archive
    form: ExportFormat
    done: ExportProgress
    tick: Callable[[ExportProgress], None]

    async def write(self, folders: Sequence[SelectedFolder], places: dict[int, str], target: Path) -> None:
        """Write ``folders`` below ``target``, each at its of ``places``, which has their ids."""
        if self.archive.home.holds(target):
            raise InputError(problems.WITHIN_HOME(path=str(target)))
        header = Header(self.form.value, str(await self.archive.database.value("SELECT archive_id FROM applied")))
        with await asyncio.to_thread(OpenFolder.own, target) as opened:
            manifest = await asyncio.to_thread(Manifest.open, opened, header)
            try:
                writer = _WRITERS[self.form](opened, manifest)
                for folder in folders:
                    await self._folder(folder, places[folder.id], writer)
                await asyncio.to_thread(_finish, manifest)
            finally:
                manifest.close()

    async def _folder(self, folder: SelectedFolder, place: str, writer: ExportWriter) -> None:
        self.done.folder = folder.path
        # For the writer's methods, of which one is called at a time.
        turn = asyncio.Lock()
        try:
            await to_the_end(asyncio.to_thread(writer.begin, folder, place))
            async with aclosing(one_ahead(self._unwritten(folder, writer, turn))) as pages:
                async for page in pages:
                    async with turn:
                        await to_the_end(asyncio.to_thread(self._write, folder, page, writer))
                    self.tick(self.done)
            await to_the_end(asyncio.to_thread(writer.end))
        except BaseException:
            writer.stop()
            raise

    async def _unwritten(
        self, folder: SelectedFolder, writer: ExportWriter, turn: asyncio.Lock
    ) -> AsyncGenerator[list[_Found]]:
        """The messages of a folder that are not there yet, in their order, some at a time."""
        async with aclosing(selecting.pages(self.archive, folder)) as several:
            async for messages in several:
                wanted = await self._wanted(messages, writer, turn)
                digests = [one.sha256 for one in wanted]
                async with aclosing(originals.read(self.archive, digests, _unread, prove=False)) as pages:
                    async for page in pages:
                        some, wanted = wanted[: len(page)], wanted[len(page) :]
                        yield list(zip(some, page, strict=True))

    async def _wanted(
        self, messages: Sequence[SelectedMessage], writer: ExportWriter, turn: asyncio.Lock
    ) -> list[SelectedMessage]:
        async with turn:
            wanted = await to_the_end(asyncio.to_thread(lambda: [one for one in messages if not writer.has(one)]))
        if len(wanted) < len(messages):
            self.done.already += len(messages) - len(wanted)
            self.tick(self.done)
        return wanted

    def _write(self, folder: SelectedFolder, found: Sequence[_Found], writer: ExportWriter) -> None:
        done = self.done
        for message, read in found:
            try:
                if isinstance(read.result, Exception):
                    raise read.result
                writer.write(message, read.result)
            except (DamagedError, StorageError, KeyError) as error:
                why = problems.MESSAGE_MISSING() if isinstance(error, KeyError) else error.reason
                done.damaged.append(UnexportedMessage(message.message, folder.user, folder.path, why))
            else:
                done.messages += 1
                done.bytes += len(read.result)


_WRITERS: dict[ExportFormat, Callable[[OpenFolder, Manifest], ExportWriter]] = {
    ExportFormat.EML: Emls,
    ExportFormat.MBOX: Mboxes,
    ExportFormat.MAILDIR: Maildirs,
}


def _unread(raw: Bytes) -> Bytes:
    """A message as it is: a large one is matched with its SHA-256 while it is written."""
    return raw


def _finish(manifest: Manifest) -> None:
    # Before the checksums that stand for complete files: single files may not be synced yet.
    os.sync()
    manifest.finish()


async def _record(archive: Archive, selection: Selection, form: ExportFormat, done: ExportProgress, actor: str) -> None:
    """Record the export in the ledger, also a broken-off one."""
    if not done.messages and not done.already:
        return
    folder = OwnedFolder(selection.user, selection.folder)
    counts = (done.messages, done.already, len(done.damaged))
    if archive.refusal is not None:
        done.unnoted = noting.unnoted(archive.refusal)
        return
    entry = transfers.Exported(folder, form.value, *counts, complete=done.done == done.total)
    done.unnoted = await noting.noted(archive.append([Draft(entry, actor)]))


async def _places(archive: Archive, folders: Sequence[SelectedFolder], form: ExportFormat) -> dict[int, str]:
    """The path of each folder below the export's folder, by id.

    Named with regard to all folders of the archive, in the order of their creation, so that a later export of more gives the
    same names.
    """
    rows = await archive.database.read("SELECT id, name FROM user ORDER BY id")
    own = [("\0", NAME), ("\1", SUMS)]
    people = unique([*own, *((owner, file_name(name)) for owner, name in rows)])
    found: dict[int, str] = {}
    for owner in dict.fromkeys(folder.owner for folder in folders):
        paths = await archive.database.read("SELECT path, id FROM folder WHERE owner = ? ORDER BY id", (owner,))
        named = (maildirs if form is ExportFormat.MAILDIR else tree)([path for path, _ in paths])
        found |= {number: f"{people[owner]}/{named[path]}" for path, number in paths}
    return {folder.id: found[folder.id] for folder in folders}
