"""The volumes of all lanes of an archive: which should be there, and to which lane one belongs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from core.archive.store.entry_numbers import FIRST_OF_LANES, seqs_of_lanes
from core.archive.store.lane_chain import LaneEnd
from core.archive.store.volume_format import Meta
from core.config import IN_LANE, Home


def numbers(home: Home, last: int, lanes: Mapping[int, LaneEnd]) -> list[int]:
    """The numbers of the volumes of ``home``, there or missing: of its own lane up to ``last``, then of each other one.

    ``lanes``: by number, as far as they are part of the archive. Raises ``BusyError`` when no more files can be opened.
    """
    found = list(range(1, last + 1))
    for lane in sorted({*home.lane_numbers(), *lanes}):
        seen = lanes[lane].volume if lane in lanes and lanes[lane].head.seq else 0
        # What was not anchored may be anywhere: a gap in it is no loss.
        found += sorted({*range(lane * IN_LANE + 1, seen + 1), *home.volumes_of(lane)})
    return found


def of_entries(home: Home, entries: Iterable[int]) -> Iterator[tuple[int, int, list[int]]]:
    """Yield the volumes of other lanes that may have some of ``entries``: number of the volume, lane, the entries' seqs."""
    for lane, seqs in seqs_of_lanes(number for number in entries if number >= FIRST_OF_LANES).items():
        for volume in home.volumes_of(lane):
            yield volume, lane, seqs


def is_of(lanes: Mapping[int, LaneEnd], meta: Meta, number: int) -> bool:
    """True when a volume with this ``meta`` is of the lane that its ``number`` says, as far as that is among ``lanes``."""
    lane = lanes.get(number // IN_LANE)
    return meta.lane == lane.id if lane is not None else bool(meta.lane) is (number >= IN_LANE)
