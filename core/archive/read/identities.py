"""Archived messages by server data: the server's own ids, sizes and dates, and their placements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from core.archive.catalog import digests
from core.archive.visited import VisitedArchive
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Identified:
    """An archived message by the server's id. ``size`` as the server told it."""

    size: int
    sha256: bytes


async def identified(archive: VisitedArchive, source: str, ids: Iterable[str]) -> dict[str, Identified]:
    """Those of ``ids`` that are archived, of a mailbox."""
    rows = await archive.database.read(
        "SELECT i.identity, i.size, i.sha256 FROM json_each(?) wanted JOIN server_identity i ON i.source = ? "
        "AND i.identity = wanted.value",
        (json.dumps(sorted(set(ids))), source),
    )
    known = await digests.ids(archive.database, (bytes(row[2]) for row in rows))
    return {identity: Identified(size, bytes(sha256)) for identity, size, sha256 in rows if sha256 in known}


async def identify(archive: VisitedArchive, source: str, found: Mapping[str, Identified]) -> None:
    """Remember the server's ids of archived messages."""
    async with archive.database.transaction() as transaction:
        await transaction.many(
            "INSERT OR REPLACE INTO server_identity (source, identity, size, sha256) VALUES (?, ?, ?, ?)",
            [(source, identity, one.size, one.sha256) for identity, one in found.items()],
        )


async def known_shapes(
    archive: VisitedArchive, source: str, shapes: Iterable[tuple[int, int | None]]
) -> set[tuple[int, int | None]]:
    """Those of ``shapes``, (size, INTERNALDATE) as listed, that a mailbox has or had a message of."""
    wanted = set(shapes)
    rows = await archive.database.read(
        "SELECT DISTINCT s.size, s.internaldate FROM source_folder f JOIN source_message s ON s.source_folder_id = f.id "
        "WHERE f.source = ?",
        (source,),
    )
    return {(size, date) for size, date in rows} & wanted


async def places(archive: VisitedArchive, owner: str, top: str, messages: Iterable[bytes]) -> dict[bytes, str]:
    """Present folders of messages in the archive of ``owner`` below the folder ``top``, by SHA-256: the first of each."""
    rows = await archive.database.among(
        "SELECT m.sha256, folder.path FROM message m JOIN placement p ON p.message_id = m.id AND p.until_seq IS NULL "
        "JOIN folder ON folder.id = p.folder_id WHERE folder.owner = ? AND m.id IN (??) ORDER BY p.id DESC",
        list((await digests.ids(archive.database, messages)).values()),
        (owner,),
    )
    # The first of each is the last of its rows.
    return {bytes(sha256): path for sha256, path in rows if path == top or path.startswith(f"{top}/")}
