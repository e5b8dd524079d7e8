"""Lanes whose volumes are in a storage: stored to the last one, read from there alone, proved, and made anew from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.registry import lanes, storing
from core.archive.store.lane_writer import LaneIdentity, LaneWriter
from core.config import IN_LANE, Home
from core.storage import copies
from core.storage.place import StoragePlace
from tests import homes, lane_homes
from tests.lane_homes import anchor_all, difference_of, head_of, in_archive
from tests.lanes import content

home = lane_homes.home
lanes_template = lane_homes.lanes_template


async def ended(archive: Archive) -> None:
    """Have every lane end as that of a worker does: its last volume is sealed, and there is no other after it."""
    for number, lane in (await lanes.all_of(archive)).items():
        async with LaneWriter.open(archive.home, LaneIdentity(archive.archive_id, lane.end.id, number)) as writer:
            if not await writer.is_empty():
                await writer.seal()
            last = writer.last
        archive.home.volume(last).unlink()


async def push(archive: Archive) -> list[str]:
    done = await storing.push(archive, actor="test")
    assert done.failed == {}
    return list(done.stored)


@pytest.fixture
def stored(home: Home, tmp_path: Path) -> Home:
    """An archive with three lanes that have ended, all of them stored."""
    (tmp_path / "storage").mkdir()
    in_archive(home, ended)
    anchor_all(home)

    async def store(archive: Archive) -> None:
        await storing.configure(archive, StoragePlace(str(tmp_path / "storage")), None, actor="test")
        await push(archive)

    in_archive(home, store)
    return home


def test_the_last_volume_of_a_lane_that_has_ended_is_stored(stored: Home, tmp_path: Path) -> None:
    for lane in (1, 2, 3):
        numbers = stored.volumes_of(lane)
        assert len(numbers) > 1
        names = [path.name for path in (tmp_path / "storage").rglob(f"lane-{lane:06}/*.sqlite")]
        assert sorted(names) == [f"{number % IN_LANE:06}.g1.sqlite" for number in numbers]


def test_what_no_entry_has_made_part_of_the_archive_is_not_stored(home: Home, tmp_path: Path) -> None:
    """It may never be: its worker is given up, and what it delivered is removed again."""
    (tmp_path / "storage").mkdir()
    in_archive(home, ended)

    async def store(archive: Archive) -> list[str]:
        await storing.configure(archive, StoragePlace(str(tmp_path / "storage")), None, actor="test")
        return await push(archive)

    assert in_archive(home, store) == []
    anchor_all(home, 2)
    assert in_archive(home, push) == [home.volume(number).name for number in home.volumes_of(2)]


def test_lanes_that_are_stored_alone_are_read_proved_and_made_anew(stored: Home) -> None:
    """Nothing is taken for lost that lies in the storage."""
    before, head = content(stored), head_of(stored)

    def away() -> None:
        copies.free(stored, 0, recent=0.0)
        assert not any(stored.volume(number).exists() for lane in (1, 2, 3) for number in stored.volumes_of(lane))

    away()
    assert anchor_all(stored).refused == {}
    away()
    assert homes.findings(stored) == []
    away()
    assert difference_of(stored, head) == ""
    away()
    homes.rebuild(stored)
    assert content(stored) == before
