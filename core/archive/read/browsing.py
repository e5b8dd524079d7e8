"""Browsing an archive: its owners, their folders with counts, and pages of a folder's messages.

A list shows the state after one entry of the archive's own lane (``seq``), so it stands still while mail comes in and is
moved. Newest first by date; a message without a date stands at its time of arrival. All is read from one index
(``placement_list``), so that a page in the middle of a million costs a few hundredths of a second.
"""

from __future__ import annotations

from core.archive.archive import Archive
from core.archive.catalog import lanes
from core.archive.read.reading import STORED, Stored
from core.values import dataclass

#: SQL: the entries of the archive's own at which a placement began and ended; the second where there are other lanes.
_OWN = ("since_seq", "until_seq")
_ANY = (lanes.place("since_seq"), lanes.place("until_seq"))
_THEN = "folder_id = :folder AND {0} <= :seq AND (until_seq IS NULL OR {1} > :seq)"
#: SQL: users with folders, who had mail once: removed users too, and the catch-all archive.
_OWNERS = (
    "FROM user WHERE EXISTS (SELECT 1 FROM folder WHERE folder.owner = user.id) AND (:contains = '' "
    "OR instr(casefold(user.name), :contains) OR instr(casefold(user.full_name), :contains) "
    "OR EXISTS (SELECT 1 FROM address WHERE address.user_id = user.id AND instr(casefold(address.address), :contains)))"
)


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner of mail: a user, removed ones too, or the catch-all archive. ``address`` is the primary one, or empty."""

    id: str
    name: str
    full_name: str
    address: str
    removed: bool


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A folder of a user's archive with the number of messages in it now, without subfolders."""

    id: int
    path: str
    messages: int


@dataclass(frozen=True, slots=True)
class Since:
    """Changes of a list since it was opened: messages that came to the folder, and that left it."""

    come: int
    gone: int


async def count_owners(archive: Archive, contains: str = "") -> int:
    """The number of owners of mail, with ``contains`` in a name or an address, whatever its case."""
    return int(await archive.database.value(f"SELECT count(*) {_OWNERS}", {"contains": contains.casefold()}))


async def owners(archive: Archive, contains: str = "", *, offset: int = 0, limit: int = 100) -> list[Owner]:
    """A page of the owners of mail, by name."""
    rows = await archive.database.read(
        "SELECT user.id, user.name, user.full_name, coalesce((SELECT address FROM address WHERE address.user_id = user.id "
        f"ORDER BY position LIMIT 1), ''), user.removed {_OWNERS} ORDER BY user.name LIMIT :limit OFFSET :offset",
        {"contains": contains.casefold(), "limit": limit, "offset": offset},
    )
    return [Owner(number, name, full_name, address, bool(removed)) for number, name, full_name, address, removed in rows]


async def folders(archive: Archive, owner: str) -> list[FolderEntry]:
    """The folders of the archive of the user with the id ``owner``, by path, empty ones included."""
    rows = await archive.database.read(
        "SELECT id, path, (SELECT count(*) FROM placement WHERE folder_id = folder.id AND until_seq IS NULL) "
        "FROM folder WHERE owner = ?",
        (owner,),
    )
    return sorted((FolderEntry(*row) for row in rows), key=lambda folder: _in_tree(folder.path))


def _in_tree(path: str) -> list[tuple[bool, str, str]]:
    """Sort key: a folder before its subfolders, these before its next sibling; the inbox first."""
    return [(part.casefold() != "inbox", part.casefold(), part) for part in path.split("/")]


async def reached(archive: Archive) -> int:
    """The last entry applied to the catalog: a list opened now shows the state after it."""
    return int(await archive.database.value("SELECT seq FROM applied") or 0)


async def count(archive: Archive, folder: int, seq: int) -> int:
    """The number of messages in a folder after entry ``seq``."""
    then = _THEN.format(*await _places(archive))
    sql = f"SELECT count(*) FROM placement INDEXED BY placement_list WHERE {then}"
    return int(await archive.database.value(sql, {"folder": folder, "seq": seq}))


async def page(archive: Archive, folder: int, seq: int, total: int, *, offset: int = 0, limit: int = 100) -> list[Stored]:
    """Messages from ``offset`` on, the newest first, of the ``total`` ones that were in a folder after entry ``seq``."""
    limit = max(min(limit, total - offset), 0)
    # Counted from the nearer end.
    turned = offset + limit > total - offset
    order = "ASC" if turned else "DESC"
    then = _THEN.format(*await _places(archive))
    rows = await archive.database.read(
        f"SELECT message_id FROM placement INDEXED BY placement_list WHERE {then} "
        f"ORDER BY date {order}, message_id {order} LIMIT :limit OFFSET :offset",
        {"folder": folder, "seq": seq, "limit": limit, "offset": total - offset - limit if turned else offset},
    )
    found = await stored(archive, [row[0] for row in rows])
    return found[::-1] if turned else found


async def _places(archive: Archive) -> tuple[str, str]:
    return _ANY if await archive.database.value("SELECT EXISTS (SELECT 1 FROM lane)") else _OWN


async def stored(archive: Archive, messages: list[int]) -> list[Stored]:
    """Messages by their ids, in that order; unknown ids are left out."""
    rows = await archive.database.among(f"SELECT {STORED} FROM message WHERE id IN (??)", messages)
    found = {row[0]: Stored(*row) for row in rows}
    return [found[number] for number in messages if number in found]


async def since(archive: Archive, folder: int, seq: int) -> Since:
    """The messages that came to a folder, and that left it, after entry ``seq``."""
    begun, ended = await _places(archive)
    row = await archive.database.one(
        f"SELECT count(*) FILTER (WHERE {begun} > :seq AND until_seq IS NULL), "
        f"count(*) FILTER (WHERE {begun} <= :seq AND {ended} > :seq) "
        "FROM placement INDEXED BY placement_list WHERE folder_id = :folder",
        {"folder": folder, "seq": seq},
    )
    return Since(*row) if row else Since(0, 0)
