"""The lanes that a seal covers: their entries up to the anchors before it, each chain computed anew from its first entry."""

from __future__ import annotations

from contextlib import aclosing

from core.archive.proof.strangers import KnownDigests, named
from core.archive.store import lane_chain
from core.archive.store.entries.lanes import AnchoredHead, LaneOpened, LanesAnchored
from core.archive.store.lane_chain import LaneEnd, files_of
from core.archive.store.ledger import Entry
from core.config import Home
from core.errors import DamagedError
from core.problems import lane as problems


class SealedLanes:
    """The lanes of ``home``, read as far as the entries given to ``go_on`` have anchored them."""

    def __init__(self, home: Home, archive_id: str) -> None:
        self._home = home
        self._archive_id = archive_id
        self._ends: dict[int, LaneEnd] = {}

    async def go_on(self, entry: Entry, known: KnownDigests) -> None:
        """Follow an entry of the archive's own lane; messages that entries of lanes name go to ``known``.

        Raises ``DamagedError``, ``StorageError`` when a lane does not have what was anchored.
        """
        if entry.kind not in (LaneOpened.kind, LanesAnchored.kind):
            return
        match entry.value:
            case LaneOpened(lane=lane, number=number):
                self._ends.setdefault(number, LaneEnd.start(number, lane))
            case LanesAnchored(heads=heads):
                for head in heads:
                    await self._read(head, known)

    async def _read(self, wanted: AnchoredHead, known: KnownDigests) -> None:
        end = self._ends.get(wanted.lane)
        if end is None:
            raise DamagedError(problems.NOT_OPENED(lane=wanted.lane))
        last = wanted.head.seq
        async with aclosing(lane_chain.read(self._home, files_of(self._home), end, self._archive_id, last)) as pages:
            async for page in pages:
                await known.add(sha256 for entry in page.entries for sha256 in named(entry))
                end = page.end
        if end.head.seq == last and end.head != wanted.head:
            raise DamagedError(problems.ENTRY_OTHER(lane=wanted.lane, entry=last))
        self._ends[wanted.lane] = end
