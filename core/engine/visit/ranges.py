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
from dataclasses import dataclass, field

from core.archive.archive import Archive
from core.archive.read import several_folders, sources
from core.archive.read.folder_states import Excluded, FolderState
from core.archive.read.sources import Recorded
from core.engine.visit import looking, plan
from core.engine.visit.link import Link
from core.engine.visit.looking import Look
from core.engine.visit.plan import FolderPlan
from core.errors import ProtocolError
from core.imap import resync
from core.imap.names import Folder, Status
from core.imap.replies import Listed
from core.imap.selected import Selected
from core.imap.session import Busy, Session

#: Messages from which on a folder is looked at in this way.
LARGE = 1000
#: Messages before the new ones that are listed with them, and records compared at once.
WINDOW, PAGE = 100, 10_000


class _Unclear(Exception):
    """The server's answers do not add up with the record."""


@dataclass(frozen=True, slots=True)
class _Window:
    """The last messages before ``first``, which is the UIDNEXT of the record, and all from there on.

    ``low``: the first UID of it; ``expected``: the UIDs of the last messages, known or left out; ``old``: those of them that
    are listed; ``new``: all listed from ``first`` on; ``later``: the records of such.
    """

    first: int
    low: int
    expected: frozenset[int]
    old: frozenset[int]
    new: Mapping[int, Listed]
    later: Mapping[int, Recorded]


@dataclass(slots=True)
class _Found:
    """What differs from the record: ``listed`` holds new messages and those of other lengths than announced.

    ``passed``: the number of messages that are as recorded; ``excluded``: those left out before and still there; ``highest``:
    the highest UID seen.
    """

    listed: dict[int, Listed] = field(default_factory=dict)
    odd: list[int] = field(default_factory=list)
    vanished: list[int] = field(default_factory=list)
    passed: int = 0
    excluded: Excluded = field(default_factory=dict)
    highest: int = 0

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

    archive: Archive
    link: Link
    source: str
    folder: Folder
    status: Status
    before: FolderState | None
    exact: bool

    async def look(self) -> Look | None:
        """The look; None when only ``looking.look`` can tell. Raises ``Dropped``, ``Busy``."""
        session, selected = await self.link.examine(self.folder, anew=True)
        if not selected.exists or not await self._is_plain(selected):
            return None
        try:
            return await self._by_numbers(session, selected) or await self._whole(session, selected)
        except Busy:
            raise
        except (_Unclear, ProtocolError):
            # It is listed once more, so that its reason is told.
            return None

    async def _is_plain(self, selected: Selected) -> bool:
        """True when nothing is recorded but messages under this UIDVALIDITY."""
        place = (self.folder.name, selected.uidvalidity)
        earlier = await several_folders.known_before(self.archive, self.source, [place])
        left = await several_folders.left(self.archive, self.source, [self.folder.name])
        return not left and not any(uids for sets in earlier.values() for uids in sets.values())

    # By the numbers of the time when it was complete ----------------------------------------------------------------------

    async def _by_numbers(self, session: Session, selected: Selected) -> Look | None:
        before = self.before
        if before is None or not before.uidnext or selected.uidvalidity != before.uidvalidity:
            return None
        if selected.uidnext and selected.uidnext < before.uidnext:
            return None
        found = _Found()
        try:
            window = await self._window(session, selected, before)
            found.compare(window.new, window.later, exact=self.exact)
            found.highest = max(found.highest, max(window.old, default=0))
        except _Unclear:
            return None
        if window.old == window.expected and selected.exists == before.messages + len(window.new):
            found.passed += before.messages - len(before.excluded)
            found.excluded = before.excluded
        elif not await self._by_vanished(session, selected, window, found):
            # The folder may have been opened anew.
            session, selected = await self.link.examine(self.folder, anew=True)
            if not await self._by_uids(session, selected, window, found):
                return None
        return await self._seen(selected, found, since=before.listed)

    async def _window(self, session: Session, selected: Selected, before: FolderState) -> _Window:
        first, validity = before.uidnext, selected.uidvalidity
        name = self.folder.name
        known = await sources.newest_recorded(self.archive, self.source, name, validity, first, WINDOW)
        expected = frozenset(sorted({*known, *before.excluded})[-WINDOW:])
        low = min(expected, default=first)
        later = await sources.recorded_after(self.archive, self.source, name, validity, first - 1, PAGE)
        if len(later) == PAGE:
            raise _Unclear
        listed = await self._listed(session, low, None)
        old = {uid: item for uid, item in listed.items() if uid < first}
        for uid, item in old.items():
            same = not plan.differs(item, known[uid]) if uid in known else before.excluded.get(uid) == _numbers(item)
            if not same:
                # A known UID may name another message, or one that was never seen has an old UID.
                raise _Unclear
        return _Window(first, low, expected, frozenset(old), {uid: listed[uid] for uid in listed.keys() - old.keys()}, later)

    async def _by_vanished(self, session: Session, selected: Selected, window: _Window, found: _Found) -> bool:
        """Find vanished messages by the server's memory; False when it has none, or they do not explain its count."""
        before = self.before
        assert before is not None
        if not resync.offers(session, before.modseq):
            return False
        told = await resync.vanished(await self.link.at_large(), self.folder, before.modseq, window.first)
        if told is None or (told[0].uidvalidity, told[0].exists) != (selected.uidvalidity, selected.exists):
            return False
        gone = await sources.known_in(self.archive, self.source, self.folder.name, selected.uidvalidity, told[1])
        excluded = {uid: one for uid, one in before.excluded.items() if not _within(uid, told[1])}
        left = before.messages - len(gone) - (len(before.excluded) - len(excluded))
        there = window.old - excluded.keys() - before.excluded.keys()
        # The last messages tell whether the server's memory is right.
        if not there.isdisjoint(gone) or not window.expected - window.old <= {*gone, *before.excluded.keys() - excluded.keys()}:
            return False
        if selected.exists != left + len(window.new):
            return False
        found.excluded, found.passed = excluded, found.passed + left - len(excluded)
        found.vanished += gone
        return True

    async def _by_uids(self, session: Session, selected: Selected, window: _Window, found: _Found) -> bool:
        """Find vanished messages by UIDs alone; False when they are not as many as the folder counts."""
        assert self.before is not None
        excluded = self.before.excluded
        there = set(window.old)
        gone = sorted(window.expected - window.old)
        passed = len(window.old - excluded.keys())
        async for low, high, known in self._pages(selected, window.low - 1):
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

    async def _whole(self, session: Session, selected: Selected) -> Look | None:
        found = _Found()
        async for low, high, known in self._pages(selected, None):
            found.compare(await self._listed(session, low, high), known, exact=self.exact)
        return await self._seen(selected, found, since="") if found.count == selected.exists else None

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

    async def _seen(self, selected: Selected, found: _Found, since: str) -> Look:
        known = frozenset(found.odd)
        new = tuple(sorted(found.listed.keys() - known))
        vanished = {selected.uidvalidity: tuple(sorted(found.vanished))} if found.vanished else {}
        planned = FolderPlan(new, known, vanished)
        seen = Look(self.folder, selected.uidvalidity, found.listed, planned, self.status, odd=sorted(found.odd))
        seen.passed, seen.left_out, seen.highest, seen.since = found.passed, found.excluded, found.highest, since
        seen.before = found.passed + len(known) + len(found.vanished)
        place = seen.place
        gone = (await several_folders.vanished(self.archive, self.source, {place: new})).get(place, {})
        return looking.completed(seen, gone, {})


def _within(uid: int, several: Sequence[tuple[int, int]]) -> bool:
    """True when ``uid`` is in one of the ranges, which are ascending."""
    at = bisect_right(several, (uid, sys.maxsize)) - 1
    return at >= 0 and several[at][0] <= uid <= several[at][1]


def _numbers(item: Listed) -> tuple[int, int | None]:
    return item.size, item.internaldate
