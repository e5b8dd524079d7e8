"""What the archive knows of mailboxes on servers: UIDs, messages that went, folders that were complete."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core import sequence
from core.archive.archive import Archive

CHUNK = 200


@dataclass(frozen=True, slots=True)
class Known:
    """One folder under one UIDVALIDITY: the UIDs that were there when it was last looked at."""

    uidvalidity: int
    uids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Gone:
    """A message that vanished from a folder and may turn up in another. ``path`` is its place in the archive."""

    name: str
    uidvalidity: int
    uid: int
    size: int
    internaldate: int | None
    header_sha256: bytes
    #: Empty in a catch-all mailbox.
    path: str
    #: SQLite's 0 or 1: did we delete it?
    ours: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """An archived message that the server has at ``uid``. ``fetched``: its bytes were read at this very UID.

    ``ours`` lies where it is because we deleted it elsewhere. Sizes and dates are as the server listed them when it came.
    ``report``: SHA-256 of the header and size in bytes of the journal report that the server has, if it was unwrapped.
    """

    uid: int
    sha256: bytes
    size: int
    internaldate: int | None
    fetched: bool
    ours: bool
    report: tuple[bytes, int] | None = None


async def known(archive: Archive, source: str, name: str) -> list[Known]:
    """The folder ``name`` (as on the wire) of a mailbox, by each UIDVALIDITY that it had."""
    rows = await archive.database.read(
        "SELECT f.uidvalidity, m.uid FROM source_folder f LEFT JOIN source_message m "
        "ON m.source_folder_id = f.id AND m.gone_seq IS NULL WHERE f.source = ? AND f.name = ?",
        (source, name),
    )
    found: dict[int, set[int]] = {}
    for uidvalidity, uid in rows:
        uids = found.setdefault(uidvalidity, set())
        if uid is not None:
            uids.add(uid)
    return [Known(uidvalidity, frozenset(uids)) for uidvalidity, uids in found.items()]


async def inhabited(archive: Archive, source: str) -> set[str]:
    """Names of the folders that had messages when they were last looked at."""
    rows = await archive.database.read(
        "SELECT DISTINCT f.name FROM source_folder f WHERE f.source = ? AND (EXISTS "
        "(SELECT 1 FROM source_message m WHERE m.source_folder_id = f.id AND m.gone_seq IS NULL) "
        "OR EXISTS (SELECT 1 FROM left_message l WHERE l.source_folder_id = f.id))",
        (source,),
    )
    return {row[0] for row in rows}


async def origins(archive: Archive, folder: int, messages: Sequence[int] | None = None) -> list[str]:
    """The sources of the mail in a folder of the archive, that of most of it first: of ``messages``, or of the newest there."""
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


async def gone(archive: Archive, source: str, wanted: Iterable[tuple[int, int | None]]) -> list[Gone]:
    """Vanished messages of a mailbox whose (size, INTERNALDATE) is among ``wanted``, the last to go first."""
    join = "ON s.size = w.size AND s.internaldate IS w.internaldate AND s.gone_seq IS NOT NULL"
    return await _gone(archive, source, list(set(wanted)), join)


async def deleted(archive: Archive, source: str, sizes: Iterable[int]) -> list[Gone]:
    """Messages of a mailbox that we deleted, with a size among ``sizes``, the last to go first."""
    join = "ON s.size = w.size AND s.gone_seq IS NOT NULL AND s.delete_seq IS NOT NULL"
    return await _gone(archive, source, [(size, None) for size in set(sizes)], join)


async def _gone(archive: Archive, source: str, pairs: Sequence[tuple[int, int | None]], join: str) -> list[Gone]:
    found: list[Gone] = []
    for start in range(0, len(pairs), CHUNK):
        chunk = pairs[start : start + CHUNK]
        marks = ",".join(["(?, ?)"] * len(chunk))
        rows = await archive.database.read(
            f"WITH wanted (size, internaldate) AS (VALUES {marks}) "
            "SELECT f.name, f.uidvalidity, s.uid, s.size, s.internaldate, coalesce(s.report_header, m.header_sha256), "
            "coalesce(folder.path, ''), "
            f"s.delete_seq IS NOT NULL FROM wanted w JOIN source_message s {join} "
            "JOIN source_folder f ON f.id = s.source_folder_id "
            "JOIN message m ON m.id = s.message_id LEFT JOIN folder ON folder.id = s.folder_id "
            "WHERE f.source = ? ORDER BY s.gone_seq DESC, s.uid",
            [*(value for pair in chunk for value in pair), source],
        )
        found += [Gone(*row) for row in rows]
    return found


async def kept(archive: Archive, source: str, name: str, uidvalidity: int, uids: Sequence[int]) -> dict[int, Kept]:
    """Those of ``uids`` that are archived and were there when the folder was last looked at, by UID."""
    found: dict[int, Kept] = {}
    for start in range(0, len(uids), CHUNK):
        chunk = uids[start : start + CHUNK]
        rows = await archive.database.read(
            "SELECT s.uid, m.sha256, s.size, s.internaldate, s.fetched, s.delete_seq IS NOT NULL, "
            "s.report_header, s.report_size FROM source_folder f "
            "JOIN source_message s ON s.source_folder_id = f.id AND s.gone_seq IS NULL "
            "JOIN message m ON m.id = s.message_id WHERE f.source = ? AND f.name = ? AND f.uidvalidity = ? "
            f"AND s.uid IN ({','.join('?' * len(chunk))})",
            (source, name, uidvalidity, *chunk),
        )
        for uid, sha256, size, date, fetched, ours, header, length in rows:
            report = (bytes(header), int(length)) if header is not None else None
            found[uid] = Kept(uid, bytes(sha256), size, date, bool(fetched), bool(ours), report)
    return found


async def held(archive: Archive, source: str, name: str, uidvalidity: int, uids: Sequence[int]) -> dict[int, str]:
    """Those of ``uids`` of a catch-all mailbox that must stay on the server, with the reason.

    Somebody in one of our domains whom no user is may be waiting for them, and the catch-all archive has no copy.
    """
    found: dict[int, str] = {}
    for start in range(0, len(uids), CHUNK):
        chunk = uids[start : start + CHUNK]
        base = (
            "FROM source_folder f JOIN source_message s ON s.source_folder_id = f.id AND s.gone_seq IS NULL "
            f"{{}} WHERE f.source = ? AND f.name = ? AND f.uidvalidity = ? AND s.uid IN ({','.join('?' * len(chunk))})"
        )
        parameters = (source, name, uidvalidity, *chunk)
        nowhere = base.format("") + (
            " AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.message_id = s.message_id AND p.until_seq IS NULL)"
        )
        for (uid,) in await archive.database.read(f"SELECT s.uid {nowhere}", parameters):
            found[uid] = "it lies in no folder of the archive"
        waiting = base.format(
            "JOIN unknown_message u ON u.message_id = s.message_id AND u.resolved_seq IS NULL "
            "JOIN unknown_address a ON a.id = u.address_id AND a.ours"
        ) + (
            " AND NOT EXISTS (SELECT 1 FROM not_ours n WHERE n.pattern IN (a.address, '@' || a.domain))"
            " AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.message_id = u.message_id AND p.folder_id = u.folder_id"
            " AND p.until_seq IS NULL) GROUP BY s.uid"
        )
        found |= dict(await archive.database.read(f"SELECT s.uid, min(a.address) {waiting}", parameters))
    return found


@dataclass(frozen=True, slots=True)
class Left:
    """A message left in a catch-all mailbox: its addresses as keys, found in the header fields of which ``reading`` tells."""

    reading: str
    addresses: tuple[str, ...]


async def left(archive: Archive, source: str, name: str) -> dict[int, dict[int, Left]]:
    """What was left in the folder ``name`` of a catch-all mailbox, by UIDVALIDITY and UID."""
    rows = await archive.database.read(
        "SELECT f.uidvalidity, l.uid, l.reading, l.addresses FROM source_folder f "
        "JOIN left_message l ON l.source_folder_id = f.id WHERE f.source = ? AND f.name = ?",
        (source, name),
    )
    found: dict[int, dict[int, Left]] = {}
    for uidvalidity, uid, reading, addresses in rows:
        found.setdefault(uidvalidity, {})[uid] = Left(reading, tuple(json.loads(addresses)))
    return found


async def doubtful_folders(archive: Archive, source: str) -> set[str]:
    """Names of folders with messages that we said we delete and that were there when last looked at; the trash among them."""
    rows = await archive.database.read(
        "SELECT DISTINCT f.name FROM source_folder f JOIN source_message s ON s.source_folder_id = f.id "
        "WHERE f.source = ? AND s.gone_seq IS NULL AND s.delete_seq IS NOT NULL",
        (source,),
    )
    return {row[0] for row in rows}


async def doubtful(archive: Archive, source: str, name: str, uidvalidity: int) -> set[int]:
    """UIDs of which the ledger says that they were about to be deleted, but not how that ended."""
    rows = await archive.database.read(
        "SELECT s.uid FROM source_folder f JOIN source_message s ON s.source_folder_id = f.id AND s.gone_seq IS NULL "
        "AND s.delete_seq IS NOT NULL WHERE f.source = ? AND f.name = ? AND f.uidvalidity = ?",
        (source, name, uidvalidity),
    )
    return {row[0] for row in rows}


@dataclass(frozen=True, slots=True)
class Complete:
    """A folder as it was when it was last complete. ``excluded`` holds the UIDs that the filter left out."""

    signature: str
    excluded: frozenset[int] = frozenset()


async def complete(archive: Archive, source: str) -> dict[str, Complete]:
    """The state of each folder that was complete at its last visit, by name."""
    rows = await archive.database.read("SELECT name, signature, excluded FROM folder_state WHERE source = ?", (source,))
    return {name: Complete(signature, frozenset(sequence.unpack(excluded))) for name, signature, excluded in rows}


async def remember(
    archive: Archive, source: str, name: str, signature: str, messages: int, excluded: Iterable[int] = ()
) -> None:
    """Note that a folder was complete; an empty ``signature`` forgets it."""
    async with archive.database.transaction() as transaction:
        if signature:
            await transaction.execute(
                "INSERT OR REPLACE INTO folder_state (source, name, signature, messages, excluded) VALUES (?, ?, ?, ?, ?)",
                (source, name, signature, messages, sequence.pack(excluded)),
            )
        else:
            await transaction.execute("DELETE FROM folder_state WHERE source = ? AND name = ?", (source, name))
