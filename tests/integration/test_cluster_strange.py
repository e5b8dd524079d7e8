"""Workers that say and deliver what no worker should: they are left out and named, and the run goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.cluster import protocol
from core.cluster.session import WorkerSession
from tests import databases, homes
from tests.servers import postgres
from tests.servers.postgres import PostgresServer
from tests.strange_workers import StrangeHome, strange

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(postgres.missing() is not None, reason="needs the Debian package postgresql"),
]

database, empty = databases.database, databases.empty


async def left_out(home: StrangeHome, code: str) -> None:
    """The session is closed for this reason, its job counts as lost, and nothing of it is in the archive."""
    row = await home.worker.closed()
    assert row["why"]["code"] == code, row["why"]
    await home.ended()
    assert home.following.outcome is None
    assert await home.messages() == 0
    assert await asyncio.to_thread(homes.findings, home.archive.home) == []


async def test_what_a_worker_delivers_as_it_should_is_taken(empty: PostgresServer, tmp_path: Path) -> None:
    async with strange(tmp_path, empty.address) as home:
        path = await home.worker.write(home.owner)
        await home.worker.report(await home.worker.put(path), path)
        await home.worker.until("SELECT 1 FROM volume WHERE taken")
        assert await home.messages() == 3


async def test_a_volume_is_taken_from_its_own_key_alone(empty: PostgresServer, tmp_path: Path) -> None:
    """Another file of this machine, named by a key that leads out of the place, is neither read nor removed."""
    async with strange(tmp_path, empty.address) as home:
        path = await home.worker.write(home.owner)
        await home.worker.report(str(path), path)
        await left_out(home, "worker-other-key")
        assert path.exists()


async def test_a_volume_of_another_lane_is_left_out(empty: PostgresServer, tmp_path: Path) -> None:
    async with strange(tmp_path, empty.address) as home:
        path = await home.worker.write(home.owner)
        key = await home.worker.put(path)
        await home.worker.report(key.replace("lane-000001", "lane-000002"), path)
        await left_out(home, "worker-other-key")


@pytest.mark.parametrize("head", [2, 4, 1_000_000])
async def test_a_volume_that_ends_elsewhere_than_was_said_is_left_out(empty: PostgresServer, tmp_path: Path, head: int) -> None:
    """Else the home would wait for entries that never come."""
    async with strange(tmp_path, empty.address) as home:
        path = await home.worker.write(home.owner)
        await home.worker.report(await home.worker.put(path), path, head=head)
        await left_out(home, "worker-other-end")


async def test_a_file_that_is_no_volume_is_left_out(empty: PostgresServer, tmp_path: Path) -> None:
    async with strange(tmp_path, empty.address) as home:
        path = await home.worker.write(home.owner)
        path.chmod(0o600)
        path.write_bytes(b"no volume" * 1000)
        await home.worker.report(await home.worker.put(path), path)
        row = await home.worker.closed()
        assert row["why"] is not None
        await home.ended()
        assert await home.messages() == 0
        assert await asyncio.to_thread(homes.findings, home.archive.home) == []


async def test_a_gap_in_a_lane_is_left_out(empty: PostgresServer, tmp_path: Path) -> None:
    async with strange(tmp_path, empty.address) as home:
        path = await home.worker.write(home.owner)
        key = await home.worker.put(path)
        (tmp_path / "place" / key).rename((tmp_path / "place" / key).with_name("000002.g1.sqlite"))
        await home.worker.report(key.replace("000001.g1", "000002.g1"), path, number=2)
        await home.worker.closed()
        await home.ended()
        assert await home.messages() == 0
        assert await asyncio.to_thread(homes.findings, home.archive.home) == []


NONSENSE: list[tuple[str, Any]] = [
    ("UPDATE job SET progress = %s::jsonb WHERE id = %s", '{"phase": 7}'),
    ("UPDATE job SET progress = %s::jsonb WHERE id = %s", "[1, 2]"),
    ("UPDATE job SET state = 'done', result = %s WHERE id = %s", b"no result"),
    ("UPDATE job SET state = 'done', result = %s WHERE id = %s", protocol.packed({"result": {}})),
    ("UPDATE job SET state = 'done', result = %s WHERE id = %s", protocol.packed([])),
    ("INSERT INTO told (event, job) VALUES (%s::jsonb, %s)", "[1, 2, 3]"),
    ("INSERT INTO told (event, job) VALUES (%s::jsonb, %s)", '["2026-01-01", "no-such-kind", "", {}]'),
    ("INSERT INTO question (kind, asked, job) VALUES ('prove', %s, %s)", b"nothing"),
    ("INSERT INTO question (kind, asked, job) VALUES ('prove', %s, %s)", protocol.packed([1])),
    ("INSERT INTO question (kind, asked, job) VALUES ('neighbours', %s, %s)", protocol.packed(["x"])),
    ("INSERT INTO question (kind, asked, job) VALUES ('other', %s, %s)", protocol.packed(["x"])),
]


@pytest.mark.parametrize(("sql", "value"), NONSENSE)
async def test_nonsense_ends_its_session_and_no_run(empty: PostgresServer, tmp_path: Path, sql: str, value: Any) -> None:
    async with strange(tmp_path, empty.address) as home:
        await home.worker.database.change(sql, value, home.following.job)
        await left_out(home, "worker-nonsense")
        assert [one.code.word for one in home.heard.warnings] == ["worker-lost"]


async def test_a_worker_that_was_lost_gives_its_connections_back(empty: PostgresServer, tmp_path: Path) -> None:
    """Else the others wait for ever for one that nobody has."""
    async with strange(tmp_path, empty.address) as home:
        session = WorkerSession(home.worker.database, home.worker.session)
        assert await session.connect(home.following.job, "mail.example.test", 1)
        await home.worker.database.change("UPDATE session SET state = 'closed'")
        await home.ended()
        await home.worker.begin(home.archive.archive_id)
        await home.give()
        session = WorkerSession(home.worker.database, home.worker.session)
        assert await session.connect(home.following.job, "mail.example.test", 1)
