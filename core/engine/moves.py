"""Follows moves: new UIDs that are messages which vanished elsewhere in the mailbox need no download (P4).

Two messages are taken for the same when header block, size and INTERNALDATE are equal. Drafts are not: their text changes
while all of these stay. What we deleted ourselves and the server put into its trash is known there by header and size alone,
whatever date the server gave it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.archive import sources
from core.archive.archive import Archive
from core.archive.sources import Gone
from core.engine import looking, plan
from core.engine.filing import Destination, Move
from core.engine.link import Link
from core.engine.looking import Look
from core.engine.plan import Fingerprint, Place
from core.errors import Dropped, ProtocolError
from core.imap.names import Folder
from core.imap.replies import Listed
from core.profiles import rules
from core.profiles.deletion import OnTrash

_Arrived = Mapping[Place, tuple[Look, Listed]]


@dataclass(frozen=True, slots=True)
class Moves:
    """Finds the moves of one mailbox, which has ``folders``.

    ``on_trash``: what happens in the archive to mail that a user moved to the trash.
    """

    archive: Archive
    link: Link
    destination: Destination
    folders: Sequence[Folder]
    on_trash: OnTrash = OnTrash.KEEP

    async def find(self, looks: Sequence[Look], *, deleted_only: bool = False) -> list[tuple[Look, Move]]:
        """The moves among what is new in ``looks``. Where the server does not help to tell, nothing is taken for a move.

        ``deleted_only``: what is new came while we deleted, so it is looked for among what we deleted, and nowhere else. Only
        then it is ours in the trash; found there later it may have been thrown away by somebody who had another copy.
        """
        # Also those that were not looked at in this run, and those that are no more, which only their place tells.
        drafts = {folder.name for folder in self.folders if rules.is_drafts(folder.path, folder.attributes)}
        arrived = {place: seen for place, seen in _arrived(looks).items() if place.folder not in drafts}
        pairs = [(listed.size, listed.internaldate) for _, listed in arrived.values()]
        gone = [
            one
            for one in await sources.gone(self.archive, self.destination.source, pairs)
            if one.name not in drafts and not rules.is_drafts(one.path, ())
        ]
        # What a user moved goes before what we deleted: that may be gone for good.
        gone = [one for one in gone if one.ours] if deleted_only else sorted(gone, key=lambda one: one.ours)
        ours = await self._ours(arrived)
        shapes = {(item.size, item.internaldate) for item in gone}
        sizes = {item.size for item in ours}
        likely = {
            place: seen
            for place, seen in arrived.items()
            if (seen[1].size, seen[1].internaldate) in shapes or (_in_trash(seen[0].folder) and seen[1].size in sizes)
        }
        if not likely:
            return []
        fingerprints = await self._fingerprints(likely)
        found = self._match(gone, fingerprints, likely, just_now=deleted_only)
        used = {_place(move.origin) for _, move in found}
        known = {move.place for _, move in found}
        # A second look without the dates, at what we deleted and what is in the trash now.
        rest = [
            (place, _undated(one)) for place, one in fingerprints if place not in known and _in_trash(likely[place][0].folder)
        ]
        left = [item for item in ours if _place(item) not in used]
        return found + self._match(left, rest, likely, just_now=deleted_only, dated=False)

    async def _ours(self, arrived: _Arrived) -> list[Gone]:
        sizes = {listed.size for look, listed in arrived.values() if _in_trash(look.folder)}
        return await sources.deleted(self.archive, self.destination.source, sizes) if sizes else []

    def _match(
        self,
        gone: Sequence[Gone],
        arrived: Sequence[tuple[Place, Fingerprint]],
        likely: _Arrived,
        *,
        just_now: bool,
        dated: bool = True,
    ) -> list[tuple[Look, Move]]:
        origins = {_place(item): item for item in gone}
        vanished = [
            (place, Fingerprint(item.size, item.internaldate if dated else None, item.header_sha256))
            for place, item in origins.items()
        ]
        found = []
        for origin, place in plan.match_moves(vanished, arrived):
            look, listed = likely[place]
            item = origins[origin]
            deleted = bool(item.ours) and _in_trash(look.folder)
            path = self._path(item, look.folder, ours=deleted)
            found.append((look, Move(item, place, listed, path, deleted, deleted and just_now)))
        return found

    def _path(self, origin: Gone, folder: Folder, *, ours: bool) -> str | None:
        # What went to the trash keeps its place, else deleting would wreck the order in the archive (SPEC F1).
        if self.destination.everybody:
            return None
        if ours or (_in_trash(folder) and self.on_trash is OnTrash.KEEP):
            return origin.path
        return self.destination.path(folder)

    async def _fingerprints(self, likely: _Arrived) -> list[tuple[Place, Fingerprint]]:
        found: list[tuple[Place, Fingerprint]] = []
        by_folder: dict[str, list[Place]] = {}
        for place in likely:
            by_folder.setdefault(place.folder, []).append(place)
        for places in by_folder.values():
            for start in range(0, len(places), looking.HEADERS_PER_FETCH):
                chunk = places[start : start + looking.HEADERS_PER_FETCH]
                look, uids = likely[chunk[0]][0], [place.uid for place in chunk]
                try:
                    headers = await self.link.again(lambda look=look, uids=uids: looking.headers(self.link, look, uids))  # type: ignore[misc]
                except (Dropped, ProtocolError):
                    # Without headers nothing is taken for a move: it is downloaded, which is always right.
                    self.link.progressed()
                    continue
                for place in chunk:
                    if header := headers.get(place.uid):
                        listed = likely[place][1]
                        digest = hashlib.sha256(header).digest()
                        found.append((place, Fingerprint(listed.size, listed.internaldate, digest)))
        return found


def _arrived(looks: Sequence[Look]) -> dict[Place, tuple[Look, Listed]]:
    return {Place(look.folder.name, look.uidvalidity, uid): (look, look.listed[uid]) for look in looks for uid in look.plan.new}


def _place(item: Gone) -> Place:
    return Place(item.name, item.uidvalidity, item.uid)


def _undated(fingerprint: Fingerprint) -> Fingerprint:
    return Fingerprint(fingerprint.size, None, fingerprint.header_sha256)


def _in_trash(folder: Folder) -> bool:
    return rules.is_trash(folder.path, folder.attributes)
