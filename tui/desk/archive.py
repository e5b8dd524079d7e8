"""Archived mail, in pages and within bounds: a folder may have a million messages, and a message a hundred megabytes."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from core.archive.archive import Archive
from core.archive.read import browsing, reading
from core.archive.read.browsing import FolderEntry, Owner
from core.archive.read.reading import Placed, Stored
from core.archive.store.volume import REPAIR
from core.archive.transfer import saving
from core.errors import ArchivarError, DamagedError, InputError
from core.message import content
from core.message.content import Content
from core.model import moment, now
from core.system import log
from core.text import format as texts
from tui.desk import present, typed
from tui.desk.archive_views import (
    AttachmentRow,
    FolderRow,
    MessageRow,
    MessageView,
    OpenFolder,
    OwnerRow,
    PlaceRow,
    RawSource,
)
from tui.desk.faults import fault, way
from tui.desk.refusals import translated

#: Lines of a text that are shown, and characters of one line.
LINES, LINE = 3000, 2000
#: Headers that are shown, and characters of each.
HEADERS, HEADER = 500, 4000
#: Attachments that are listed.
ATTACHMENTS = 1000
#: Bytes of a message that is read only for a glance at its beginning.
GLANCE = 2_000_000
BRIEF = ("From", "To", "Cc", "Date", "Subject")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ArchivedMail:
    """``Mail`` on an archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        #: The message that was read last, with its bytes: what follows is mostly about the same one.
        self._last: tuple[int, bytes, Content | None] | None = None

    # Lists ---------------------------------------------------------------------------------------------------------------

    async def owner_count(self, contains: str) -> int:
        with translated():
            return await browsing.count_owners(self._archive, contains)

    async def owners(self, contains: str, offset: int, limit: int) -> Sequence[OwnerRow]:
        with translated():
            return [owner_row(one) for one in await browsing.owners(self._archive, contains, offset=offset, limit=limit)]

    async def folders(self, owner: str) -> Sequence[FolderRow]:
        with translated():
            return tree(await browsing.folders(self._archive, owner))

    async def open_folder(self, key: int) -> OpenFolder:
        with translated():
            seq = await browsing.reached(self._archive)
            return OpenFolder(key, seq, await browsing.count(self._archive, key, seq))

    async def page(self, folder: OpenFolder, offset: int, limit: int) -> Sequence[MessageRow]:
        with translated():
            found = await browsing.page(self._archive, folder.key, folder.seq, folder.total, offset=offset, limit=limit)
        return [message_row(one, now()) for one in found]

    async def news(self, folder: OpenFolder) -> str:
        with translated():
            if await browsing.reached(self._archive) == folder.seq:
                return ""
            since = await browsing.since(self._archive, folder.key, folder.seq)
        words = [f"{texts.number(since.come)} new"] if since.come else []
        return ", ".join([*words, *([f"{texts.number(since.gone)} gone"] if since.gone else [])])

    # One message ---------------------------------------------------------------------------------------------------------

    async def preview(self, message: int) -> MessageView:
        with translated():
            stored = await self._stored(message)
            if stored.size > GLANCE:
                return unread_view(stored, f"It has {texts.size(stored.size)}, so it is read only when it is opened.")
        return await self.message(message)

    async def message(self, message: int) -> MessageView:
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
                # One message that this program cannot read must not keep anybody from the others.
                log.note(self._archive.home.console_log, "archivar.console", f"message {stored.id}: {way(error)}")
                return unread_view(stored, f"Its text cannot be read; the raw source has all of it. {fault(error)}.")

    async def history(self, message: int) -> Sequence[PlaceRow]:
        with translated():
            return [place_row(one, now()) for one in await reading.places(self._archive, message)]

    async def source(self, message: int, width: int) -> RawSource:
        with translated():
            _, raw = await self._raw(await self._stored(message))
        return await asyncio.to_thread(Raw, raw, width)

    async def save_attachment(self, message: int, index: int, folder: str) -> str:
        with translated():
            where = typed.folder(folder)
            stored = await self._stored(message)
            _, raw, read = await self._read(stored)
            attached = next((one for one in read.attachments if one.index == index), None)
            if attached is None:
                raise InputError(f"Message {message} has no attachment {index + 1}.")
            data = await asyncio.to_thread(content.attachment, raw, index)
            file = await asyncio.to_thread(saving.save, where, message, attached.name, data)
        return f"Saved as {present.text(str(file))} ({texts.size(len(data))})."

    async def _stored(self, message: int) -> Stored:
        if found := await browsing.stored(self._archive, [message]):
            return found[0]
        raise InputError(f"There is no message {message} in the archive.")

    async def _raw(self, stored: Stored) -> tuple[int, bytes]:
        if self._last is None or self._last[0] != stored.id:
            # Not two of them at once: each may have a hundred megabytes.
            self._last = None
            try:
                self._last = (stored.id, await self._archive.raw(stored.sha256), None)
            except KeyError:
                raise DamagedError(f"Message {stored.id} is missing.", REPAIR) from None
        return self._last[:2]

    async def _read(self, stored: Stored) -> tuple[int, bytes, Content]:
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


def tree(folders: Sequence[FolderEntry]) -> list[FolderRow]:
    """Folders as a tree: those that are only part of a path come before what lies in them."""
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


def _folder_row(path: str, entry: FolderEntry | None, total: int, inner: bool) -> FolderRow:
    parts = path.split("/")
    name = present.text(parts[-1], 200) or "(no name)"
    key, messages = (entry.id, entry.messages) if entry else (0, 0)
    return FolderRow(key, path, len(parts) - 1, name, present.text(path, 500), messages, total, inner)


def message_row(stored: Stored, today: datetime, where: str = "") -> MessageRow:
    """A message in a list."""
    day, date = _dates(stored.moment, today)
    return MessageRow(
        stored.id,
        day,
        date,
        present.text(_name(stored.sender), 200) or "(no sender)",
        present.text(stored.subject) or "(no subject)",
        texts.size(stored.size),
        stored.attachments,
        where,
        arrival=stored.date is None and stored.arrived is not None,
    )


def _name(sender: str) -> str:
    """Who sent it, as short as it is clear: the name, or the address if there is none."""
    name, bracket, address = sender.partition("<")
    return name.strip(' "') or address.strip(" <>") if bracket else sender


def _dates(seconds: int | None, today: datetime) -> tuple[str, str]:
    """The day (or the time, if it is today) and the moment, in local time."""
    try:
        local = (_EPOCH + timedelta(seconds=seconds or 0)).astimezone()
    except (OverflowError, ValueError, OSError):
        return "no date", "no date"
    if seconds is None:
        return "no date", "no date"
    same = local.date() == today.astimezone().date()
    return f"{local:%H:%M}" if same else _ymd(local), f"{_ymd(local)} {local:%H:%M}"


def _ymd(local: datetime) -> str:
    return f"{local.year:04}-{local:%m-%d}"


def message_view(stored: Stored, read: Content) -> MessageView:
    """A message to read, of which no more is made than can be shown."""
    lines = read.text.splitlines()
    headers = tuple((present.text(name, 100), present.text(value, HEADER)) for name, value in read.headers[:HEADERS])
    brief = []
    for name in BRIEF:
        found = [value for one, value in read.headers if one.lower() == name.lower()]
        if found and found[0].strip():
            brief.append((name, present.text(found[0], 1000)))
        if name == "Date" and stored.date is None:
            brief.append(("Received", _arrival(stored, bool(brief) and brief[-1][0] == "Date")))
    return MessageView(
        id=stored.id,
        subject=present.text(stored.subject) or "(no subject)",
        size=texts.size(stored.size),
        brief=tuple(brief),
        headers=headers,
        text=tuple(present.text(line, LINE) for line in lines[:LINES]),
        more=max(len(lines) - LINES, 0),
        from_html=read.source == "html",
        attachments=tuple(
            AttachmentRow(
                one.index, present.text(one.name) or "(no name)", present.text(one.media_type, 100), texts.size(one.size)
            )
            for one in read.attachments[:ATTACHMENTS]
        ),
        notes=tuple(present.text(one, 500) for one in read.unread[:20]),
    )


def _arrival(stored: Stored, dated: bool) -> str:
    """When a message arrived that has no date to go by, and why that is said."""
    why = "its own date cannot be used" if dated else "it has no date of its own"
    return f"{_dates(stored.arrived, now())[1]} ({why})" if stored.arrived is not None else f"unknown ({why})"


def unread_view(stored: Stored, why: str) -> MessageView:
    """A message of which only that is known that the catalog has."""
    row = message_row(stored, now())
    sender, recipients = present.text(stored.sender, 1000), present.text(stored.recipients, 1000)
    brief = (("From", sender), ("To", recipients), ("Received" if row.arrival else "Date", row.date), ("Subject", row.subject))
    known = tuple((name, value) for name, value in brief if value)
    return MessageView(stored.id, row.subject, row.size, known, known, (), 0, False, (), (present.text(why, 500),))


def place_row(placed: Placed, today: datetime) -> PlaceRow:
    times = [_when(one, today) for one in (placed.since, placed.until)]
    return PlaceRow(f"{present.text(placed.user, 100)}: {present.text(placed.folder)}", *times)


def _when(at: str, today: datetime) -> str:
    try:
        return texts.when(moment(at), today) if at else ""
    except ValueError:
        return present.text(at, 40)


class Raw:
    """``RawSource`` of a message: only where lines begin is kept beside its bytes.

    Lines are broken after ``width`` bytes, since no text is wider than it has bytes.
    """

    def __init__(self, raw: bytes, width: int) -> None:
        self._raw = raw
        self._width = width
        self._starts = array("Q")
        start = 0
        while start < len(raw):
            self._starts.append(start)
            end = raw.find(b"\n", start, start + width + 2)
            start = end + 1 if end >= 0 else self._broken(start)

    def _broken(self, start: int) -> int:
        """Where a line that is too long goes on: not within a character."""
        end = start + self._width
        for before in range(min(3, len(self._raw) - end)):
            if self._raw[end - before] & 0xC0 != 0x80:
                return end - before
        return end

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> str:
        start = self._starts[index]
        end = self._starts[index + 1] if index + 1 < len(self._starts) else len(self._raw)
        return present.text(self._raw[start:end].rstrip(b"\r\n").decode("utf-8", "replace"))
