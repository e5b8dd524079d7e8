"""An archive with workers that is lost: restored from a backup, and from the bucket alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.config import Home
from tests import homes
from tests.clusters import MASTER, PROFILE, ClusterHome, address, cluster, mail_server
from tests.conftest import StartDovecot
from tests.integration.test_cluster import archived, run
from tests.servers import postgres
from tests.servers.bucket import BUCKET, BucketServer, bucket_server
from tests.servers.dovecot import Dovecot

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.skipif(postgres.missing() is not None, reason="needs the Debian package postgresql"),
]

MAILBOXES, COUNT = 4, 30


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    return mail_server(dovecot, MAILBOXES, COUNT)


def at(made: ClusterHome, path: Path) -> ClusterHome:
    """The cluster as an archive elsewhere uses it."""
    other = ClusterHome(Home(path), made.database, made.folder)
    other.workers = made.workers
    return other


def does(made: ClusterHome, *words: str) -> str:
    done = homes.cli(made.home, *words)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def test_a_backup_knows_the_workers_and_their_key(server: Dovecot, tmp_path: Path) -> None:
    """Restored, the archive goes on with the workers that run; without the key it says which file is wanted."""
    with cluster(tmp_path / "c", server, MAILBOXES) as made:
        made.worker("one")
        assert run(made)["archived"] == MAILBOXES * COUNT
        does(made, "service", "stop")
        backup = tmp_path / "backup"
        does(made, "backup", str(backup))
        assert (backup / "worker.key").read_bytes() == (made.home.path / "worker.key").read_bytes()
        assert (backup / "worker.key").stat().st_mode & 0o777 == 0o600
        assert (backup / "cluster.json").read_bytes() == (made.home.path / "cluster.json").read_bytes()
        restored = at(made, Path(shutil.copytree(backup, tmp_path / "restored")))
        shutil.rmtree(made.home.path)
        does(restored, "rebuild")
        server.deliver(address(1), "INBOX", homes.message(900))
        found = run(restored)
        assert (found["status"], found["archived"], found["known"]) == ("succeeded", 1, MAILBOXES * COUNT), found
        assert homes.findings(restored.home) == []
        does(restored, "backup", "--without-key", str(tmp_path / "bare"))
        assert not (tmp_path / "bare" / "worker.key").exists()
        assert (tmp_path / "bare" / "cluster.json").exists()


def test_a_backup_of_before_the_last_delivery_is_told(server: Dovecot, tmp_path: Path) -> None:
    """It is no state that workers may go on with unasked; adopted, it fetches again what it lacks, once."""
    with cluster(tmp_path / "c", server, MAILBOXES) as made:
        made.worker("one")
        does(made, "backup", str(tmp_path / "backup"))
        assert run(made)["archived"] == MAILBOXES * COUNT
        does(made, "service", "stop")
        shutil.rmtree(made.home.path)
        restored = at(made, Path(shutil.copytree(tmp_path / "backup", tmp_path / "restored")))
        does(restored, "rebuild")
        refused = run(restored)
        assert (refused["status"], refused["code"]) == ("failed", "cluster-later-archive"), refused
        does(restored, "cluster", "adopt")
        found = run(restored)
        assert (found["status"], found["archived"]) == ("succeeded", MAILBOXES * COUNT), (found, made.logs())
        assert archived(restored) == MAILBOXES * COUNT
        assert homes.findings(restored.home) == []


@pytest.fixture
def bucket() -> object:
    with bucket_server() as server:
        yield server


def test_an_archive_with_lanes_is_made_anew_from_the_bucket_alone(
    server: Dovecot, bucket: BucketServer, tmp_path: Path
) -> None:
    """Home, PostgreSQL and workers' key are lost: what the storage has is whole, and the rest is fetched again, once."""
    (tmp_path / "secret").write_text("the other half of the key\n")
    key = ["--endpoint", bucket.endpoint, "--access-key", "workers", "--secret-file", str(tmp_path / "secret")]
    storage = [
        f"s3://{BUCKET}/mail",
        "--endpoint",
        bucket.endpoint,
        "--key",
        "workers",
        "--secret-file",
        str(tmp_path / "secret"),
    ]
    with cluster(tmp_path / "c", server, MAILBOXES, place=["--place", f"s3://{BUCKET}/lanes", *key]) as made:
        does(made, "storage", "set", *storage)
        made.worker("one")
        assert run(made)["archived"] == MAILBOXES * COUNT
        # The own volume is sealed, so that the storage has what the lanes were anchored by.
        does(made, "service", "stop")
        homes.change(made.home.catalog, "INSERT INTO setting VALUES ('volume_bytes', '1')")
        server.deliver(address(1), "INBOX", homes.message(900))
        assert run(made)["archived"] == 1
        does(made, "service", "stop")
        does(made, "storage", "push")
        shutil.rmtree(made.home.path)
        restored = at(made, tmp_path / "restored")
        does(restored, "rebuild", "--from-storage", *storage)
        assert archived(restored) == MAILBOXES * COUNT + 1
        assert homes.findings(restored.home) == []
        does(restored, "cluster", "init", "--database", made.database.address, "--place", f"s3://{BUCKET}/lanes", *key)
        does(restored, "cluster", "adopt")
        # It has another key now, which the worker of before has not.
        file = tmp_path / "profile.toml"
        (tmp_path / "password").write_text(f"{MASTER[1]}\n")
        shown = does(restored, "profile", "show", PROFILE)
        file.write_text(shown.replace("[login]", f'[login]\npassword_file = "{tmp_path / "password"}"'))
        does(restored, "profile", "apply", str(file))
        assert made.workers["one"].wait(60) == 2
        assert "not the key" in (made.folder / "one.err").read_text()
        restored.worker("two")
        server.deliver(address(2), "INBOX", homes.message(901))
        found = run(restored)
        assert (found["status"], found["archived"], found["known"]) == ("succeeded", 1, MAILBOXES * COUNT + 1), found
        assert homes.findings(restored.home) == []
