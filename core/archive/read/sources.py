"""The archive's knowledge of mailboxes on servers: UIDs, vanished messages, complete folders."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Sequence

from core.archive.catalog import digests
from core.archive.catalog.twins import STANDING
from core.archive.visited import VisitedArchive
from core.values import dataclass

CHUNK = 200
#: Rows read at once where there may be hundreds of thousands.
PAGE = 10_000


@dataclass(frozen=True, slots=True)
class KnownFolder:
    """One folder under one UIDVALIDITY: the UIDs that were there at the last look."""

    uidvalidity: int
    uids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The record of a UID: the numbers that the server listed, and the length in bytes of the message that it sent."""

    size: int
    internaldate: int | None
    length: int


@dataclass(frozen=True, slots=True)
class Gone:
    """A message that vanished from a folder and may turn up in another. ``path`` is its folder in the archive.

    ``message_id`` is that of the header which the server has; empty when there is none, or it is unknown.
    """

    name: str
    uidvalidity: int
    uid: int
    size: int
    internaldate: int | None
    sha256: bytes
    header_sha256: bytes
    message_id: str
    #: Empty in a catch-all mailbox.
    path: str
    #: SQLite's 0 or 1: deleted by us.
    ours: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """An archived message that the server has at ``uid``.

    ``ours``: it came here because we deleted it elsewhere. ``header_sha256`` and ``length`` in bytes are of what the
    server sent: of the journal report (``report``) where the archive has the message in it.
    """

    uid: int
    sha256: bytes
    header_sha256: bytes
    length: int
    ours: bool
    report: bool


async def known(archive: VisitedArchive, source: str, name: str, *, apart_from: int | None = None) -> list[KnownFolder]:
    """The UIDs of the folder ``name`` (as on the wire) of a mailbox, for each UIDVALIDITY that it had except ``apart_from``."""
    rows = await archive.database.read(
        "SELECT f.uidvalidity, m.uid FROM source_folder f LEFT JOIN source_message m "
        "ON m.source_folder_id = f.id AND m.gone_seq IS NULL WHERE f.source = ? AND f.name = ? AND f.uidvalidity IS NOT ?",
        (source, name, apart_from),
    )
    found: dict[int, set[int]] = {}
    for uidvalidity, uid in rows:
        uids = found.setdefault(uidvalidity, set())
        if uid is not None:
            uids.add(uid)
    return [KnownFolder(uidvalidity, frozenset(uids)) for uidvalidity, uids in found.items()]


LENGTH = "coalesce(s.report_size, m.size)"


#: SQL of records of a folder: those with UIDs on one side of a bound, in one order.
_RECORDED = (
    f"SELECT s.uid, s.size, s.internaldate, {LENGTH} FROM source_folder f "
    "JOIN source_message s ON s.source_folder_id = f.id AND s.uid {} ? AND s.gone_seq IS NULL "
    "JOIN message m ON m.id = s.message_id WHERE f.source = ? AND f.name = ? AND f.uidvalidity = ? ORDER BY s.uid {} LIMIT ?"
)


async def each_recorded(
    archive: VisitedArchive, source: str, name: str, uidvalidity: int
) -> AsyncGenerator[tuple[int, Recorded]]:
    """Yield the record of each message that a folder had at the last look, by UID, ascending; read in pages."""
    last = -1
    while rows := await recorded_after(archive, source, name, uidvalidity, last, PAGE):
        for uid, one in rows.items():
            yield uid, one
        last = max(rows)


async def newest_recorded(
    archive: VisitedArchive, source: str, name: str, uidvalidity: int, below: int, count: int
) -> dict[int, Recorded]:
    """The records of the last ``count`` messages with UIDs under ``below`` that a folder had at the last look, by UID."""
    rows = await archive.database.read(_RECORDED.format("<", "DESC"), (below, source, name, uidvalidity, count))
    return {uid: Recorded(*numbers) for uid, *numbers in rows}


async def known_in(
    archive: VisitedArchive, source: str, name: str, uidvalidity: int, ranges: Sequence[tuple[int, int]]
) -> list[int]:
    """The UIDs in ``ranges`` (first and last) that a folder had at the last look, ascending."""
    rows = await archive.database.matching(
        "SELECT s.uid FROM w CROSS JOIN source_folder f ON f.source = ? AND f.name = ? AND f.uidvalidity = ? "
        "CROSS JOIN source_message s ON s.source_folder_id = f.id AND s.uid BETWEEN w.a AND w.b AND s.gone_seq IS NULL",
        ranges,
        (source, name, uidvalidity),
    )
    return sorted({row[0] for row in rows})


async def recorded_after(
    archive: VisitedArchive, source: str, name: str, uidvalidity: int, last: int, most: int
) -> dict[int, Recorded]:
    """The records of the first ``most`` messages with UIDs over ``last`` that a folder had at the last look, ascending."""
    rows = await archive.database.read(_RECORDED.format(">", "ASC"), (last, source, name, uidvalidity, most))
    return {uid: Recorded(*numbers) for uid, *numbers in rows}


async def recorded(archive: VisitedArchive, source: str, name: str, uidvalidity: int) -> dict[int, Recorded]:
    """The records of ``each_recorded``, all at once."""
    return {uid: one async for uid, one in each_recorded(archive, source, name, uidvalidity)}


async def vanished(archive: VisitedArchive, source: str, name: str, uidvalidity: int, uids: Iterable[int]) -> dict[int, Gone]:
    """Those of ``uids`` whose message vanished from this very UID, by UID."""
    rows = await archive.database.read(
        # CROSS: by UID, or each row of the folder would be looked for in the list.
        f"SELECT {GONE} FROM json_each(?) wanted CROSS JOIN source_folder f ON f.source = ? AND f.name = ? "
        "AND f.uidvalidity = ? CROSS JOIN source_message s ON s.source_folder_id = f.id AND s.uid = wanted.value "
        f"AND s.gone_seq IS NOT NULL {OF_GONE}",
        (json.dumps(list(uids)), source, name, uidvalidity),
    )
    return {one.uid: one for one in (Gone(*row) for row in rows)}


async def any_vanished(archive: VisitedArchive) -> bool:
    """True when messages vanished from any mailbox. Answered by an index alone, however many there are."""
    return await archive.database.one("SELECT 1 FROM source_message WHERE gone_seq IS NOT NULL LIMIT 1") is not None


async def inhabited(archive: VisitedArchive, source: str) -> set[str]:
    """Names of the folders that had messages at the last look."""
    rows = await archive.database.read(
        "SELECT DISTINCT f.name FROM source_folder f WHERE f.source = ? AND (EXISTS "
        "(SELECT 1 FROM source_message m WHERE m.source_folder_id = f.id AND m.gone_seq IS NULL) "
        "OR EXISTS (SELECT 1 FROM left_message l WHERE l.source_folder_id = f.id))",
        (source,),
    )
    return {row[0] for row in rows}


async def origins(archive: VisitedArchive, folder: int, messages: Sequence[int] | None = None) -> list[str]:
    """The sources of the mail in a folder of the archive, the most frequent first: of ``messages``, or of the newest there."""
    if messages is None:
        rows = await archive.database.read(
            "SELECT message_id FROM placement WHERE folder_id = ? AND until_seq IS NULL ORDER BY message_id DESC LIMIT ?",
            (folder, CHUNK),
        )
        messages = [row[0] for row in rows]
    found = await archive.database.read(
        "SELECT f.source FROM json_each(?) wanted JOIN source_message m ON m.message_id = wanted.value AND m.folder_id = ? "
        "JOIN source_folder f ON f.id = m.source_folder_id GROUP BY f.source ORDER BY count(*) DESC, f.source",
        (json.dumps(list(messages[:CHUNK])), folder),
    )
    return [row[0] for row in found]


async def lay_in(archive: VisitedArchive, source: str, name: str, folder: int) -> bool:
    """True when mail of a folder of the archive ever lay in the folder ``name`` (as on the wire) of this mailbox."""
    found = await archive.database.value(
        "SELECT EXISTS (SELECT 1 FROM source_folder f JOIN source_message m ON m.source_folder_id = f.id "
        "WHERE f.source = ? AND f.name = ? AND m.folder_id = ?)",
        (source, name, folder),
    )
    return bool(found)


async def gone(archive: VisitedArchive, source: str, wanted: Iterable[tuple[int, int | None]]) -> list[Gone]:
    """Vanished messages of a mailbox whose (size, INTERNALDATE) is among ``wanted``, the last to vanish first."""
    join = "ON s.size = w.a AND s.internaldate IS w.b AND s.gone_seq IS NOT NULL"
    return await _gone(archive, source, list(set(wanted)), join)


async def deleted(archive: VisitedArchive, source: str, sizes: Iterable[int]) -> list[Gone]:
    """Messages of a mailbox deleted by us, with a size in bytes among ``sizes``, the last to vanish first."""
    join = "ON s.size = w.a AND s.gone_seq IS NOT NULL AND s.delete_seq IS NOT NULL"
    return await _gone(archive, source, [(size, None) for size in set(sizes)], join)


async def gone_with(archive: VisitedArchive, source: str, messages: Iterable[bytes]) -> list[Gone]:
    """Vanished messages of a mailbox with a SHA-256 among ``messages``, the last to vanish first."""
    rows = await archive.database.among(
        f"SELECT {GONE} FROM message m JOIN source_message s ON s.message_id = m.id AND s.gone_seq IS NOT NULL "
        "JOIN source_folder f ON f.id = s.source_folder_id AND f.source = ? LEFT JOIN folder ON folder.id = s.folder_id "
        "WHERE m.id IN (??) ORDER BY s.gone_seq DESC, s.uid",
        list((await digests.ids(archive.database, messages)).values()),
        (source,),
    )
    return [Gone(*row) for row in rows]


# The header of a journal report is known by its hash alone.
GONE = (
    "f.name, f.uidvalidity, s.uid, s.size, s.internaldate, m.sha256, coalesce(s.report_header, m.header_sha256), "
    "CASE WHEN s.report_header IS NULL THEN m.message_id ELSE '' END, coalesce(folder.path, ''), s.delete_seq IS NOT NULL"
)
OF_GONE = "JOIN message m ON m.id = s.message_id LEFT JOIN folder ON folder.id = s.folder_id"


async def _gone(archive: VisitedArchive, source: str, pairs: Sequence[tuple[int, int | None]], join: str) -> list[Gone]:
    rows = await archive.database.matching(
        f"SELECT {GONE} FROM w JOIN source_message s {join} JOIN source_folder f ON f.id = s.source_folder_id {OF_GONE} "
        "WHERE f.source = ? ORDER BY s.gone_seq DESC, s.uid",
        pairs,
        (source,),
    )
    return [Gone(*row) for row in rows]


async def kept(archive: VisitedArchive, source: str, name: str, uidvalidity: int, uids: Sequence[int]) -> dict[int, Kept]:
    """Those of ``uids`` that are archived and were there at the folder's last look, by UID."""
    rows = await archive.database.among(
        f"SELECT s.uid, m.sha256, coalesce(s.report_header, m.header_sha256), {LENGTH}, s.delete_seq IS NOT NULL, "
        "s.report_header IS NOT NULL FROM source_folder f "
        "JOIN source_message s ON s.source_folder_id = f.id AND s.gone_seq IS NULL "
        "JOIN message m ON m.id = s.message_id WHERE f.source = ? AND f.name = ? AND f.uidvalidity = ? AND s.uid IN (??)",
        uids,
        (source, name, uidvalidity),
    )
    return {
        uid: Kept(uid, bytes(sha256), bytes(header), length, bool(ours), bool(report))
        for uid, sha256, header, length, ours, report in rows
    }


async def holding(archive: VisitedArchive, source: str, name: str, uidvalidity: int, messages: Iterable[bytes]) -> list[int]:
    """UIDs of a folder that held a message with a SHA-256 among ``messages`` at the last look, ascending."""
    rows = await archive.database.among(
        "SELECT s.uid FROM message m JOIN source_message s ON s.message_id = m.id AND s.gone_seq IS NULL "
        "JOIN source_folder f ON f.id = s.source_folder_id AND f.source = ? AND f.name = ? AND f.uidvalidity = ? "
        "WHERE m.id IN (??)",
        list((await digests.ids(archive.database, messages)).values()),
        (source, name, uidvalidity),
    )
    return sorted(row[0] for row in rows)


async def held(archive: VisitedArchive, source: str, name: str, uidvalidity: int, uids: Sequence[int]) -> dict[int, str]:
    """Those of ``uids`` of a catch-all mailbox that must stay on the server, with the reason.

    They have an address in one of our domains that no user has yet, and the catch-all archive has no copy.
    """
    base = (
        "FROM source_folder f JOIN source_message s ON s.source_folder_id = f.id AND s.gone_seq IS NULL "
        "{} WHERE f.source = ? AND f.name = ? AND f.uidvalidity = ? AND s.uid IN (??)"
    )
    nowhere = base.format("") + (
        " AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.until_seq IS NULL AND p.message_id = "
        f"(SELECT {STANDING} FROM message WHERE id = s.message_id))"
    )
    waiting = base.format(
        "JOIN unknown_message u ON u.message_id = s.message_id AND u.resolved_seq IS NULL "
        "JOIN unknown_address a ON a.id = u.address_id AND a.ours"
    ) + (
        " AND NOT EXISTS (SELECT 1 FROM not_ours n WHERE n.pattern IN (a.address, '@' || a.domain))"
        f" AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.folder_id = u.folder_id AND p.until_seq IS NULL "
        f"AND p.message_id = (SELECT {STANDING} FROM message WHERE id = u.message_id)) GROUP BY s.uid"
    )
    place = (source, name, uidvalidity)
    found = {
        uid: "it lies in no folder of the archive"
        for (uid,) in await archive.database.among(f"SELECT s.uid {nowhere}", uids, place)
    }
    return found | dict(await archive.database.among(f"SELECT s.uid, min(a.address) {waiting}", uids, place))


@dataclass(frozen=True, slots=True)
class LeftRecord:
    """A message left in a catch-all mailbox: its addresses as keys, found in the header fields whose digest is ``reading``.

    Size in bytes and INTERNALDATE are as the server listed them; the size is None where an earlier version left it.
    """

    reading: str
    addresses: tuple[str, ...]
    size: int | None
    internaldate: int | None


def left_record(reading: str, addresses: str, size: int | None, internaldate: int | None) -> LeftRecord:
    """The record of a row of left_message."""
    return LeftRecord(reading, tuple(json.loads(addresses)), size, internaldate)


async def left(archive: VisitedArchive, source: str, name: str) -> dict[int, dict[int, LeftRecord]]:
    """The messages left in the folder ``name`` of a catch-all mailbox, by UIDVALIDITY and UID."""
    rows = await archive.database.read(
        "SELECT f.uidvalidity, l.uid, l.reading, l.addresses, l.size, l.internaldate FROM source_folder f "
        "JOIN left_message l ON l.source_folder_id = f.id WHERE f.source = ? AND f.name = ?",
        (source, name),
    )
    found: dict[int, dict[int, LeftRecord]] = {}
    for uidvalidity, uid, reading, addresses, *numbers in rows:
        found.setdefault(uidvalidity, {})[uid] = left_record(reading, addresses, *numbers)
    return found


async def doubtful_folders(archive: VisitedArchive, source: str) -> set[str]:
    """Names of folders with messages announced as deleted that were there at the last look; the trash among them."""
    rows = await archive.database.read(
        # CROSS: by the index of such messages, or all of the mailbox would be looked through.
        "SELECT DISTINCT f.name FROM source_message s CROSS JOIN source_folder f ON f.id = s.source_folder_id "
        "WHERE f.source = ? AND s.gone_seq IS NULL AND s.delete_seq IS NOT NULL",
        (source,),
    )
    return {row[0] for row in rows}


async def doubtful(archive: VisitedArchive, source: str, name: str, uidvalidity: int) -> set[int]:
    """UIDs announced in the ledger as about to be deleted, without an entry of the outcome."""
    rows = await archive.database.read(
        "SELECT s.uid FROM source_folder f JOIN source_message s ON s.source_folder_id = f.id AND s.gone_seq IS NULL "
        "AND s.delete_seq IS NOT NULL WHERE f.source = ? AND f.name = ? AND f.uidvalidity = ?",
        (source, name, uidvalidity),
    )
    return {row[0] for row in rows}
