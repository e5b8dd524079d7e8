"""Lanes that are not as they were written, or are another's: found by verification, and refused."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.registry import lanes, users
from core.archive.store import message_rows, volume_rows
from core.archive.store.lane_writer import LaneIdentity, LaneWriter
from core.archive.store.ledger import Draft
from core.archive.store.volume import Volume
from core.config import IN_LANE, Home
from core.db.database import Database
from core.errors import BusyError, InputError
from core.problems import finding
from core.problems import lane as problems
from tests import homes, lane_homes
from tests.lane_homes import anchor_all, difference_of, head_of, in_archive, made_in
from tests.lanes import archived, write

lanes_template = lane_homes.lanes_template
home = lane_homes.home
anchored = lane_homes.anchored


def codes_of(home: Home) -> set[str]:
    return {one.reason.code.word for one in homes.verdict(home).findings}


def test_damage_of_a_lane_after_the_anchor_is_found_by_verify_and_by_the_seal(anchored: Home) -> None:
    """A changed part, an entry taken out, a volume that is missing or in the place of another, a whole lane gone."""
    seal = head_of(anchored)
    assert len(anchored.volumes_of(2)) >= 3
    first, second, *_, last = anchored.volumes_of(2)

    def tried(work: Callable[[Home], object]) -> tuple[set[str], str]:
        copy = Home(Path(shutil.copytree(anchored.path, anchored.path.with_name("copy"))))
        try:
            work(copy)
            return codes_of(copy), difference_of(copy, seal)
        finally:
            shutil.rmtree(copy.path)

    def change(sql: str, number: int) -> Callable[[Home], object]:
        return lambda copy: homes.change(copy.volume(number), sql)

    def swap(copy: Home) -> None:
        copy.volume(first).rename(copy.path / "aside")
        copy.volume(second).rename(copy.volume(first))
        (copy.path / "aside").rename(copy.volume(second))

    def foreign(copy: Home) -> None:
        copy.volume(IN_LANE + 1).replace(copy.volume(first))

    missing, other = problems.ENTRY_MISSING.word, problems.OTHER_VOLUME.word
    for number in (first, last):
        codes, difference = tried(lambda copy, number=number: copy.volume(number).unlink())  # type: ignore[misc]
        assert (missing in codes, difference != "") == (True, True), number
    for work, code in (
        (swap, other),
        (foreign, other),
        (lambda copy: shutil.rmtree(copy.lane(2)), missing),
        (change("DELETE FROM ledger WHERE seq = 2", first), missing),
        (change("UPDATE ledger SET actor = 'x' WHERE seq = 3", first), problems.ENTRY_CHANGED.word),
        (change("UPDATE part SET data = zeroblob(length(data)) WHERE id = 2", first), finding.MESSAGE_DAMAGED.word),
    ):
        codes, difference = tried(work)
        assert (code in codes, difference != "") == (True, True), code


def test_a_lane_that_was_written_anew_is_another(anchored: Home, lanes_template: Home, tmp_path: Path) -> None:
    """A chain of its own from the first entry on, whole and of the same length: the anchor names another hash."""
    seal = head_of(anchored)
    lane = next(iter(in_archive(anchored, lanes.all_of).values()))
    [(owner,)] = homes.rows(anchored.catalog, "SELECT id FROM user WHERE name = 'anna'")
    shutil.rmtree(anchored.lane(1))
    asyncio.run(write(anchored, LaneIdentity(in_archive(anchored, id_of), lane.end.id, 1), owner))
    assert codes_of(anchored) == {problems.ENTRY_OTHER.word}
    assert "another than the one that was anchored" in difference_of(anchored, seal)


async def id_of(archive: Archive) -> str:
    return archive.archive_id


def test_a_lane_of_another_archive_and_one_that_nobody_opened(home: Home, tmp_path: Path) -> None:
    """The first is not anchored, and named; the second is a stranger."""
    other = Home(tmp_path / "other")
    [(lane, owner), *_] = asyncio.run(made_in(other))
    asyncio.run(write(other, LaneIdentity(lane.archive_id, in_archive(home, lanes.all_of)[1].end.id, 1), owner))
    shutil.rmtree(home.lane(1))
    shutil.copytree(other.lane(1), home.lane(1))
    done = anchor_all(home)
    assert {number: reason.code for number, reason in done.refused.items()} == {1: problems.OTHER_ARCHIVE}
    assert [one.lane for one in done.heads] == [2, 3]
    shutil.rmtree(home.lane(1))
    shutil.copytree(home.lane(2), home.lane(4))
    assert finding.STRANGE_LANE.word in codes_of(home)


def test_kinds_that_no_lane_may_have_are_refused_by_writer_and_anchor(home: Home) -> None:
    """A lane says nothing of users: not by its writer, nor forged into its file with a right chain."""
    lane = LaneIdentity(in_archive(home, id_of), in_archive(home, lanes.all_of)[1].end.id, 1)
    forged = homes.draft("archive.created", {"archive_id": "x"})

    async def forge() -> None:
        async with LaneWriter.open(home, lane) as writer:
            with pytest.raises(InputError) as refused:
                await writer.append([forged])
            assert refused.value.reason.code is problems.STRANGE_KIND
            with pytest.raises(BusyError):
                async with LaneWriter.open(home, lane):
                    pass
        volume = await Volume.open(home.volume(home.volumes_of(1)[-1]))
        try:
            head = await volume.head()
            async with volume.database.transaction() as transaction:
                await volume_rows.put_entries(transaction, [one.row() for one in volume_rows.chained([forged], head)])
        finally:
            await volume.close()

    asyncio.run(forge())
    done = anchor_all(home)
    assert {number: reason.code for number, reason in done.refused.items()} == {1: problems.KIND}
    assert [one.lane for one in done.heads] == [2, 3]


def test_an_anchor_looks_at_the_rows_that_came_since(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The open volume of a lane has no index; what the catalog has of it is not looked through for each anchor."""
    begun: list[int] = []
    page = message_rows._page

    def noting(after: int, most: int, connection: sqlite3.Connection) -> tuple[list[tuple[bytes, int]], int]:
        begun.append(after)
        return page(after, most, connection)

    async def none(database: Database, digests: Sequence[bytes]) -> dict[bytes, message_rows.Record]:
        return {}

    monkeypatch.setattr(message_rows, "_page", noting)
    monkeypatch.setattr(message_rows, "_tried", none)
    lane = LaneIdentity(in_archive(home, id_of), in_archive(home, lanes.all_of)[1].end.id, 1)
    assert anchor_all(home, 1).heads
    [(known,)] = homes.rows(
        home.catalog, "SELECT max(volume_row) FROM message WHERE volume = (SELECT volume FROM lane WHERE number = 1)"
    )
    assert known > 0
    begun.clear()
    owner = in_archive(home, lambda archive: users.find(archive, "anna")).id

    async def write_more() -> None:
        async with LaneWriter.open(home, lane) as writer:
            raw = homes.message(900)
            await writer.append([Draft(archived(owner, "INBOX", {900: raw}))], [raw])

    asyncio.run(write_more())
    done = anchor_all(home, 1)
    assert done.heads, done.refused
    assert begun
    assert min(begun) >= known
    assert homes.findings(home) == []


def test_a_message_that_is_nowhere_keeps_a_lane_from_being_anchored(home: Home) -> None:
    lane = LaneIdentity(in_archive(home, id_of), in_archive(home, lanes.all_of)[1].end.id, 1)

    async def name_only() -> None:
        async with LaneWriter.open(home, lane) as writer:
            await writer.append([Draft(archived("x", "INBOX", {1: b"nowhere"}))])

    asyncio.run(name_only())
    assert anchor_all(home, 1).refused[1].code is problems.MESSAGE_MISSING
