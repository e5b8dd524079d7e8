"""The place that workers deliver through: another folder, one that goes away, and what ended workers have left in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cluster import hindrance
from core.cluster.hub import Hub
from core.cluster.place import FolderPlace
from core.errors import BusyError, InputError
from core.problems.code import Reason
from tests.servers import postgres
from tests.servers.postgres import PostgresServer
from tests.strange_workers import strange

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(postgres.missing() is not None, reason="needs the Debian package postgresql"),
]


@pytest.fixture
def empty() -> Iterator[PostgresServer]:
    pytest.importorskip("procrastinate")
    with PostgresServer() as server:
        yield server


async def test_a_share_that_is_not_mounted_is_no_place(empty: PostgresServer, tmp_path: Path) -> None:
    """The empty folder below it would take everything, and the home find nothing."""
    async with strange(tmp_path, empty.address) as home:
        path = await home.worker.write(home.owner)
        (tmp_path / "below").mkdir()
        other = FolderPlace(tmp_path / "below")
        with pytest.raises(InputError) as refused:
            await other.check(home.archive.archive_id)
        assert refused.value.reason.code.word == "cluster-place-strange"
        home.worker.place = tmp_path / "below"
        with pytest.raises(BusyError):
            await home.worker.put(path)
        assert list((tmp_path / "below").iterdir()) == []


async def test_a_run_says_that_it_waits_for_a_place(
    empty: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, when it lasts; and it goes on when the place is back."""
    monkeypatch.setattr(hindrance, "TOLD_SECONDS", 0.5)
    async with strange(tmp_path, empty.address) as home:
        path = await home.worker.write(home.owner)
        key = await home.worker.put(path)
        (tmp_path / "place").rename(tmp_path / "away")
        await home.worker.report(key, path)
        await asyncio.sleep(2.0)
        [warning] = home.heard.warnings
        assert warning.code.word == "run-waits-for-cluster"
        why = warning.values["why"]
        assert isinstance(why, Reason)
        assert why.code.word == "worker-not-fetched"
        (tmp_path / "away").rename(tmp_path / "place")
        await home.worker.until("SELECT 1 FROM volume WHERE taken")
        assert await home.messages() == 3


async def test_mail_that_no_home_will_take_does_not_stay_in_the_place(empty: PostgresServer, tmp_path: Path) -> None:
    """A worker that was killed between putting and reporting leaves a volume behind; one that is at work keeps its own."""
    async with strange(tmp_path, empty.address) as home:
        key = await home.worker.put(await home.worker.write(home.owner))
        volume = tmp_path / "place" / key
        half = volume.with_name(".000002.g1.sqlite.17.new")
        half.write_bytes(b"half of it")
        archive, hub = home.archive, Hub(home.archive)
        await home.worker.database.change("UPDATE session SET beat = now() + interval '1 hour'")
        async with hub.used():
            assert volume.exists()
        await home.worker.database.change("UPDATE session SET state = 'closed'")
        async with hub.used():
            assert not volume.parent.exists()
        assert (tmp_path / "place" / archive.archive_id / "archive.json").exists()
