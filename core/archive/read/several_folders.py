"""The archive's knowledge of several folders of a mailbox, in a few queries for all of them (``sources`` asks for one).

Folders are given by their names on the wire and their UIDVALIDITY now; for folders of a few hundred messages each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from core.archive.read.sources import GONE, LENGTH, OF_GONE, Gone, LeftRecord, Recorded, left_record
from core.archive.visited import VisitedArchive

#: (name, UIDVALIDITY)
Place = tuple[str, int]
#: SQL: the folders that ``w`` names, and the messages there of which ``w`` has the UIDs.
_FOLDERS = "w CROSS JOIN source_folder f ON f.source = ? AND f.name = w.a AND f.uidvalidity = w.b"
_MESSAGES = f"{_FOLDERS} CROSS JOIN source_message s ON s.source_folder_id = f.id AND s.uid = w.c"


async def recorded(archive: VisitedArchive, source: str, places: Sequence[Place]) -> dict[Place, dict[int, Recorded]]:
    """The record of each message that the folders had at the last look, by UID."""
    found: dict[Place, dict[int, Recorded]] = {place: {} for place in places}
    rows = await archive.database.matching(
        f"SELECT f.name, f.uidvalidity, s.uid, s.size, s.internaldate, {LENGTH} FROM {_FOLDERS} "
        "CROSS JOIN source_message s ON s.source_folder_id = f.id AND s.gone_seq IS NULL "
        "CROSS JOIN message m ON m.id = s.message_id",
        places,
        (source,),
    )
    for name, uidvalidity, uid, *numbers in rows:
        found[name, uidvalidity][uid] = Recorded(*numbers)
    return found


async def known_before(archive: VisitedArchive, source: str, places: Sequence[Place]) -> dict[str, dict[int, frozenset[int]]]:
    """The UIDs of the folders under each earlier UIDVALIDITY, by name; nothing for a folder that had no other."""
    rows = await archive.database.matching(
        "SELECT f.name, f.uidvalidity, s.uid FROM w "
        "CROSS JOIN source_folder f ON f.source = ? AND f.name = w.a AND f.uidvalidity <> w.b "
        "LEFT JOIN source_message s ON s.source_folder_id = f.id AND s.gone_seq IS NULL",
        places,
        (source,),
    )
    found: dict[str, dict[int, set[int]]] = {}
    for name, uidvalidity, uid in rows:
        uids = found.setdefault(name, {}).setdefault(uidvalidity, set())
        if uid is not None:
            uids.add(uid)
    return {name: {validity: frozenset(uids) for validity, uids in sets.items()} for name, sets in found.items()}


async def vanished(archive: VisitedArchive, source: str, uids: Mapping[Place, Iterable[int]]) -> dict[Place, dict[int, Gone]]:
    """Those of ``uids`` whose message vanished from this very UID, by folder and UID."""
    sql = f"SELECT {GONE} FROM {_MESSAGES} AND s.gone_seq IS NOT NULL {OF_GONE}"
    found: dict[Place, dict[int, Gone]] = {}
    for one in (Gone(*row) for row in await archive.database.matching(sql, _keys(uids), (source,))):
        found.setdefault((one.name, one.uidvalidity), {})[one.uid] = one
    return found


async def left(archive: VisitedArchive, source: str, names: Iterable[str]) -> dict[str, dict[int, dict[int, LeftRecord]]]:
    """The messages left in folders of a catch-all mailbox, by name, UIDVALIDITY and UID."""
    rows = await archive.database.matching(
        "SELECT f.name, f.uidvalidity, l.uid, l.reading, l.addresses, l.size, l.internaldate FROM w "
        "CROSS JOIN source_folder f ON f.source = ? AND f.name = w.a "
        "CROSS JOIN left_message l ON l.source_folder_id = f.id",
        [(name,) for name in names],
        (source,),
    )
    found: dict[str, dict[int, dict[int, LeftRecord]]] = {}
    for name, uidvalidity, uid, *record in rows:
        found.setdefault(name, {}).setdefault(uidvalidity, {})[uid] = left_record(*record)
    return found


async def present(archive: VisitedArchive, source: str, uids: Mapping[Place, Iterable[int]]) -> dict[Place, set[int]]:
    """Those of ``uids`` that are archived and were there at the last look, by folder."""
    sql = f"SELECT w.a, w.b, w.c FROM {_MESSAGES} AND s.gone_seq IS NULL"
    found: dict[Place, set[int]] = {place: set() for place in uids}
    for name, uidvalidity, uid in await archive.database.matching(sql, _keys(uids), (source,)):
        found[name, uidvalidity].add(uid)
    return found


async def shared(archive: VisitedArchive, source: str, uids: Mapping[Place, Iterable[int]]) -> dict[Place, list[int]]:
    """Those of ``uids`` whose message has another UID in the mailbox as well, ascending, by folder; only folders with any."""
    sql = (
        f"SELECT w.a, w.b, w.c FROM {_MESSAGES} AND s.gone_seq IS NULL "
        "WHERE EXISTS (SELECT 1 FROM source_message o JOIN source_folder p ON p.id = o.source_folder_id "
        "WHERE o.message_id = s.message_id AND o.gone_seq IS NULL AND p.source = f.source "
        "AND (o.source_folder_id, o.uid) <> (s.source_folder_id, s.uid))"
    )
    found: dict[Place, list[int]] = {}
    for name, uidvalidity, uid in await archive.database.matching(sql, _keys(uids), (source,)):
        found.setdefault((name, uidvalidity), []).append(uid)
    return {place: sorted(several) for place, several in found.items()}


def _keys(uids: Mapping[Place, Iterable[int]]) -> list[tuple[str, int, int]]:
    return [(name, uidvalidity, uid) for (name, uidvalidity), several in uids.items() for uid in several]
