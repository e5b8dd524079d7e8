"""Archived mail: owners, folders, lists of messages; and messages to read, read in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from core.archive.archive import Archive
from core.archive.read import browsing, reading
from core.archive.read.browsing import FolderEntry, Owner
from core.archive.read.reading import Stored
from core.archive.transfer import saving
from core.errors import ArchivarError, DamagedError, InputError
from core.message import content
from core.message.content import Content
from core.message.octets import Bytes
from core.model import now
from core.problems.message import NO_ATTACHMENT
from core.problems.search import NO_MESSAGE
from core.problems.volume import NOT_ARCHIVED
from core.system import log
from core.text import format as texts
from tui.desk import present, typed
from tui.desk.archive.message import (
    MessageRow,
    MessageView,
    PlaceRow,
    SourceLines,
    message_row,
    message_view,
    place_row,
    unread_view,
)
from tui.desk.present import BLANK, Safe
from tui.desk.refusals import fault, translated, way


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """An owner of mail. ``key`` is the permanent id."""

    key: str
    name: Safe
    full_name: Safe
    address: Safe
    removed: bool


@dataclass(frozen=True, slots=True)
class ArchiveFolder:
    """A folder in the tree. ``key`` is its id, 0 if it only contains folders; ``path`` is true, for comparisons only.

    ``messages`` counts its own, ``all_messages`` also those below; ``shown`` is the whole path, ``inner``: it contains folders.
    """

    key: int
    path: str
    depth: int
    name: Safe
    shown: Safe
    messages: int
    all_messages: int
    inner: bool


@dataclass(frozen=True, slots=True)
class FolderSnapshot:
    """A folder at the moment of opening: its list stands still. ``seq`` is the moment."""

    key: int
    seq: int
    total: int


@dataclass(frozen=True, slots=True)
class MailSelection:
    """Criteria for exporting or restoring mail, all of which must hold; none selects everything.

    ``user`` is an id, ``folder`` a true path with its subfolders, ``messages`` are ids. ``words`` describe it. ``messages`` are
    limited to ``folders``, by id, if there are any.
    """

    user: str = ""
    folder: str = ""
    query: str = ""
    messages: tuple[int, ...] = ()
    words: Safe = BLANK
    folders: frozenset[int] = frozenset()


#: Bytes of a message that is read only for a preview.
GLANCE = 2_000_000


class ArchiveDesk:
    """Archived mail: folders and messages. Every method may raise ``Refused``."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        #: The last message read, with its bytes: further requests are mostly about the same one.
        self._last: tuple[int, Bytes, Content | None] | None = None

    # Lists ---------------------------------------------------------------------------------------------------------------

    async def owner_count(self, contains: str) -> int:
        """The number of owners of mail, with ``contains`` in a name or an address."""
        with translated():
            return await browsing.count_owners(self._archive, contains)

    async def owners(self, contains: str, offset: int, limit: int) -> Sequence[OwnerRow]:
        """A page of the owners, by name."""
        with translated():
            return [owner_row(one) for one in await browsing.owners(self._archive, contains, offset=offset, limit=limit)]

    async def folders(self, owner: str) -> Sequence[ArchiveFolder]:
        """The folders of an owner as a tree, from the top down."""
        with translated():
            return tree(await browsing.folders(self._archive, owner))

    async def open_folder(self, key: int) -> FolderSnapshot:
        """A folder as it is now."""
        with translated():
            seq = await browsing.reached(self._archive)
            return FolderSnapshot(key, seq, await browsing.count(self._archive, key, seq))

    async def page(self, folder: FolderSnapshot, offset: int, limit: int) -> Sequence[MessageRow]:
        """A page of its messages, the newest first."""
        with translated():
            found = await browsing.page(self._archive, folder.key, folder.seq, folder.total, offset=offset, limit=limit)
        return [message_row(one, now()) for one in found]

    async def news(self, folder: FolderSnapshot) -> Safe:
        """The changes since it was opened, in words; empty for none."""
        with translated():
            if await browsing.reached(self._archive) == folder.seq:
                return present.BLANK
            since = await browsing.since(self._archive, folder.key, folder.seq)
        words = [f"{texts.number(since.come)} new"] if since.come else []
        return present.sentence(", ".join([*words, *([f"{texts.number(since.gone)} gone"] if since.gone else [])]))

    # One message ---------------------------------------------------------------------------------------------------------

    async def preview(self, message: int) -> MessageView:
        """The beginning of a message. A large one is not read for it."""
        with translated():
            stored = await self._stored(message)
            if stored.size > GLANCE:
                return unread_view(stored, f"It has {texts.size(stored.size)}, so it is read only when it is opened.")
        return await self.message(message)

    async def message(self, message: int) -> MessageView:
        """A message to read."""
        with translated():
            stored = await self._stored(message)
            try:
                _, _, read = await self._read(stored)
                return await asyncio.to_thread(message_view, stored, read)
            except DamagedError as error:
                return unread_view(stored, f"{error.message} {error.hint}")
            except ArchivarError:
                raise
            except Exception as error:
                # One message that this program fails to read must not block the others.
                log.note(self._archive.home.console_log, "archivar.console", f"message {stored.id}: {way(error)}")
                return unread_view(stored, f"Its text cannot be read; the raw source has all of it. {fault(error)}.")

    async def history(self, message: int) -> Sequence[PlaceRow]:
        """The places of a message, present and past, the oldest first."""
        with translated():
            return [place_row(one, now()) for one in await reading.places(self._archive, message)]

    async def source(self, message: int, width: int) -> SourceLines:
        """A whole message, as it came, in lines of at most ``width`` cells."""
        with translated():
            _, raw = await self._raw(await self._stored(message))
        return await asyncio.to_thread(SourceLines, raw, width)

    async def save_attachment(self, message: int, index: int, folder: str) -> Safe:
        """Write an attachment into a folder, never over a file; the result in a sentence."""
        with translated():
            where = typed.folder(folder)
            stored = await self._stored(message)
            _, raw, read = await self._read(stored)
            attached = next((one for one in read.attachments if one.index == index), None)
            if attached is None:
                raise InputError(NO_ATTACHMENT(index=index + 1, first=1))
            data = await asyncio.to_thread(content.attachment, raw, index)
            file = await asyncio.to_thread(saving.save, where, message, attached.name, data)
        return present.sentence(f"Saved as {present.text(str(file))} ({texts.size(attached.size)}).")

    async def _stored(self, message: int) -> Stored:
        if found := await browsing.stored(self._archive, [message]):
            return found[0]
        raise InputError(NO_MESSAGE(id=str(message)))

    async def _raw(self, stored: Stored) -> tuple[int, Bytes]:
        if self._last is None or self._last[0] != stored.id:
            # Not two at once: of a large one the last blocks are kept.
            self._last = None
            try:
                self._last = (stored.id, await self._archive.message(stored.sha256), None)
            except KeyError:
                raise DamagedError(NOT_ARCHIVED(message=stored.sha256.hex()[:16])) from None
        return self._last[:2]

    async def _read(self, stored: Stored) -> tuple[int, Bytes, Content]:
        number, raw = await self._raw(stored)
        last = self._last
        read = last[2] if last is not None and last[0] == number else None
        if read is None:
            read = await asyncio.to_thread(content.read, raw)
            if self._last is not None and self._last[0] == number:
                self._last = (number, raw, read)
        return number, raw, read


# Values as views ---------------------------------------------------------------------------------------------------------


def owner_row(owner: Owner) -> OwnerRow:
    name, full_name, address = (present.text(one, 200) for one in (owner.name, owner.full_name, owner.address))
    return OwnerRow(owner.id, name, full_name, address, owner.removed)


def tree(folders: Sequence[FolderEntry]) -> list[ArchiveFolder]:
    """Folders as a tree: those that are only part of a path come before their content."""
    entries = {folder.path: folder for folder in folders}
    paths: dict[str, None] = {}
    totals: dict[str, int] = {}
    inner: set[str] = set()
    for folder in folders:
        parts = folder.path.split("/")
        above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        for path in above:
            paths[path] = None
            totals[path] = totals.get(path, 0) + folder.messages
        inner.update(above[:-1])
    return [_folder_row(path, entries.get(path), totals[path], path in inner) for path in paths]


def _folder_row(path: str, entry: FolderEntry | None, total: int, inner: bool) -> ArchiveFolder:
    parts = path.split("/")
    name = present.text(parts[-1], 200) or present.own("(no name)")
    key, messages = (entry.id, entry.messages) if entry else (0, 0)
    return ArchiveFolder(key, path, len(parts) - 1, name, present.text(path, 500), messages, total, inner)
