"""``archivar cluster`` and ``archivar worker``: what cannot work is one sentence, with exit code 2, before any change."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.cluster import postgres as cluster_postgres
from core.system.tasks import spawn
from tests import databases, homes
from tests.servers import postgres
from tests.servers.postgres import PostgresServer

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(postgres.missing() is not None, reason="needs the Debian package postgresql"),
]

database, empty = databases.database, databases.empty


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    assert homes.cli(tmp_path / "home", "user", "add", "anna", "--email", "anna@example.test").returncode == 0
    return tmp_path / "home"


def init(home: Path, address: str, place: str = "") -> subprocess.CompletedProcess[str]:
    return homes.cli(home, "cluster", "init", "--database", address, "--place", place or str(home.parent / "place"))


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, (done.stdout, done.stderr)
    for word in words:
        assert word in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3, done.stderr


def untouched(home: Path) -> bool:
    return not (home / "cluster.json").exists() and not (home / "worker.key").exists()


def test_a_database_that_cannot_be_used_is_named(home: Path, empty: PostgresServer, tmp_path: Path) -> None:
    """Not there, no address, a password in it, no rights, no folder."""
    refused(init(home, "postgresql:///archivar?host=/nonexistent"), "cannot be reached")
    refused(init(home, "host=a nonsense"), "no address")
    word = init(home, "postgresql://x:secret-word@/archivar?host=/nonexistent")
    refused(word, "~/.pgpass")
    assert "secret-word" not in word.stderr
    refused(init(home, empty.address, str(tmp_path / "missing")), "is no folder")
    empty.query("CREATE ROLE poor LOGIN")
    refused(init(home, empty.address.replace(f"{empty.account}@", "poor@")), "may not")
    assert untouched(home)
    assert empty.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'archivar'") == "0"


def test_a_database_has_the_workers_of_one_archive(home: Path, empty: PostgresServer, tmp_path: Path) -> None:
    """Set up once; the same home cannot be set up again, and another archive not with the same database."""
    done = homes.cli(home, "cluster", "init", "--database", empty.address, "--place", str(home.parent / "place"), "--json")
    assert json.loads(done.stdout)["key"] == str(home / "worker.key")
    assert (home / "worker.key").stat().st_mode & 0o777 == 0o600
    assert "worker" not in empty.query("SELECT encode(public_key, 'escape') FROM cluster")
    refused(init(home, empty.address), "cluster.json is there")
    other = tmp_path / "other"
    assert homes.cli(other, "user", "add", "berta").returncode == 0
    refused(init(other, empty.address), "another archive")
    assert untouched(other)
    state = json.loads(homes.cli(home, "cluster", "status", "--json").stdout)
    assert (state["workers"], state["mailboxes_waiting"]) == ([], 0)
    assert homes.cli(home, "cluster", "drain").returncode == 0


def test_the_place_is_not_the_storage(home: Path, empty: PostgresServer, tmp_path: Path) -> None:
    """Volumes of workers that were given up would be fetched from there as if they were of the archive."""
    (tmp_path / "storage").mkdir()
    assert homes.cli(home, "storage", "set", str(tmp_path / "storage")).returncode == 0
    refused(init(home, empty.address, str(tmp_path / "storage")), "cannot be both")
    assert untouched(home)


def test_the_storage_is_not_the_place(home: Path, empty: PostgresServer, tmp_path: Path) -> None:
    """The other order, and by another path; what cannot be compared is not set."""
    assert init(home, empty.address).returncode == 0
    (tmp_path / "by-another-path").symlink_to(tmp_path / "place")
    for name in ("place", "by-another-path"):
        refused(homes.cli(home, "storage", "set", str(tmp_path / name)), "cannot be both")
    assert not (home / "storage.json").exists()
    (tmp_path / "storage").mkdir()
    file = home / "cluster.json"
    known = file.read_text()
    file.write_text(known.replace(json.dumps(empty.address), '"postgresql:///archivar?host=/nonexistent"'))
    refused(homes.cli(home, "storage", "set", str(tmp_path / "storage")), "cannot be reached")
    assert not (home / "storage.json").exists()
    file.write_text(known)
    assert homes.cli(home, "storage", "set", str(tmp_path / "storage")).returncode == 0


def test_a_home_without_a_cluster_says_so(home: Path) -> None:
    refused(homes.cli(home, "cluster", "status"), "no workers")
    refused(homes.cli(home, "cluster", "drain"), "no workers")


def test_a_worker_that_does_not_fit_ends_at_once(home: Path, empty: PostgresServer, tmp_path: Path) -> None:
    """Another key, no key, no cluster, another protocol; nothing is written but its folder."""
    words = ("worker", "--database", empty.address, "--state", str(tmp_path / "state"), "--key")
    refused(homes.cli(home, *words, str(home / "worker.key")), "has no cluster")
    assert init(home, empty.address).returncode == 0
    refused(homes.cli(home, *words, str(tmp_path / "missing")), "missing")
    (tmp_path / "other").write_bytes(bytes(32))
    refused(homes.cli(home, *words, str(tmp_path / "other")), "not the key")
    empty.query("UPDATE cluster SET protocol = 999")
    refused(homes.cli(home, *words, str(home / "worker.key")), "protocol 999")
    refused(homes.cli(home, "cluster", "status"), "protocol 999")
    assert not (tmp_path / "state").exists()
    assert empty.query("SELECT count(*) FROM session") == "0"


def test_the_unit_of_a_worker_is_printed(home: Path, empty: PostgresServer, tmp_path: Path) -> None:
    """With the call that was named, and the place that it writes to; for a key that does not fit there is none."""
    assert init(home, empty.address).returncode == 0
    words = ("worker", "unit", "--database", empty.address, "--mailboxes", "3", "--key")
    done = homes.cli(home, *words, str(home / "worker.key"), "--json")
    found = json.loads(done.stdout)
    lines = found["unit"].splitlines()
    [start] = [line for line in lines if line.startswith("ExecStart=")]
    assert " worker --database " in start
    assert "--mailboxes 3" in start
    assert f"ReadWritePaths={home.parent / 'place'}" in lines
    assert empty.query("SELECT count(*) FROM session") == "0"
    (tmp_path / "other").write_bytes(bytes(32))
    refused(homes.cli(home, *words, str(tmp_path / "other")), "not the key")


def test_only_some_profiles_can_have_workers(home: Path, tmp_path: Path) -> None:
    """Not a catch-all mailbox, and not beside a daily share."""
    file = tmp_path / "profile.toml"
    server = '[server]\nhost = "mail.example.test"\nworkers = true\n'
    file.write_text(f'name = "J"\nkind = "catchall"\n{server}[login]\nusername = "j@example.test"\n')
    refused(homes.cli(home, "profile", "apply", str(file)), "workers")
    file.write_text(
        f'name = "J"\nkind = "mailbox"\n{server}megabytes_a_day = 5\n[login]\nusername = "j@example.test"\n'
        '[target]\nuser = "anna"\n'
    )
    refused(homes.cli(home, "profile", "apply", str(file)), "workers")


async def test_a_process_that_is_stopped_in_a_transaction_gives_its_locks_back(
    empty: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a worker that is stopped (SIGSTOP) while it reports would keep the home from giving it up."""
    monkeypatch.setattr(cluster_postgres, "SILENT_SECONDS", 0.5)
    locked = asyncio.Event()

    async def says_nothing(connection: Any) -> None:
        await connection.execute("UPDATE cluster_lock SET held = true")
        locked.set()
        await asyncio.sleep(2)
        await connection.execute("SELECT 1")

    async with cluster_postgres.Postgres.open(empty.address) as stopped, cluster_postgres.Postgres.open(empty.address) as home:
        await home.change("CREATE SCHEMA IF NOT EXISTS archivar")
        await home.change("CREATE TABLE cluster_lock AS SELECT false AS held")
        silent = spawn(stopped.run(says_nothing), name="silent")
        await locked.wait()
        async with asyncio.timeout(1.5):
            assert await home.change("UPDATE cluster_lock SET held = false") == 1
        with pytest.raises(cluster_postgres.AwayError):
            await silent
        assert await stopped.rows("SELECT held FROM cluster_lock") == [{"held": False}]
