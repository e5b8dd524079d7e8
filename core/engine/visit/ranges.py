"""A look at a large folder that has a record: at what is new, at UIDs, or at all of it, in ranges and so in bounded memory.

UIDs only rise within a UIDVALIDITY (RFC 3501 section 2.3.1.1). Where a folder counts as many messages as when it was complete,
and those from the UIDNEXT of that time on, it is taken that nothing else came or went. This spares a listing, and is no ground
for anything else: a message has vanished only where the server names it as such (``imap.resync``), or where the UIDs themselves
were listed, and either explains the count of the folder. The last messages before that UIDNEXT are listed with the new ones,
since a server that was restored from a backup gives their UIDs to other mail.

Whatever does not add up leads to a deeper look, in the end to ``looking.look``, which tells what is wrong. Reads only.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import field

from core.archive.read import several_folders, sources
from core.archive.read.folder_states import Excluded, FolderState
from core.archive.read.several_folders import Place
from core.archive.read.sources import Recorded
from core.archive.visited import VisitedArchive
from core.engine.visit import looking, plan
from core.engine.visit.link import Link
from core.engine.visit.looking import Look
from core.engine.visit.plan import FolderPlan
from core.errors import Boundless, ProtocolError
from core.imap import resync
from core.imap.names import Folder, Status
from core.imap.pipelined import ListedFolder
from core.imap.replies import Listed
from core.imap.selected import Selected
from core.imap.session import Busy, Session
from core.values import dataclass

#: Messages from which on a folder is looked at in this way.
LARGE = 1000
#: Messages before the new ones that are listed with them, and records compared at once.
WINDOW, PAGE = 100, 10_000


class _Unclear(Exception):
    """The server's answers do not add up with the record."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The last messages of the record before its UIDNEXT ``first``: known ones, and the UIDs of all, left out ones too.

    ``low``: the first of these UIDs. ``later``: the records of messages from ``first`` on.
    """

    first: int
    low: int
    known: Mapping[int, Recorded]
    expected: frozenset[int]
    later: Mapping[int, Recorded]


@dataclass(frozen=True, slots=True)
class _Window:
    """The listing of a folder from its edge on: the UIDs of old messages, and all messages that are new by their UIDs."""

    old: frozenset[int]
    new: Mapping[int, Listed]


@dataclass(slots=True)
class _Found:
    """The differences from the record: ``listed`` holds new messages and those of other lengths than announced.

    ``passed``: the number of messages that are as recorded; ``excluded``: those left out before and still there; ``highest``:
    the highest UID seen; ``since``: when the folder was last listed whole, empty for now.
    """

    listed: dict[int, Listed] = field(default_factory=dict)
    odd: list[int] = field(default_factory=list)
    vanished: list[int] = field(default_factory=list)
    passed: int = 0
    excluded: Excluded = field(default_factory=dict)
    highest: int = 0
    since: str = ""

    def compare(self, listed: Mapping[int, Listed], recorded: Mapping[int, Recorded], *, exact: bool) -> None:
        """Compare a range of the folder with its record. Raises ``_Unclear`` where a known UID may name another message."""
        for uid, one in recorded.items():
            item = listed.get(uid)
            if item is None:
                self.vanished.append(uid)
            elif plan.differs(item, one):
                raise _Unclear
            elif exact and one.size != one.length:
                self.listed[uid] = item
                self.odd.append(uid)
            else:
                self.passed += 1
        self.listed.update((uid, item) for uid, item in listed.items() if uid not in recorded)
        self.highest = max(self.highest, max(listed, default=0))

    @property
    def count(self) -> int:
        return len(self.listed) + self.passed + len(self.excluded)


@dataclass(frozen=True, slots=True)
class LargeFolder:
    """A large folder. ``before``: its state when it was last complete, unless that is too old or of another filter.

    ``exact``: the server is not known to announce inexact sizes.
    """

    archive: VisitedArchive
    link: Link
    source: str
    folder: Folder
    status: Status
    before: FolderState | None
    exact: bool

    async def look(self) -> Look | None:
        """The look; None when only ``looking.look`` can tell. Raises ``Dropped``, ``Busy``."""
        session, selected = await self.link.examine(self.folder, anew=True)
        place = (self.folder.name, selected.uidvalidity)
        if not selected.exists or not await _plain(self.archive, self.source, [place]):
            return None
        try:
            found = await self._by_numbers(session, selected) or await self._whole(session, selected)
        except Busy:
            raise
        except (_Unclear, ProtocolError):
            # It is listed once more, so that its reason is told.
            return None
        if found is None:
            return None
        seen = self._seen(selected, found)
        gone = await several_folders.vanished(self.archive, self.source, {place: seen.plan.new})
        return looking.completed(seen, gone.get(place, {}), {})

    # By the numbers of the time when it was complete ----------------------------------------------------------------------

    async def edge(self) -> Edge | None:
        """The edge of the record; None when there is none, or too much came after it."""
        before = self.before
        if before is None or not before.uidnext:
            return None
        first, place = before.uidnext, (self.folder.name, before.uidvalidity)
        known = await sources.newest_recorded(self.archive, self.source, *place, first, WINDOW)
        expected = frozenset(sorted({*known, *before.excluded})[-WINDOW:])
        later = await sources.recorded_after(self.archive, self.source, *place, first - 1, PAGE)
        return Edge(first, min(expected, default=first), known, expected, later) if len(later) < PAGE else None

    def judge(self, edge: Edge, one: ListedFolder) -> Look | None:
        """The look at a folder that was listed from its edge on; None when it does not add up. Of plain folders alone."""
        try:
            window, found = self._window(edge, one.selected, one.listing.messages)
        except _Unclear:
            return None
        return self._seen(one.selected, found) if self._adds_up(edge, one.selected, window, found) else None

    def _window(self, edge: Edge, selected: Selected, listed: Mapping[int, Listed]) -> tuple[_Window, _Found]:
        """The window, and what is found in it. Raises ``_Unclear`` where a UID may name another message than recorded."""
        before = self.before
        if before is None or selected.uidvalidity != before.uidvalidity or 0 < selected.uidnext < edge.first:
            raise _Unclear
        old = {uid: item for uid, item in listed.items() if edge.low <= uid < edge.first}
        for uid, item in old.items():
            known = edge.known.get(uid)
            if plan.differs(item, known) if known else before.excluded.get(uid) != _numbers(item):
                raise _Unclear
        window = _Window(frozenset(old), {uid: item for uid, item in listed.items() if uid >= edge.first})
        found = _Found(since=before.listed)
        found.compare(window.new, edge.later, exact=self.exact)
        found.highest = max(found.highest, max(old, default=0))
        return window, found

    def _adds_up(self, edge: Edge, selected: Selected, window: _Window, found: _Found) -> bool:
        """True when nothing came or went but what is new; then the rest is passed."""
        before = self.before
        if before is None or window.old != edge.expected or selected.exists != before.messages + len(window.new):
            return False
        found.passed += before.messages - len(before.excluded)
        found.excluded = before.excluded
        return True

    async def _by_numbers(self, session: Session, selected: Selected) -> _Found | None:
        edge = await self.edge()
        if edge is None:
            return None
        try:
            window, found = self._window(edge, selected, await self._listed(session, edge.low, None))
        except _Unclear:
            return None
        if self._adds_up(edge, selected, window, found) or await self._by_vanished(session, selected, edge, window, found):
            return found
        # The folder may have been opened anew.
        session, selected = await self.link.examine(self.folder, anew=True)
        return found if await self._by_uids(session, selected, edge, window, found) else None

    async def _by_vanished(self, session: Session, selected: Selected, edge: Edge, window: _Window, found: _Found) -> bool:
        """Find vanished messages by the server's memory; False when it has none, or they do not explain its count."""
        before = self.before
        assert before is not None
        if not resync.offers(session, before.modseq):
            return False
        try:
            told = await resync.vanished(await self.link.at_large(), self.folder, before.modseq, edge.first)
        except Boundless:
            # The command is optional; the folder is opened anew, on another connection.
            await self.link.drop()
            return False
        if told is None or (told[0].uidvalidity, told[0].exists) != (selected.uidvalidity, selected.exists):
            return False
        gone = await sources.known_in(self.archive, self.source, self.folder.name, selected.uidvalidity, told[1])
        excluded = {uid: one for uid, one in before.excluded.items() if not _within(uid, told[1])}
        left = before.messages - len(gone) - (len(before.excluded) - len(excluded))
        there = window.old - excluded.keys() - before.excluded.keys()
        # The last messages tell whether the server's memory is right.
        if not there.isdisjoint(gone) or not edge.expected - window.old <= {*gone, *before.excluded.keys() - excluded.keys()}:
            return False
        if selected.exists != left + len(window.new):
            return False
        found.excluded, found.passed = excluded, found.passed + left - len(excluded)
        found.vanished += gone
        return True

    async def _by_uids(self, session: Session, selected: Selected, edge: Edge, window: _Window, found: _Found) -> bool:
        """Find vanished messages by UIDs alone; False when they are not as many as the folder counts."""
        assert self.before is not None
        excluded = self.before.excluded
        there = set(window.old)
        gone = sorted(edge.expected - window.old)
        passed = len(window.old - excluded.keys())
        async for low, high, known in self._pages(selected, edge.low - 1):
            present = await session.uids(low, high)
            if not present <= known.keys() | excluded.keys():
                return False
            passed += len(present & known.keys())
            gone += sorted(known.keys() - present)
            there |= present & excluded.keys()
        found.excluded = {uid: numbers for uid, numbers in excluded.items() if uid in there}
        found.vanished += [uid for uid in gone if uid not in excluded]
        found.passed += passed
        return found.count == selected.exists

    # Whole ---------------------------------------------------------------------------------------------------------------

    async def _whole(self, session: Session, selected: Selected) -> _Found | None:
        found = _Found()
        async for low, high, known in self._pages(selected, None):
            found.compare(await self._listed(session, low, high), known, exact=self.exact)
        return found if found.count == selected.exists else None

    async def _pages(
        self, selected: Selected, end: int | None
    ) -> AsyncIterator[tuple[int, int | None, Mapping[int, Recorded]]]:
        """Yield ranges that cover all UIDs up to ``end`` (None: without end): first and last UID, and the records in it."""
        low = 1
        while end is None or low <= end:
            rows = await sources.recorded_after(
                self.archive, self.source, self.folder.name, selected.uidvalidity, low - 1, PAGE
            )
            known = {uid: one for uid, one in rows.items() if end is None or uid <= end}
            last = len(rows) < PAGE or len(known) < len(rows)
            high = end if last else max(known)
            yield low, high, known
            if last or high is None:
                return
            low = high + 1

    async def _listed(self, session: Session, low: int, high: int | None) -> dict[int, Listed]:
        listing = await session.listing(f"{low}:{'*' if high is None else high}")
        if listing.twice:
            raise _Unclear
        # A range that ends with the last message holds that one, whatever it begins with.
        return {uid: one for uid, one in listing.messages.items() if low <= uid <= (high or uid)}

    def _seen(self, selected: Selected, found: _Found) -> Look:
        known = frozenset(found.odd)
        new = tuple(sorted(found.listed.keys() - known))
        vanished = {selected.uidvalidity: tuple(sorted(found.vanished))} if found.vanished else {}
        planned = FolderPlan(new, known, vanished)
        seen = Look(self.folder, selected.uidvalidity, found.listed, planned, self.status, odd=sorted(found.odd))
        seen.passed, seen.left_out, seen.highest, seen.since = found.passed, found.excluded, found.highest, found.since
        seen.before = found.passed + len(known) + len(found.vanished)
        return seen


async def judged(several: Sequence[tuple[LargeFolder, Edge, ListedFolder]]) -> list[Look]:
    """The looks at large folders that were listed together, each from its edge on; those that do not add up are left out."""
    if not several:
        return []
    archive, source = several[0][0].archive, several[0][0].source
    plain = await _plain(archive, source, [(one.folder.name, one.selected.uidvalidity) for _, _, one in several])
    looks = [
        seen
        for large, edge, one in several
        if (one.folder.name, one.selected.uidvalidity) in plain and (seen := large.judge(edge, one))
    ]
    gone = await several_folders.vanished(archive, source, {seen.place: seen.plan.new for seen in looks})
    return [looking.completed(seen, gone.get(seen.place, {}), {}) for seen in looks]


async def _plain(archive: VisitedArchive, source: str, places: Sequence[Place]) -> set[Place]:
    """Those of ``places`` of which nothing is recorded but messages under this UIDVALIDITY."""
    earlier = await several_folders.known_before(archive, source, places)
    left = await several_folders.left(archive, source, [name for name, _ in places])
    return {(name, uidvalidity) for name, uidvalidity in places if name not in left and not any(earlier.get(name, {}).values())}


def _within(uid: int, several: Sequence[tuple[int, int]]) -> bool:
    """True when ``uid`` is in one of the ranges, which are ascending."""
    at = bisect_right(several, (uid, sys.maxsize)) - 1
    return at >= 0 and several[at][0] <= uid <= several[at][1]


def _numbers(item: Listed) -> tuple[int, int | None]:
    return item.size, item.internaldate
