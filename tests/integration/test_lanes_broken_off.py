"""Lanes whose writer or home dies: nothing that was committed is lost, and what is missing is waited for."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.config import Home
from core.engine.visit.limits import Limits
from core.errors import DamagedError
from core.model import Run
from core.problems import lane as problems
from core.problems import profile
from core.service.queue import Queue
from core.service.run_work import RunWork
from core.service.workers import Workers
from tests import homes, lane_homes
from tests.lane_homes import anchor_all, in_archive, made_in
from tests.lanes import WRITTEN, begin, content, write

lanes_template = lane_homes.lanes_template
home = lane_homes.home


def test_a_killed_writer_of_a_lane_loses_nothing_that_it_has_committed(tmp_path: Path) -> None:
    """kill -9 at several moments; the next writer goes on, and all is anchored and whole."""
    home = Home(tmp_path / "home")
    lane, owner = asyncio.run(made_in(home))[0]
    done = 0
    for moment in range(6):
        process = begin(home, lane, owner, 400)
        wanted = done + 1 + 5 * moment

        def reached(wanted: int = wanted) -> bool:
            return sum(_entries(home, number) for number in home.volumes_of(1)) >= wanted

        homes.wait_for(reached, "entries of the lane")
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        heads = anchor_all(home).heads
        assert heads[0].head.seq >= wanted
        done = heads[0].head.seq
    assert len(home.volumes_of(1)) > 2
    asyncio.run(write(home, lane, owner, entries=1))
    assert anchor_all(home).heads[0].head.seq == done + 1
    assert homes.findings(home) == []


@pytest.mark.parametrize("step", ["Volume.seal", "volume_file.create", "sealing.finish_all", "Volume.index", "Volume.close"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_writer_that_dies_while_it_seals_is_followed_by_one_that_goes_on(tmp_path: Path, step: str, when: str) -> None:
    """Each step of sealing a volume of a lane and beginning the next one."""
    home = Home(tmp_path / "home")
    lane, owner = asyncio.run(made_in(home))[0]
    asyncio.run(write(home, lane, owner, entries=2))
    child = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from core.archive.store import sealing, volume_file; from core.archive.store.volume import Volume\n"
        "from core.archive.store.lane_writer import LaneIdentity, LaneWriter; from core.config import Home\n"
        f"place, name = {step.split('.')[0]}, '{step.split('.')[1]}'\n"
        "async def main():\n"
        "    path, archive_id, lane_id = sys.argv[1:]\n"
        "    async with LaneWriter.open(Home(Path(path)), LaneIdentity(archive_id, lane_id, 1)) as writer:\n"
        "        work = getattr(place, name)\n"
        "        async def dying(*values, **more):\n"
        f"            if {when == 'after'}: await work(*values, **more)\n"
        "            os.kill(os.getpid(), 9)\n"
        "        setattr(place, name, dying)\n"
        "        await writer.seal()\n"
        "asyncio.run(main())\n"
    )
    said = [sys.executable, "-c", child, str(home.path), lane.archive_id, lane.id]
    assert subprocess.run(said, cwd=homes.ROOT, check=False).returncode == -signal.SIGKILL
    asyncio.run(write(home, lane, owner, entries=2))
    assert [one.head.seq for one in anchor_all(home).heads] == [4]
    assert homes.findings(home) == []


def _entries(home: Home, number: int) -> int:
    try:
        return int(homes.rows(home.volume(number), "SELECT count(*) FROM ledger")[0][0])
    except Exception:
        # It is being made.
        return 0


@pytest.mark.parametrize("pages", [0, 1, 3])
def test_a_home_that_dies_between_anchor_and_catalog_follows_at_the_next_start(home: Home, pages: int) -> None:
    """Nothing of a lane applied, or some pages of it, when the process ends: the same catalog in the end."""
    other = Home(Path(shutil.copytree(home.path, home.path.with_name("other"))))
    anchor_all(other, 3, 1, 2)
    child = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from core.archive.archive import Archive; from core.archive.catalog import lane_following\n"
        "from core.archive.registry import lanes; from core.config import Home\n"
        "applied = lane_following.LaneFollower._apply\n"
        f"left = [{pages}]\n"
        "async def dying(self, anchor, page):\n"
        "    if not left[0]: os.kill(os.getpid(), 9)\n"
        "    left[0] -= 1\n"
        "    await applied(self, anchor, page)\n"
        "lane_following.LaneFollower._apply = dying\n"
        "async def main():\n"
        "    archive = await Archive.open(Home(Path(sys.argv[1])))\n"
        "    await lanes.anchor(archive, (3, 1, 2))\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", child, str(home.path)], cwd=homes.ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert content(home)["lane"] != content(other)["lane"]
    in_archive(home, lambda archive: archive.head())
    assert content(home) == content(other)
    assert homes.findings(home) == []


def test_an_anchor_whose_entries_are_missing_stops_the_catalog_until_they_are_back(home: Home, tmp_path: Path) -> None:
    """A catalog that skipped them would be another than everybody else's."""
    before = Path(shutil.copy(home.catalog, tmp_path / "before.sqlite"))
    anchor_all(home, 3, 2, 1)
    whole = content(home)
    shutil.copy(before, home.catalog)
    lost = home.volumes_of(2)[-1]
    home.volume(lost).rename(tmp_path / "lost.sqlite")
    refusal = in_archive(home, _refusal)
    assert isinstance(refusal, DamagedError)
    assert refusal.reason.code is problems.ENTRY_MISSING
    assert {row[0]: row[4] for row in content(home)["lane"]}[3] == WRITTEN
    (tmp_path / "lost.sqlite").rename(home.volume(lost))
    assert in_archive(home, _refusal) is None
    assert content(home) == whole


def test_an_open_archive_goes_on_when_the_entries_of_an_anchor_are_back(home: Home, tmp_path: Path) -> None:
    """A service that began without them does a run as soon as they are there; it need not be started anew."""
    before = Path(shutil.copy(home.catalog, tmp_path / "before.sqlite"))
    anchor_all(home, 3, 2, 1)
    whole = content(home)
    shutil.copy(before, home.catalog)
    lost = home.volumes_of(2)[-1]
    home.volume(lost).rename(tmp_path / "lost.sqlite")

    async def run(archive: Archive) -> Run:
        queue = Queue(archive.database)
        number = (await queue.enqueue("nobody's"))[0]
        await RunWork(archive, queue, number, Limits(), Workers(archive)).do()
        return await queue.run(number.id)

    async def serve(archive: Archive) -> None:
        assert isinstance(archive.refusal, DamagedError)
        assert (why := (await run(archive)).why) is not None
        assert why.code is problems.ENTRY_MISSING
        (tmp_path / "lost.sqlite").rename(home.volume(lost))
        assert (why := (await run(archive)).why) is not None
        assert why.code is profile.UNKNOWN
        assert archive.refusal is None

    in_archive(home, serve)
    assert content(home) == whole
    assert homes.findings(home) == []


async def _refusal(archive: Archive) -> Exception | None:
    return archive.refusal
