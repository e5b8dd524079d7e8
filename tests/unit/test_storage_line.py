"""The line to a storage: its limit by the hour, what it is when nothing may go over it, and when what waits will be there."""

from __future__ import annotations

import hashlib
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.archive.registry import storage_state, storing
from core.errors import InputError, StorageError
from core.problems import bucket as problems
from core.problems import warning
from core.secrets import Secret
from core.storage import configuration, opening, proving
from core.storage.keys import VolumeKey
from core.storage.line import LineLimit, LinePace, predicted
from core.storage.place import StoragePlace
from tests import homes, stored_archives
from tests.servers.bucket import BucketServer
from tests.stored_archives import archive_with, in_bucket
from tests.support import coded

folder = stored_archives.folder

pytestmark = pytest.mark.xdist_group("bucket")

MIB = 1024**2


def at(hour: int, minute: int = 0) -> datetime:
    """A moment of a day by this machine's clock."""
    return datetime.now(UTC).astimezone().replace(hour=hour, minute=minute, second=0, microsecond=0)


def test_a_limit_is_of_the_hours_that_are_named() -> None:
    limit = LineLimit.parse("7-19=250, 22-2=0")
    assert [limit.rate(at(hour)) for hour in (6, 7, 18, 19, 22, 1, 2)] == [None, 250_000, 250_000, None, 0, 0, None]
    assert limit.opens(at(23, 30)) == at(23, 30).replace(minute=0) + timedelta(hours=3)
    assert not LineLimit.parse("off").is_set
    assert not LineLimit.parse("").is_set
    assert LineLimit.parse("0-24=0").opens(at(5)) is None


@pytest.mark.parametrize("text", ["7-19", "7-19=15", "25-3=100", "7-7=99", "7-19=100,18-20=50", "7-19=x", "-1-4=100"])
def test_what_is_no_limit_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(InputError, check=coded(problems.NOT_ALLOWED)):
        LineLimit.parse(text)


def test_bytes_go_at_the_pace_of_the_hour_and_none_begin_in_closed_ones() -> None:
    clock, ticks = [at(8)], [0.0]

    def sleep(seconds: float) -> None:
        ticks[0] += seconds

    pace = LinePace(LineLimit.parse("7-9=100,9-10=0"), clock=lambda: clock[0], ticks=lambda: ticks[0], sleep=sleep)
    for _ in range(11):
        pace(100_000)
    assert ticks[0] == pytest.approx(10)
    clock[0] = at(9, 15)
    # What has begun is ended.
    pace(100_000)
    pace(100_000)
    assert ticks[0] == pytest.approx(12)
    with pytest.raises(StorageError, check=coded(problems.LINE_CLOSED)):
        pace(0)
    clock[0] = at(10)
    for _ in range(50):
        pace(100_000)
    assert ticks[0] == pytest.approx(12)


def test_the_end_is_foretold_through_slow_and_closed_hours() -> None:
    limit = LineLimit.parse("8-9=100,9-10=0")
    # 100 kB a second put and read back are 50: 180 MB in the hour, nothing in the next, the rest at what the line gave before.
    assert predicted(limit, 180_000_000, 1e6, at(8)) == at(9)
    assert predicted(limit, 190_000_000, 1e6, at(8)) == at(10, 0) + timedelta(seconds=10)
    assert predicted(limit, 190_000_000, None, at(8)) is None
    assert predicted(LineLimit.parse("0-24=0"), 1, 1e6, at(8)) is None


def test_a_volume_goes_over_the_line_and_back_as_slowly_as_it_was_limited(bucket: BucketServer, tmp_path: Path) -> None:
    path = tmp_path / "000001.sqlite"
    path.write_bytes(os.urandom(3 * MIB))
    digest, key = hashlib.sha256(path.read_bytes()).digest(), str(VolumeKey("a" * 32, 1))
    limit = LineLimit.parse("0-24=1500")
    storage = opening.opened(in_bucket(bucket), Secret("the-secret-half"), tries=1, pace=LinePace(limit))
    began = time.monotonic()
    assert storage.put_if_absent(key, path, digest)
    put = time.monotonic() - began
    proving.prove(storage, key, digest)
    both = time.monotonic() - began
    # The last piece is not waited for.
    assert put > 3 * MIB / 1_500_000 * 0.9
    assert both - put > 2 * MIB / 1_500_000 * 0.9


async def test_in_closed_hours_nothing_is_put_or_fails_and_what_waits_is_told(tmp_path: Path, folder: StoragePlace) -> None:
    archive = await archive_with(tmp_path, folder)
    try:
        await storing.limit_line(archive, "0-24=0", actor="test")
        done = await storing.push(archive, actor="test")
        assert (done.stored, done.failed) == ((), {})
        assert done.held is not None
        assert done.held.code == problems.LINE_CLOSED
        found = await storage_state.backlog(archive.home, archive.database)
        assert found.volumes >= 4
        assert found.until is None
        assert await storage_state.trouble(archive.home, archive.database) is None
        for volume in archive.home.volumes.glob("*.sqlite"):
            os.utime(volume, (time.time() - 7200, time.time() - 7200))
        told = await storage_state.trouble(archive.home, archive.database)
        assert told is not None
        assert told.code == warning.NEVER_STORED
        await storing.configure(archive, folder, None, actor="test")
        assert configuration.line(archive.home) == "0-24=0"
        await storing.limit_line(archive, "0-24=100000", actor="test")
        told = await storage_state.trouble(archive.home, archive.database)
        assert told is not None
        assert told.code == warning.NOT_YET_STORED
        await storing.limit_line(archive, "off", actor="test")
        assert configuration.line(archive.home) == ""
        assert (await storing.push(archive, actor="test")).failed == {}
    finally:
        await archive.close()


async def test_a_line_without_a_storage_is_wrong_input(tmp_path: Path) -> None:
    archive = await homes.begin(tmp_path / "home")
    try:
        with pytest.raises(InputError, check=coded(problems.NOT_SET)):
            await storing.limit_line(archive, "7-19=250", actor="test")
    finally:
        await archive.close()
