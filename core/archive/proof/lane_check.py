"""Looks at what anchors say of lanes: each head is there, led to by a whole chain of entries that a lane may have."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import field

from core.archive.proof.findings import Verdict
from core.archive.store import lane_chain
from core.archive.store.entries.lanes import LaneOpened, LanesAnchored
from core.archive.store.lane_chain import LaneEnd, files_of
from core.archive.store.volume import Volume
from core.archive.store.volume_format import LAST_SEQ
from core.config import Home
from core.errors import DamagedError, StorageError
from core.problems import finding as found
from core.problems import lane as problems
from core.values import dataclass


@dataclass(slots=True)
class _Said:
    """Statements of the archive's own entries: ids of lanes by number, the hashes of anchored entries by lane and seq."""

    archive_id: str = ""
    lanes: dict[int, str] = field(default_factory=dict)
    heads: dict[int, dict[int, bytes]] = field(default_factory=dict)
    #: All of them could be read.
    whole: bool = True


async def check(home: Home, verdict: Verdict) -> None:
    """Check the lanes of ``home`` against its own entries up to ``verdict.head``; count what is not anchored yet."""
    said = await _said(home, verdict.head.seq)
    if said.whole:
        for number in home.lane_numbers():
            if number not in said.lanes:
                verdict.add(home.lane(number).name, found.STRANGE_LANE(lane=number))
    for number in sorted(said.heads.keys() - said.lanes.keys()):
        verdict.add("ledger", problems.NOT_OPENED(lane=number))
    verdict.unanchored = 0
    for number, lane in said.lanes.items():
        heads = said.heads.get(number, {})
        try:
            await _check(home, LaneEnd.start(number, lane), said.archive_id, heads, verdict)
        except (DamagedError, StorageError) as error:
            verdict.add("ledger", error.reason)
            continue
        verdict.unanchored += await _behind(home, number, max(heads, default=0))


async def _said(home: Home, last: int) -> _Said:
    said = _Said()
    for number in home.volume_numbers():
        try:
            volume = await Volume.open(home.volume(number), read_only=True)
            try:
                said.archive_id = said.archive_id or volume.meta.archive_id
                for kind in (LaneOpened.kind, LanesAnchored.kind):
                    for entry in reversed(await volume.entries_before(last + 1, LAST_SEQ, kind)):
                        match entry.value:
                            case LaneOpened(lane=lane, number=of):
                                said.lanes.setdefault(of, lane)
                            case LanesAnchored(heads=heads):
                                for one in heads:
                                    said.heads.setdefault(one.lane, {})[one.head.seq] = one.head.hash
            finally:
                await volume.close()
        except (DamagedError, StorageError):
            # It is named by the check of the volume.
            said.whole = False
    return said


async def _check(home: Home, start: LaneEnd, archive_id: str, heads: dict[int, bytes], verdict: Verdict) -> None:
    if not heads:
        return
    async with aclosing(lane_chain.read(home, files_of(home), start, archive_id, max(heads))) as pages:
        async for page in pages:
            for entry in page.entries:
                if heads.get(entry.seq, entry.hash) != entry.hash:
                    verdict.add("ledger", problems.ENTRY_OTHER(lane=start.number, entry=entry.seq))


async def _behind(home: Home, number: int, last: int) -> int:
    """The number of entries of a lane after ``last``, as far as they can be read."""
    for volume_number in reversed(home.volumes_of(number)):
        try:
            async with files_of(home)(volume_number) as volume:
                return max((await volume.head()).seq - last, 0)
        except (DamagedError, StorageError):
            continue
    return 0
