"""Follows moves: new UIDs that are messages which vanished elsewhere in the mailbox need no download (P4).

Two messages are taken for the same when header block, size and INTERNALDATE are equal. Drafts are not: their text changes
while all of these stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from core.archive import sources
from core.archive.archive import Archive
from core.archive.sources import Gone
from core.engine import plan
from core.engine.download import Changed
from core.engine.filing import Destination, Move
from core.engine.link import Link
from core.engine.looking import Look
from core.engine.plan import Fingerprint, Place
from core.errors import Dropped, ProtocolError
from core.imap.names import Folder
from core.imap.replies import Listed

#: Headers asked for at once.
HEADERS_PER_FETCH = 200

_Arrived = Mapping[Place, tuple[Look, Listed]]


async def find(archive: Archive, link: Link, destination: Destination, looks: Sequence[Look]) -> list[tuple[Look, Move]]:
    """The moves among what is new in ``looks``. Where the server does not help to tell, nothing is taken for a move."""
    drafts = {look.folder.name for look in looks if _drafts(look.folder)}
    arrived: dict[Place, tuple[Look, Listed]] = {}
    for look in looks:
        if look.folder.name not in drafts:
            for uid in look.plan.new:
                arrived[Place(look.folder.name, look.uidvalidity, uid)] = (look, look.listed[uid])
    pairs = [(listed.size, listed.internaldate) for _, listed in arrived.values()]
    gone = [one for one in await sources.gone(archive, destination.source, pairs) if one.name not in drafts]
    if not gone:
        return []
    shapes = {(item.size, item.internaldate) for item in gone}
    likely = {place: seen for place, seen in arrived.items() if (seen[1].size, seen[1].internaldate) in shapes}
    fingerprints = await _fingerprints(link, likely)
    origins = {Place(item.name, item.uidvalidity, item.uid): item for item in gone}
    vanished = [(place, Fingerprint(item.size, item.internaldate, item.header_sha256)) for place, item in origins.items()]
    moves = []
    for from_, place in plan.match_moves(vanished, fingerprints):
        look, listed = likely[place]
        moves.append((look, Move(origins[from_], place, listed, _path(destination, origins[from_], look.folder))))
    return moves


def _drafts(folder: Folder) -> bool:
    return plan.is_drafts(folder.path, folder.attributes)


def _path(destination: Destination, origin: Gone, folder: Folder) -> str:
    # What went to the trash keeps its place, else deleting would wreck the order in the archive (SPEC F1).
    if plan.is_trash(folder.path, folder.attributes):
        return origin.path
    return destination.path(folder)


async def _fingerprints(link: Link, likely: _Arrived) -> list[tuple[Place, Fingerprint]]:
    found: list[tuple[Place, Fingerprint]] = []
    by_folder: dict[str, list[Place]] = {}
    for place in likely:
        by_folder.setdefault(place.folder, []).append(place)
    for places in by_folder.values():
        for start in range(0, len(places), HEADERS_PER_FETCH):
            chunk = places[start : start + HEADERS_PER_FETCH]
            look = likely[chunk[0]][0]
            try:
                headers = await link.again(lambda look=look, chunk=chunk: _headers(link, look, chunk))  # type: ignore[misc]
            except (Dropped, ProtocolError):
                # Without headers nothing is taken for a move: it is downloaded, which is always right.
                link.progressed()
                continue
            for place in chunk:
                if header := headers.get(place.uid):
                    listed = likely[place][1]
                    digest = hashlib.sha256(header).digest()
                    found.append((place, Fingerprint(listed.size, listed.internaldate, digest)))
    return found


async def _headers(link: Link, look: Look, places: Sequence[Place]) -> dict[int, bytes | None]:
    session, selected = await link.examine(look.folder)
    if selected.uidvalidity != look.uidvalidity:
        raise Changed("the folder was made anew on the server while it was being archived")
    return await session.headers(place.uid for place in places)
