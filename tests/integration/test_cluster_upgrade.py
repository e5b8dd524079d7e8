"""Service and workers of different protocols: each is told plainly, and no mailbox is lost or archived twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from core.cluster.protocol import PROTOCOL
from core.service.lock import is_running
from tests import homes
from tests.clusters import ClusterHome, cluster, mail_server, wait
from tests.conftest import StartDovecot
from tests.integration.test_cluster import archived, ended, is_whole, run, starts
from tests.servers import postgres
from tests.servers.dovecot import Dovecot

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.skipif(postgres.missing() is not None, reason="needs the Debian package postgresql"),
]

MAILBOXES, COUNT = 12, 30


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    return mail_server(dovecot, MAILBOXES, COUNT)


def exit_code(made: ClusterHome, name: str) -> int:
    return made.workers[name].wait(60)


def test_workers_of_before_and_of_later_are_refused_plainly(server: Dovecot, tmp_path: Path) -> None:
    """One newer than the cluster ends at once; one older when the service was upgraded; the run is done by those that fit."""
    with cluster(tmp_path / "c", server, MAILBOXES) as made:
        made.worker("newer", protocol=PROTOCOL + 1)
        assert exit_code(made, "newer") == 2
        assert f"protocol {PROTOCOL}, this program {PROTOCOL + 1}" in (made.folder / "newer.err").read_text()
        # A cluster of before, with one of its workers: the new one comes too early.
        made.change(f"UPDATE cluster SET protocol = {PROTOCOL - 1}")
        made.worker("older", protocol=PROTOCOL - 1)
        wait(lambda: made.change("SELECT 1 FROM session"), made, "the older worker is there")
        made.worker("early")
        assert exit_code(made, "early") == 2
        assert made.change("SELECT count(*) FROM session") == "1"
        # The service is upgraded.
        number = starts(made)
        assert exit_code(made, "older") == 2
        assert f"protocol {PROTOCOL}, this program {PROTOCOL - 1}" in (made.folder / "older.err").read_text()
        assert archived(made) == 0
        made.worker("fits")
        found = ended(made, number)
        assert (found["status"], found["archived"]) == ("succeeded", MAILBOXES * COUNT), (found, made.logs())
        is_whole(made, MAILBOXES, COUNT)


def test_what_workers_of_before_have_in_hand_goes_to_others(server: Dovecot, tmp_path: Path) -> None:
    """The service is upgraded in the middle of a run: what they delivered counts, and their mailboxes are visited again."""
    with cluster(tmp_path / "c", server, MAILBOXES, connections=2) as made:
        made.worker("one", mailboxes=2)
        number = starts(made)
        wait(lambda: archived(made) >= 2 * COUNT, made, "some mail is in the archive")
        os.kill(int((made.home.path / "service.lock").read_text().split()[0]), signal.SIGKILL)
        wait(lambda: not is_running(made.home), made, "the service is gone")
        assert archived(made) < MAILBOXES * COUNT
        made.change(f"UPDATE cluster SET protocol = {PROTOCOL - 1}")
        made.change(f"UPDATE session SET protocol = {PROTOCOL - 1}")
        homes.cli(made.home, "service", "start")
        found = ended(made, number)
        assert (found["status"], found["archived"]) == ("succeeded", MAILBOXES * COUNT), (found, made.logs())
        assert made.change("SELECT count(*) FROM session WHERE why->>'code' = 'worker-other-protocol'") == "1"
        is_whole(made, MAILBOXES, COUNT)


def test_an_older_service_leaves_a_newer_cluster_alone(server: Dovecot, tmp_path: Path) -> None:
    with cluster(tmp_path / "c", server, 1) as made:
        made.change(f"UPDATE cluster SET protocol = {PROTOCOL + 1}")
        found = run(made)
        assert (found["status"], found["code"]) == ("failed", "cluster-protocol"), found
        assert made.change("SELECT protocol FROM cluster") == f"{PROTOCOL + 1}"
