"""Moves: messages that vanished elsewhere in the mailbox and have new UIDs now (P4).

Without a download a message matches a vanished one only if size, INTERNALDATE and header block are equal, and the header has a
Message-ID that is unique among the candidates on both sides. Any other is downloaded, and matches if its bytes do. Drafts are
always downloaded: their text changes while header, size and date stay. A message that we deleted may have another date in the
trash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from core.archive.read import sources
from core.archive.read.sources import Gone
from core.archive.visited import VisitedArchive
from core.engine.visit import looking, plan
from core.engine.visit.filing import Destination, Move
from core.engine.visit.link import Link
from core.engine.visit.looking import Look
from core.engine.visit.plan import Fingerprint, ServerPlace
from core.errors import Dropped, ProtocolError
from core.imap.names import Folder
from core.imap.replies import Listed
from core.message.envelope import describe_header
from core.profiles import rules
from core.profiles.deletion import OnTrash
from core.values import dataclass

_Arrived = Mapping[ServerPlace, tuple[Look, Listed]]


@dataclass(frozen=True, slots=True)
class Moves:
    """Finds the moves of one mailbox, which has ``folders``.

    ``on_trash``: the archive's treatment of mail that a user moved to the trash.
    """

    archive: VisitedArchive
    link: Link
    destination: Destination
    folders: Sequence[Folder]
    on_trash: OnTrash = OnTrash.KEEP
    _used: set[ServerPlace] = field(default_factory=set)
    #: Names of all folders, with True for those of drafts.
    _drafts: dict[str, bool] = field(default_factory=dict)

    async def find(self, looks: Sequence[Look], *, deleted_only: bool = False) -> list[tuple[Look, Move]]:
        """The moves among new messages of ``looks`` that need no download.

        ``deleted_only``: the new messages came while we deleted, so they are sought only among our deleted messages. Only then
        one in the trash is ours; found there later, it may be another user's copy, thrown away.
        """
        if not await sources.any_vanished(self.archive):
            return []
        arrived = {place: seen for place, seen in _arrived(looks).items() if not self._is_draft(seen[0].folder.name)}
        pairs = [(listed.size, listed.internaldate) for _, listed in arrived.values()]
        gone = await sources.gone(self.archive, self.destination.source, pairs)
        gone = [one for one in gone if not self._was_draft(one) and (one.ours or not deleted_only)]
        in_trash = {listed.size for look, listed in arrived.values() if look.in_trash}
        ours = await sources.deleted(self.archive, self.destination.source, in_trash) if in_trash else []
        shapes, sizes = {(item.size, item.internaldate) for item in gone}, {item.size for item in ours}
        likely = {
            place: (look, listed)
            for place, (look, listed) in arrived.items()
            if (listed.size, listed.internaldate) in shapes or (look.in_trash and listed.size in sizes)
        }
        prints = await self._fingerprints(likely)
        found = self._match(gone, prints, likely, just_now=deleted_only)
        # A second look without the dates, at our deleted messages that are in the trash now.
        rest = [(place, one) for place, one in prints if place not in {move.place for _, move in found}]
        undated = [(place, one.undated()) for place, one in rest if likely[place][0].in_trash]
        return found + self._match(ours, undated, likely, just_now=deleted_only, dated=False)

    def _match(
        self,
        gone: Sequence[Gone],
        arrived: Sequence[tuple[ServerPlace, Fingerprint]],
        likely: _Arrived,
        *,
        just_now: bool,
        dated: bool = True,
    ) -> list[tuple[Look, Move]]:
        origins = {_place(item): item for item in gone if _place(item) not in self._used}
        vanished = [(place, _fingerprint(item) if dated else _fingerprint(item).undated()) for place, item in origins.items()]
        found = []
        for origin, place in plan.match_moves(vanished, arrived):
            look, listed = likely[place]
            found.append((look, self._move(origins[origin], look, place, listed, just_now=just_now)))
        return found

    def _move(self, origin: Gone, look: Look, place: ServerPlace, listed: Listed, *, just_now: bool = False) -> Move:
        self._used.add(_place(origin))
        deleted = bool(origin.ours) and look.in_trash
        return Move(origin, place, listed, self._path(origin, look.folder, ours=deleted), deleted, deleted and just_now)

    def _path(self, origin: Gone, folder: Folder, *, ours: bool) -> str | None:
        # A message moved to the trash keeps its archive folder, else deleting would destroy the archive's order (SPEC F1).
        if self.destination.everybody:
            return None
        if ours or (rules.is_trash(folder.path, folder.attributes) and self.on_trash is OnTrash.KEEP):
            return origin.path
        return self.destination.path(folder)

    async def gone_with(self, digests: Iterable[bytes]) -> list[Gone]:
        """Messages of the mailbox that vanished and have a SHA-256 among ``digests``."""
        wanted = list(digests)
        return await sources.gone_with(self.archive, self.destination.source, wanted) if wanted else []

    def by_content(
        self,
        look: Look,
        digests: Mapping[int, bytes],
        gone: Iterable[Gone],
        *,
        deleted_only: bool = False,
        just_now: bool = False,
    ) -> dict[int, Move]:
        """The moves among downloaded messages, by UID: those whose SHA-256 is that of one of ``gone``."""
        if self._is_draft(look.folder.name):
            return {}
        candidates: dict[bytes, list[Gone]] = {}
        # A user's move is preferred to our deletion: the latter may be final.
        for one in sorted(gone, key=lambda one: one.ours):
            if not self._was_draft(one) and (one.ours or not deleted_only):
                candidates.setdefault(one.sha256, []).append(one)
        found = {}
        for uid, sha256 in digests.items():
            place = ServerPlace(look.folder.name, look.uidvalidity, uid)
            fits = [one for one in candidates.get(sha256, ()) if plan.may_move(_place(one), place)]
            free = [one for one in fits if _place(one) not in self._used]
            if origin := min(free, key=lambda one: one.name != place.folder, default=None):
                found[uid] = self._move(origin, look, place, look.listed[uid], just_now=just_now)
        return found

    async def returned(self, look: Look) -> set[int]:
        """Those of the new messages of ``look`` that vanished from this very UID and are there again, with the same header.

        As for a move, the header must have a Message-ID and the message be no draft: others are read.
        """
        if self._is_draft(look.folder.name):
            return set()
        back = {uid: look.back[uid] for uid in look.plan.new if uid in look.back and look.back[uid].message_id}
        headers = await self._headers(look, sorted(back)) if back else {}
        return {uid for uid, header in headers.items() if hashlib.sha256(header).digest() == back[uid].header_sha256}

    def _is_draft(self, name: str) -> bool:
        if not self._drafts:
            self._drafts.update((one.name, rules.is_drafts(one.path, one.attributes)) for one in self.folders)
        return self._drafts.get(name, False)

    def _was_draft(self, one: Gone) -> bool:
        # A folder that does not exist any more is known by its archive path alone.
        return self._is_draft(one.name) or rules.is_drafts(one.path, ())

    async def _fingerprints(self, likely: _Arrived) -> list[tuple[ServerPlace, Fingerprint]]:
        found: list[tuple[ServerPlace, Fingerprint]] = []
        for look in {id(look): look for look, _ in likely.values()}.values():
            places = {place.uid: (place, listed) for place, (one, listed) in likely.items() if one is look}
            for uid, header in (await self._headers(look, list(places))).items():
                place, listed = places[uid]
                digest, message_id = hashlib.sha256(header).digest(), describe_header(header).message_id
                found.append((place, Fingerprint(listed.size, listed.internaldate, digest, message_id)))
        return found

    async def _headers(self, look: Look, uids: Sequence[int]) -> dict[int, bytes]:
        """The headers that the server sends. A message without one matches no other: it is downloaded."""
        found: dict[int, bytes] = {}
        for start in range(0, len(uids), looking.HEADERS_PER_FETCH):
            chunk = uids[start : start + looking.HEADERS_PER_FETCH]
            try:
                headers = await self.link.again(lambda chunk=chunk: looking.headers(self.link, look, chunk))  # type: ignore[misc]
            except (Dropped, ProtocolError):
                self.link.progressed()
                continue
            found |= {uid: header for uid, header in headers.items() if header}
        return found


def _arrived(looks: Sequence[Look]) -> dict[ServerPlace, tuple[Look, Listed]]:
    return {
        ServerPlace(look.folder.name, look.uidvalidity, uid): (look, look.listed[uid])
        for look in looks
        for uid in look.plan.new
    }


def _place(item: Gone) -> ServerPlace:
    return ServerPlace(item.name, item.uidvalidity, item.uid)


def _fingerprint(item: Gone) -> Fingerprint:
    return Fingerprint(item.size, item.internaldate, item.header_sha256, item.message_id)
