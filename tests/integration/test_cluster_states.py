"""A cluster and an archive that do not fit any more: restored, copied, upgraded, or a database that changed under them."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.registry import lanes
from core.cluster import postgres as cluster_postgres
from core.cluster import setting_up
from core.cluster.hub import Hub
from core.cluster.postgres import AwayError, Postgres
from core.cluster.protocol import PROTOCOL
from core.config import Home
from core.errors import InputError
from core.model import now
from core.storage.place import StoragePlace
from tests import databases, homes
from tests.servers import postgres
from tests.servers.postgres import PostgresServer
from tests.strange_workers import StrangeHome, strange

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(postgres.missing() is not None, reason="needs the Debian package postgresql"),
]

database, empty = databases.database, databases.empty


async def deliver(home: StrangeHome) -> None:
    path = await home.worker.write(home.owner)
    await home.worker.report(await home.worker.put(path), path)
    await home.worker.until("SELECT 1 FROM volume WHERE taken")


async def until(database: PostgresServer, sql: str, value: str) -> None:
    """Wait until a query has this result."""
    await asyncio.to_thread(homes.wait_for, lambda: database.query(sql) == value, sql)


def copied(home: Home, folder: Path) -> Path:
    shutil.copytree(home.path, folder, ignore=shutil.ignore_patterns("service.lock"))
    return folder


async def begins(path: Path) -> str:
    """The code of what keeps the hub of a home from its workers; empty when nothing does."""
    archive = await Archive.open(Home(path))
    try:
        async with Hub(archive).used():
            return ""
    except InputError as error:
        return error.reason.code.word
    finally:
        await archive.close()


async def test_an_archive_of_before_is_not_taken_for_the_present_one(empty: PostgresServer, tmp_path: Path) -> None:
    """Restored to before a delivery: refused until it is adopted; then it goes on with lanes that nobody has used."""
    async with strange(tmp_path, empty.address) as home:
        restored = copied(home.archive.home, tmp_path / "restored")
        await deliver(home)
        first = home.worker.session
    assert await begins(restored) == "cluster-later-archive"
    assert (restored / "volumes").exists()
    assert empty.query(f"SELECT state FROM session WHERE id = {first}") == "open"
    done = await asyncio.to_thread(homes.cli, restored, "cluster", "adopt")
    assert done.returncode == 0, done.stderr
    assert empty.query(f"SELECT state, why->>'code' FROM session WHERE id = {first}") == "closed|worker-of-other-state"
    archive = await Archive.open(Home(restored))
    try:
        async with Hub(archive).used():
            empty.query(f"INSERT INTO session (name, version, protocol, mailboxes) VALUES ('new', '1', {PROTOCOL}, 1)")
            await until(empty, "SELECT lane FROM session WHERE state = 'open'", "2")
            assert 2 in await lanes.all_of(archive)
    finally:
        await archive.close()
    assert await begins(tmp_path / "home") == "cluster-later-archive"


async def test_two_copies_of_an_archive_never_share_their_workers(empty: PostgresServer, tmp_path: Path) -> None:
    """The one that comes later has them; the other ends its runs and says so."""
    async with strange(tmp_path, empty.address) as home:
        other = await Archive.open(Home(copied(home.archive.home, tmp_path / "copy")))
        try:
            async with Hub(other).used():
                async with asyncio.timeout(20):
                    await home.following.ended.wait()
                with pytest.raises(InputError) as refused:
                    home.hub.check()
                assert refused.value.reason.code.word == "cluster-taken-over"
                # What a session of the first one delivers now is no part of the second: it opened the lane, before the copy.
                before = await home.messages()
                await deliver_later(home)
                assert await home.messages() == before
        finally:
            await other.close()


async def deliver_later(home: StrangeHome) -> None:
    path = await home.worker.write(home.owner)
    await home.worker.report(await home.worker.put(path), path)
    await asyncio.sleep(1.0)


async def test_an_unknown_lane_ends_its_session_alone(empty: PostgresServer, tmp_path: Path) -> None:
    """A session whose lane this archive did not open: as of a later state that was never adopted by its number."""
    async with strange(tmp_path, empty.address) as home:
        path = await home.worker.write(home.owner)
        key = await home.worker.put(path)
        await home.worker.database.change("UPDATE session SET lane = 9, lane_id = %s", "0" * 32)
        await home.worker.report(key, path)
        assert (await home.worker.closed())["why"]["code"] == "worker-lane-unknown"
        await home.ended()


async def test_a_cluster_of_an_older_program_is_brought_up(empty: PostgresServer, tmp_path: Path) -> None:
    """Tables of protocol 1: status and drain work; the first run makes what is missing, and closes old workers' sessions."""
    script = (Path(__file__).parents[1] / "cluster-1.sql").read_text()
    (tmp_path / "place").mkdir()
    archive = await homes.begin(tmp_path / "home")
    try:
        file = await setting_up.set_up(archive, empty.address, StoragePlace(str(tmp_path / "place")), None)
        assert file == archive.home.worker_key
        row = empty.query("SELECT archive, encode(public_key, 'hex'), place::text FROM cluster").split("|")
        empty.query("DROP TABLE cluster, session, volume, run, job, told, question, connection CASCADE")
        empty.query(script)
        empty.query(
            "INSERT INTO cluster (archive, protocol, public_key, place, lease_seconds, patience_seconds) "
            f"VALUES ('{row[0]}', 1, '\\x{row[1]}', '{row[2]}', 30, 900)"
        )
        empty.query("INSERT INTO session (name, version, protocol, mailboxes, state) VALUES ('old', '0.0', 1, 4, 'open')")
        assert (await setting_up.look(archive.home)).workers[0].name == "old"
        assert await setting_up.drain(archive.home) == 1
        async with Hub(archive).used():
            assert empty.query("SELECT protocol FROM cluster") == f"{PROTOCOL}"
            assert empty.query("SELECT state, why->>'code' FROM session") == "closed|worker-other-protocol"
            empty.query("INSERT INTO session (name, version, protocol, mailboxes) VALUES ('old', '0.0', 1, 4)")
            await until(empty, "SELECT count(*) FROM session WHERE state = 'closed'", "2")
        assert await lanes.all_of(archive) == {}
    finally:
        await archive.close()


async def test_a_clock_that_is_wrong_is_named_before_anything_is_written(
    empty: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "place").mkdir()
    archive = await homes.begin(tmp_path / "home")
    try:
        for hours in (3, -3):
            monkeypatch.setattr(cluster_postgres, "now", lambda hours=hours: now() + timedelta(hours=hours))
            with pytest.raises(InputError) as refused:
                await setting_up.set_up(archive, empty.address, StoragePlace(str(tmp_path / "place")), None)
            assert refused.value.reason.code.word == "cluster-clock"
            assert "3 h" in refused.value.message
        assert empty.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'archivar'") == "0"
        assert not (tmp_path / "home" / "worker.key").exists()
        monkeypatch.undo()
        await setting_up.set_up(archive, empty.address, StoragePlace(str(tmp_path / "place")), None)
    finally:
        await archive.close()
    monkeypatch.setattr(cluster_postgres, "now", lambda: now() + timedelta(hours=3))
    assert await begins(tmp_path / "home") == "cluster-clock"


async def test_a_job_that_is_queued_again_waits_for_no_clock(empty: PostgresServer, tmp_path: Path) -> None:
    """Fetched by a worker that died before it claimed it: it can be fetched at once, however far the home's clock is ahead."""
    async with strange(tmp_path, empty.address) as home:
        database = home.worker.database
        await database.change("UPDATE job SET state = 'todo', session = NULL")
        worker = await database.queue(lambda jobs: jobs.register_worker())
        fetched = await database.queue(lambda jobs: jobs.fetch_job(None, worker))
        assert fetched is not None
        await database.change("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
        row = await home.worker.until(
            "SELECT scheduled_at < now() - interval '1 day' AS early FROM procrastinate_jobs WHERE status = 'todo'"
        )
        assert row["early"] is True


async def test_a_database_that_takes_nothing_makes_runs_wait(empty: PostgresServer, tmp_path: Path) -> None:
    """A standby, and a disk that is full: the run goes on afterwards. Rights that were taken away end it in one sentence."""
    async with strange(tmp_path, empty.address) as home:
        trigger = (
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'No space left' "
            "USING ERRCODE = '{}'; END $$; CREATE TRIGGER full_disk BEFORE UPDATE ON cluster EXECUTE FUNCTION full_disk()"
        )
        for state in ("53100", "25006"):
            empty.query(trigger.format(state))
            with pytest.raises(AwayError) as away:
                await home.worker.database.change("UPDATE cluster SET holder = holder")
            assert away.value.reason.code.word == "cluster-takes-nothing"
            if state == "53100":
                path = await home.worker.write(home.owner)
                await home.worker.report(await home.worker.put(path), path)
            await asyncio.sleep(1.0)
            home.hub.check()
            empty.query("DROP FUNCTION full_disk CASCADE")
        await home.worker.until("SELECT 1 FROM volume WHERE taken")
        assert await home.messages() == 3
        empty.query("ALTER TABLE job RENAME TO jobs_of_another")
        async with asyncio.timeout(20):
            await home.following.ended.wait()
        with pytest.raises(InputError) as refused:
            home.hub.check()
        assert refused.value.reason.code.word == "cluster-other-tables"


async def test_a_database_of_another_program_is_left_as_it_is(empty: PostgresServer, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    archive = await homes.begin(tmp_path / "home")

    async def refused() -> str:
        with pytest.raises(InputError) as found:
            await setting_up.set_up(archive, empty.address, StoragePlace(str(tmp_path / "place")), None)
        return found.value.reason.code.word

    try:
        empty.query("CREATE SCHEMA archivar; CREATE TABLE archivar.job (title text)")
        assert await refused() == "cluster-not-empty"
        empty.query("CREATE TABLE archivar.cluster (name text)")
        assert await refused() == "cluster-not-empty"
        assert empty.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'archivar'") == "2"
        empty.query("DROP SCHEMA archivar CASCADE")
        empty.query("ALTER DATABASE archivar SET default_transaction_read_only = on", "postgres")
        with pytest.raises(AwayError) as away:
            await setting_up.set_up(archive, empty.address, StoragePlace(str(tmp_path / "place")), None)
        assert away.value.reason.code.word == "cluster-takes-nothing"
        assert not (tmp_path / "home" / "worker.key").exists()
    finally:
        await archive.close()


async def test_rights_that_were_taken_away_are_named(empty: PostgresServer, tmp_path: Path) -> None:
    async with strange(tmp_path, empty.address):
        empty.query("CREATE ROLE watcher LOGIN; GRANT USAGE ON SCHEMA archivar TO watcher")
        try:
            async with Postgres.open(empty.address.replace(f"{empty.account}@", "watcher@")) as poor:
                with pytest.raises(InputError) as refused:
                    await poor.cluster()
                assert refused.value.reason.code.word == "cluster-rights"
        finally:
            empty.query("DROP OWNED BY watcher; DROP ROLE watcher")
