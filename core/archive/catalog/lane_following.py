"""Applies to the catalog what an anchor makes part of the archive: the entries of lanes, in the order that the anchor gives.

That order stands in the archive's own chain, so that everybody who reads it comes to the same catalog. The anchor itself is
applied last: a process that dies before goes on where it was.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

from core.archive.catalog import catalog, details, lanes
from core.archive.catalog.details import DetailsOf
from core.archive.catalog.followed import applied
from core.archive.store import lane_chain
from core.archive.store.entries.lanes import LANE_KINDS, AnchoredHead, LanesAnchored
from core.archive.store.lane_chain import LaneEnd, LaneEntries, Opener
from core.archive.store.ledger import Entry, Head
from core.archive.store.volume import Volume
from core.archive.store.volumes import Volumes
from core.config import Home
from core.db.database import Database
from core.errors import DamagedError, StorageError
from core.problems import lane as problems
from core.values import dataclass

#: Called with what keeps entries from being read, which are passed over then.
Note = Callable[[DamagedError | StorageError], None]


def opener(volumes: Volumes) -> Opener:
    """Gives volumes of ``volumes``, which stay open."""

    @asynccontextmanager
    async def opened(number: int) -> AsyncIterator[Volume]:
        volume = await volumes.at(number)
        with volume.used():
            yield volume

    return opened


@dataclass(frozen=True, slots=True)
class LaneFollower:
    """Applies entries of lanes to the catalog in ``database``, from the volumes of ``home``, which ``opened`` gives.

    ``note``: is told what cannot be read, which is passed over; without it that is raised. ``details_of``: gives the details
    of new messages.
    """

    database: Database
    home: Home
    opened: Opener
    archive_id: str
    note: Note | None = None
    details_of: DetailsOf = details.of_entries

    async def follow(self, anchor: Entry) -> None:
        """Apply what the entry ``anchor`` names and the catalog does not have. Raises ``DamagedError``, ``StorageError``."""
        if anchor.kind == LanesAnchored.kind and isinstance(anchor.value, LanesAnchored):
            before = (await applied(self.database)).seq
            for head in anchor.value.heads:
                await self._follow(before, head)

    async def _follow(self, before: int, wanted: AnchoredHead) -> None:
        lane = (await lanes.all_of(self.database)).get(wanted.lane)
        if lane is None:
            self._refuse(DamagedError(problems.NOT_OPENED(lane=wanted.lane)))
            return
        if lane.end.head.seq >= wanted.head.seq:
            return
        reached = lane.end
        if self.note is None:
            # To its end, before anything of it is applied.
            async with aclosing(self._read(lane.end, wanted.head)) as pages:
                async for page in pages:
                    reached = page.end
            self._compare(reached, wanted)
        put: int | None = lane.end.head.seq
        async with aclosing(self._read(lane.end, wanted.head)) as pages:
            async for page in pages:
                reached = page.end
                try:
                    put = await self._apply(before, page)
                except DamagedError as error:
                    # An entry that cannot be read.
                    self._refuse(error)
        if self.note is not None:
            self._compare(reached, wanted)
            async with self.database.transaction() as transaction:
                # Unless another process has made the catalog anew, or follows as well.
                if (await applied(transaction)).seq == before and await lanes.reached(transaction, wanted.lane) == put:
                    await lanes.move(transaction, reached.at(reached.volume, wanted.head))

    def _compare(self, reached: LaneEnd, wanted: AnchoredHead) -> None:
        """Refuse a lane that has another entry than was anchored."""
        if reached.head.seq == wanted.head.seq and reached.head != wanted.head:
            self._refuse(DamagedError(problems.ENTRY_OTHER(lane=wanted.lane, entry=wanted.head.seq)))

    def _refuse(self, error: DamagedError | StorageError) -> None:
        if self.note is None:
            raise error
        self.note(error)

    def _read(self, start: LaneEnd, last: Head) -> AsyncGenerator[LaneEntries]:
        if self.note is None:
            return lane_chain.read(self.home, self.opened, start, self.archive_id, last.seq)
        return self._readable(start, last.seq)

    async def _readable(self, start: LaneEnd, last: int) -> AsyncGenerator[LaneEntries]:
        """The entries that can be read, whether or not they follow from each other."""
        reached = start
        for number in self.home.volumes_of(start.number):
            if number < start.volume:
                continue
            try:
                async with self.opened(number) as volume, aclosing(volume.entries(reached.head.seq)) as entries:
                    async for entry in entries:
                        if entry.seq > last:
                            break
                        reached = reached.at(number, Head(entry.seq, entry.hash))
                        yield LaneEntries(volume, [entry] if entry.kind in LANE_KINDS else [], reached)
            except (DamagedError, StorageError) as error:
                self._refuse(error)
        if reached.head.seq < last:
            self._refuse(DamagedError(problems.ENTRY_MISSING(lane=start.number, entry=reached.head.seq + 1)))

    async def _apply(self, applied_before: int, page: LaneEntries) -> int | None:
        """Apply a page; the last entry of the lane that the catalog has then, None when another process follows as well."""
        found = await self.details_of(self.database, page.volume, page.entries)
        async with self.database.transaction() as transaction:
            before = await lanes.reached(transaction, page.end.number)
            if before is None or (await applied(transaction)).seq != applied_before:
                # Another process has applied the anchor, or has emptied the catalog to make it anew.
                return None
            missing = [entry for entry in page.entries if entry.seq > before]
            if missing and (self.note is not None or missing[0].seq == before + 1):
                await catalog.apply_of_lane(transaction, missing, page.end, found)
            return await lanes.reached(transaction, page.end.number)


async def is_followed(database: Database, anchor: Entry, *, accept: bool) -> bool:
    """True when lanes were applied up to what the entry ``anchor`` names; to ``accept`` passes over those never opened."""
    # The payload of another kind is not read for this.
    if anchor.kind != LanesAnchored.kind or not isinstance(anchor.value, LanesAnchored):
        return True
    there = await lanes.all_of(database)
    wanted = [one for one in anchor.value.heads if one.lane in there or not accept]
    return all(one.lane in there and there[one.lane].end.head.seq >= one.head.seq for one in wanted)
