"""Selection of messages for export and restore: of a user, of a folder, or by id, with their folders.

A message counts once for each folder in which it lies now. Only ids are held in memory.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from core.archive.archive import Archive
from core.errors import InputError
from core.problems.search import NO_MAIL
from core.values import dataclass

#: Messages that are looked up together.
CHUNK = 500

_PLACES = (
    # Of twins the form that came into this folder is taken, the one from the wire first.
    "SELECT m.id, form.sha256, form.size, m.subject, m.date, s.flags, s.internaldate, s.folder_id FROM json_each(?1) wanted "
    "JOIN message m ON m.id = wanted.value JOIN message form ON (form.id = m.id OR form.twin_of = m.id) "
    "LEFT JOIN source_message s ON s.message_id = form.id AND (s.folder_id = ?2 OR s.folder_id IS NULL) "
    "ORDER BY m.id, s.folder_id IS NULL, s.uid IS NULL, s.uid IS NULL AND form.id <> m.id, form.canonical IS NOT NULL, "
    "s.gone_seq IS NOT NULL, s.gone_seq DESC, s.source_folder_id DESC, s.uid"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Criteria for messages, all of which must hold: a user's id, a folder's path with its subfolders, ids of messages.

    ``ids`` select only within ``folders``, by id. Empty: every user, every folder, every message.
    """

    user: str = ""
    folder: str = ""
    ids: tuple[int, ...] = ()
    folders: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class SelectedMessage:
    """A message in a folder. ``flags`` as the server had them there, with blanks between; both dates in seconds since 1970.

    ``internaldate``: its arrival there, ``date``: that of its header; None when unknown.
    """

    message: int
    sha256: bytes
    size: int
    subject: str
    flags: str
    internaldate: int | None
    date: int | None

    @property
    def arrived(self) -> int | None:
        """The time of arrival, or else the date of the header, in seconds since 1970."""
        return self.internaldate if self.internaldate is not None else self.date


@dataclass(frozen=True, slots=True)
class SelectedFolder:
    """A folder with selected messages: their number and bytes. ``chosen`` holds their ids, None for all of them."""

    id: int
    owner: str
    user: str
    path: str
    messages: int
    bytes: int
    chosen: array[int] | None = None


async def select(archive: Archive, selection: Selection) -> list[SelectedFolder]:
    """The folders that hold selected messages, by user and path. Raises ``InputError`` when there are none."""
    if selection.ids:
        found = await _chosen(archive, selection, array("q", sorted(set(selection.ids))))
    else:
        found = [SelectedFolder(*row) for row in await _all(archive, selection)]
    if not found:
        raise InputError(NO_MAIL())
    return found


async def places(archive: Archive, folder: SelectedFolder, after: int = 0) -> AsyncIterator[SelectedMessage]:
    """The selected messages of ``folder`` with an id over ``after``, by id."""
    async for page in pages(archive, folder, after):
        for message in page:
            yield message


async def pages(archive: Archive, folder: SelectedFolder, after: int = 0) -> AsyncGenerator[list[SelectedMessage]]:
    """The same some hundred at a time."""
    async for chunk in _chunks(archive, folder, after):
        yield await _details(archive, folder, chunk)


async def _details(archive: Archive, folder: SelectedFolder, ids: Sequence[int]) -> list[SelectedMessage]:
    found: dict[int, SelectedMessage] = {}
    rows = await archive.database.read(_PLACES, (str(list(ids)), folder.id))
    for number, sha256, size, subject, date, flags, internaldate, known_there in rows:
        if number not in found:
            # Of a catch-all mailbox only the date counts; its flags were the journal's, not the user's.
            own = flags if known_there is not None else ""
            found[number] = SelectedMessage(number, bytes(sha256), size, subject, own, internaldate, date)
    return list(found.values())


async def _chunks(archive: Archive, folder: SelectedFolder, after: int) -> AsyncIterator[Sequence[int]]:
    if folder.chosen is not None:
        for start in range(bisect_left(folder.chosen, after + 1), len(folder.chosen), CHUNK):
            yield folder.chosen[start : start + CHUNK]
        return
    while True:
        rows = await archive.database.read(
            "SELECT message_id FROM placement WHERE folder_id = ? AND until_seq IS NULL AND message_id > ? "
            "ORDER BY message_id LIMIT ?",
            (folder.id, after, CHUNK),
        )
        if not rows:
            return
        yield [row[0] for row in rows]
        after = rows[-1][0]


async def _all(archive: Archive, selection: Selection) -> list[tuple[int, str, str, str, int, int]]:
    return await archive.database.read(
        "SELECT f.id, f.owner, u.name, f.path, count(*), sum(m.size) FROM folder f JOIN user u ON u.id = f.owner "
        "JOIN placement p ON p.folder_id = f.id AND p.until_seq IS NULL JOIN message m ON m.id = p.message_id "
        f"WHERE {_WHERE} GROUP BY f.id ORDER BY u.name, f.path",
        (selection.user, selection.folder),
    )


_WHERE = "(?1 = '' OR f.owner = ?1) AND (?2 = '' OR f.path = ?2 OR substr(f.path, 1, length(?2) + 1) = ?2 || '/')"


async def _chosen(archive: Archive, selection: Selection, ids: array[int]) -> list[SelectedFolder]:
    chosen: dict[int, array[int]] = {}
    sizes: dict[int, int] = {}
    names: dict[int, tuple[str, str, str]] = {}
    for start in range(0, len(ids), CHUNK):
        rows = await archive.database.read(
            "SELECT f.id, f.owner, u.name, f.path, m.id, m.size FROM json_each(?3) wanted "
            "JOIN message m ON m.id = wanted.value JOIN placement p ON p.message_id = coalesce(m.twin_of, m.id) "
            "AND p.until_seq IS NULL JOIN folder f ON f.id = p.folder_id JOIN user u ON u.id = f.owner "
            f"WHERE {_WHERE} ORDER BY m.id",
            (selection.user, selection.folder, str(list(ids[start : start + CHUNK]))),
        )
        for number, owner, user, path, message, size in rows:
            if selection.folders and number not in selection.folders:
                continue
            names[number] = (owner, user, path)
            chosen.setdefault(number, array("q")).append(message)
            sizes[number] = sizes.get(number, 0) + size
    found = [SelectedFolder(number, *names[number], len(ids), sizes[number], ids) for number, ids in chosen.items()]
    return sorted(found, key=lambda folder: (folder.user, folder.path))
