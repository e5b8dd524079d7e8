"""Views: archives messages that lie in a view alone, a folder that shows others' messages, as Gmail's "All Mail".

Views come after all other folders, so that their messages are known then. A message only in a view is filed by its labels,
where the server tells them, else under the view's own name; messages that the profile excludes elsewhere are excluded here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace

from core.archive.read import identities
from core.archive.read.sources import LeftRecord
from core.archive.visited import VisitedArchive
from core.engine.run.sameness import Sameness, read_digests, read_headers
from core.engine.visit import filing, looking
from core.engine.visit.filing import Batch, Destination, Filing, FolderBatch, StoredBatch
from core.engine.visit.filing import MessageLink as Linked
from core.engine.visit.looking import Look
from core.engine.visit.visit import Visit
from core.errors import Dropped, ProtocolError
from core.imap.names import Folder, Status
from core.imap.replies import Listed
from core.problems.code import Reason
from core.problems.warning import VIEW_NOT_DELETED
from core.profiles import rules
from core.profiles.deletion import Deletion
from core.profiles.ownership import OWN
from core.profiles.rules import FolderRules
from core.values import dataclass


def apart(folders: Sequence[Folder]) -> tuple[list[Folder], list[Folder]]:
    """Folders with mail of their own, and views, "All Mail" first. A mailbox of views alone has no views."""
    views = [folder for folder in folders if folder.view and folder.selectable]
    ordinary = [folder for folder in folders if not (folder.view and folder.selectable)]
    if not any(folder.selectable for folder in ordinary):
        return list(folders), []
    return ordinary, sorted(views, key=_rank)


def _rank(folder: Folder) -> int:
    return min((rules.VIEWS.index(use) for use in folder.attributes if use in rules.VIEWS), default=len(rules.VIEWS))


def beside(statuses: Mapping[str, Status], left_out: Iterable[Folder]) -> dict[str, Status]:
    """Signatures that also change with any folder that is left out: its former messages may lie in a view alone."""
    told = sorted(f"{folder.name}:{statuses.get(folder.name, Status()).signature}" for folder in left_out)
    digest = hashlib.sha256("\n".join(told).encode("utf-8", "surrogateescape")).hexdigest()[:16] if told else ""
    return {name: replace(status, beside=digest) for name, status in statuses.items()}


def remarks(views: Sequence[Folder], folders: FolderRules, deletion: Deletion) -> list[Reason]:
    """Warnings about views when mail is deleted."""
    shown = [view.path for view in views if not folders.reason_to_exclude(view.path, view.attributes, view.whose)]
    if not shown or not deletion.active:
        return []
    return [VIEW_NOT_DELETED(folders=", ".join(shown))]


async def shown_before(visit: Visit, look: Look, others: Iterable[Look]) -> list[int]:
    """UIDs of a view that are in other folders or archived, by size and date: a guess, for a forecast only."""
    listed = {(one.size, one.internaldate) for other in others for one in other.listed.values()}
    shapes = {uid: (look.listed[uid].size, look.listed[uid].internaldate) for uid in look.wanted}
    listed |= await identities.known_shapes(visit.archive, visit.source, shapes.values())
    return [uid for uid, shape in shapes.items() if shape in listed]


class Views:
    """The views of one mailbox. ``folders`` are all of its folders."""

    def __init__(self, visit: Visit, folders: Sequence[Folder], same: Sameness) -> None:
        self._visit = visit
        self._rules = visit.rules.folders
        self._folders = folders
        self._same = same

    def left_out(self) -> list[Folder]:
        """Folders with mail of their own that are not archived."""
        return [
            folder
            for folder in self._folders
            if folder.selectable
            and not folder.view
            and self._rules.reason_to_exclude(folder.path, folder.attributes, folder.whose)
        ]

    async def sift(self, look: Look) -> None:
        """Link archived messages among a view's new ones by id, and exclude those excluded elsewhere; the rest is wanted."""
        await self._same.ask(look)
        await self._same.link_identified(look)
        places = self._labelled(look)
        if not places:
            look.excluded |= await self._in_folders_left_out(look)
        look.filing = ViewFiling(self._visit.filing, self._visit.archive, self._visit.to, places)

    def _labelled(self, look: Look) -> dict[int, list[str]]:
        """The folders of messages by their labels; a message is left out when all its labels are."""
        places: dict[int, list[str]] = {}
        by_path = {folder.path: folder for folder in self._folders}
        without = FolderRules((), self._rules.exclude)
        for uid in look.wanted:
            known = self._same.told.get((look.folder.name, uid))
            if known is None:
                continue
            carried = known.paths(self._folders)
            folders = [by_path.get(path, Folder(path, path)) for path in carried]
            kept = [one for one in folders if not without.reason_to_exclude(one.path, one.attributes, one.whose)]
            if carried and not kept:
                look.excluded.add(uid)
                continue
            named = [one for one in kept if not self._rules.reason_to_exclude(one.path, one.attributes, one.whose)]
            places[uid] = [one.path for one in named]
        return places

    async def _in_folders_left_out(self, look: Look) -> set[int]:
        """UIDs of a view whose messages lie in a folder that is not archived.

        Told by their bytes, which are read where size, date and header with Message-ID are equal; earlier exclusions are
        remembered.
        """
        wanted = look.wanted
        if not wanted:
            return set()
        shapes: dict[tuple[int, int | None], list[int]] = {}
        for uid in wanted:
            shapes.setdefault(_shape(look, uid), []).append(uid)
        found: set[int] = set()
        for folder in self.left_out():
            try:
                other = await self._visit.link.again(
                    lambda folder=folder: looking.look(
                        self._visit.archive, self._visit.link, self._visit.source, folder, Status()
                    )  # type: ignore[misc]
                )
            except (Dropped, ProtocolError):
                # An unreadable message excludes nothing.
                self._visit.link.progressed()
                continue
            likely = [uid for uid in other.listed if _shape(other, uid) in shapes]
            theirs = await self._identified(other, likely)
            shown = {shape: uids for shape, uids in shapes.items() if any(_shape(other, one) == shape for one in theirs)}
            mine = await self._identified(look, sorted(uid for uids in shown.values() for uid in uids if uid not in found))
            both = set(mine.values()) & set(theirs.values())
            same = {uid for uid, header in mine.items() if header in both}
            found |= same & look.excluded_before
            if unread := sorted(same - look.excluded_before):
                read = await read_digests(self._visit, look, unread)
                left = await read_digests(self._visit, other, sorted(one for one, header in theirs.items() if header in both))
                found |= {uid for uid, digest in read.items() if digest in left.values()}
        return found

    async def _identified(self, look: Look, uids: Sequence[int]) -> dict[int, bytes]:
        """Header blocks that have a Message-ID, by UID."""
        headers = await read_headers(self._visit.link, look, uids)
        return {uid: header for uid, header in headers.items() if b"\nmessage-id:" in b"\n" + header.lower()}


def _shape(look: Look, uid: int) -> tuple[int, int | None]:
    return look.listed[uid].size, look.listed[uid].internaldate


@dataclass(slots=True)
class ViewFiling:
    """Files messages that only a view has: where the same content lies already, else by labels, else under the view's name."""

    inner: Filing
    archive: VisitedArchive
    to: Destination
    places: Mapping[int, Sequence[str]] = field(default_factory=dict)

    def content(self, raw: bytes) -> bytes:
        return self.inner.content(raw)

    def still_left(self, uids: Iterable[int], left: Mapping[int, LeftRecord]) -> set[int]:
        return self.inner.still_left(uids, left)

    def remarks(self) -> list[Reason]:
        return []

    async def store_all(self, batches: Sequence[FolderBatch]) -> list[StoredBatch]:
        return [await self.store(batch.folder, batch.uidvalidity, batch.messages) for batch in batches]

    async def store(self, folder: Folder, uidvalidity: int, messages: Batch) -> StoredBatch:
        """Archive the batch in groups of one folder."""
        digests = {uid: hashlib.sha256(self.inner.content(raw)).digest() for uid, raw, _ in messages}
        placed: Mapping[bytes, str] = {}
        if not self.to.everybody:
            placed = await identities.places(self.archive, self.to.owner, self.to.top, digests.values())
        groups: dict[tuple[str, ...], list[tuple[int, bytes, Listed]]] = {}
        for message in messages:
            path = placed.get(digests[message[0]], "").removeprefix(f"{self.to.top}/")
            places = (path,) if path else tuple(self.places.get(message[0], ()))
            groups.setdefault(places, []).append(message)
        stored = StoredBatch(0)
        for places, group in groups.items():
            first = replace(folder, path=places[0], whose=OWN) if places else folder
            one = await self.inner.store(first, uidvalidity, group)
            known = frozenset(uid for uid, _, _ in group if digests[uid] in placed)
            stored = StoredBatch(stored.bytes + one.bytes, stored.left | one.left, stored.known | known)
            if self.to.everybody:
                continue
            more = [
                Linked(digests[uid], None, listed, self.to.path(replace(folder, path=path, whose=OWN)))
                for path in places[1:]
                for uid, _, listed in group
            ]
            await filing.record_links(self.archive, self.to, folder.name, uidvalidity, more)
        return stored
