"""Mailboxes visited by workers: the same archive, whatever happens to them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from core.archive.proof import seal_check
from core.archive.proof.seal import parse
from core.profiles.deletion import Deletion, When
from core.service.lock import is_running
from tests import homes
from tests.clusters import MASTER, PROFILE, ClusterHome, address, cluster, mail_server, messages, wait
from tests.conftest import StartDovecot
from tests.servers import postgres
from tests.servers.bucket import BUCKET, bucket_server
from tests.servers.dovecot import Dovecot
from tui.desk.runs.workers import WorkersDesk

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.skipif(postgres.missing() is not None, reason="needs the Debian package postgresql"),
]


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    return mail_server(dovecot, 8)


def archived(made: ClusterHome) -> int:
    [(count,)] = homes.rows(made.home.catalog, "SELECT count(*) FROM placement WHERE until_seq IS NULL")
    return int(count)


def run(made: ClusterHome, *words: str) -> dict[str, Any]:
    done = homes.cli(made.home, "run", PROFILE, "--json", *words)
    assert done.stdout, done.stderr + made.logs()
    found = json.loads(done.stdout)
    return {**found, **found["totals"]} if "totals" in found else found


def test_a_worker_archives_what_a_run_at_home_would(server: Dovecot, tmp_path: Path) -> None:
    """Three mailboxes by one worker: archived, searchable, verified; again nothing is new; new mail is found."""
    for number in (1, 2, 3):
        server.fill(address(number), "INBOX", messages(number, 20))
        server.fill(address(number), "Projects/2024", messages(100 + number, 5, 30_000))
    with cluster(tmp_path / "c", server, 3) as made:
        made.worker("one")
        found = run(made)
        assert (found["status"], found["archived"]) == ("succeeded", 75), (found, made.logs())
        assert archived(made) == 75
        assert homes.findings(made.home) == []
        [row] = asyncio.run(WorkersDesk(made.home).view()).rows
        assert (row.state.word, row.mailboxes, row.undelivered) == ("ready", "0 of 4", "")
        assert "one" in homes.cli(made.home, "cluster", "status").stdout
        again = run(made)
        assert (again["status"], again["archived"], again["known"]) == ("succeeded", 0, 75), again
        server.deliver(address(2), "INBOX", homes.message(900))
        new = run(made)
        assert (new["status"], new["archived"], new["known"]) == ("succeeded", 1, 75), new
        assert homes.cli(made.home, "index").returncode == 0
        assert "message 900" in homes.cli(made.home, "search", "900").stdout


def seal(made: ClusterHome) -> str:
    return homes.cli(made.home, "ledger", "head").stdout.strip()


def is_whole(made: ClusterHome, mailboxes: int, count: int) -> None:
    """All mail lies in the archive, each message once, at its UID; nothing is damaged, and one seal covers all."""
    rows = homes.rows(
        made.home.catalog,
        "SELECT f.source, f.name, count(*), count(DISTINCT s.message_id) FROM source_message s "
        "JOIN source_folder f ON f.id = s.source_folder_id WHERE s.gone_seq IS NULL GROUP BY f.id",
    )
    assert sorted(row[2:] for row in rows) == [(count, count)] * mailboxes, made.logs()
    assert archived(made) == mailboxes * count
    assert homes.rows(made.home.catalog, "SELECT count(*) FROM message") == [(mailboxes * count,)]
    assert homes.findings(made.home) == []
    difference = asyncio.run(seal_check.check(made.home, [parse(seal(made))], deep=True)).difference
    assert difference == ""
    before = homes.tables(made.home)
    homes.rebuild(made.home)
    assert homes.tables(made.home) == before


def starts(made: ClusterHome) -> int:
    """Begin a run, and give its number."""
    done = homes.cli(made.home, "run", PROFILE, "--detach", "--json")
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["run"])


def ended(made: ClusterHome, number: int, seconds: float = 240) -> dict[str, Any]:
    wait(lambda: homes.run_row(made.home, number).status.final, made, "the run ends", seconds)
    result = homes.run_row(made.home, number).result
    assert result is not None
    return {**result, **result["totals"]}


@pytest.fixture
def large(dovecot: StartDovecot) -> Dovecot:
    pytest.importorskip("procrastinate")
    server = dovecot({address(number): "secret" for number in range(1, MAILBOXES + 1)}, master=MASTER)
    for number in range(1, MAILBOXES + 1):
        server.fill(address(number), "INBOX", messages(number, COUNT))
    return server


MAILBOXES, COUNT = 24, 30


def test_workers_that_are_killed_lose_nothing_and_double_nothing(large: Dovecot, tmp_path: Path) -> None:
    """Four workers, killed (-9) again and again while a run goes on: each message once, one result."""
    with cluster(tmp_path / "c", large, MAILBOXES, lease=3.0) as made:
        for name in "abcd":
            made.worker(name, mailboxes=2)
        number = starts(made)
        chance = random.Random(1)
        for _ in range(6):
            sleep(2.0)
            if homes.run_row(made.home, number).status.final:
                break
            name = chance.choice("abcd")
            made.workers[name].kill()
            made.workers[name].wait()
            made.worker(name, mailboxes=2)
        found = ended(made, number)
        assert (found["status"], found["archived"]) == ("succeeded", MAILBOXES * COUNT), (found, made.logs())
        is_whole(made, MAILBOXES, COUNT)


def test_a_worker_that_was_given_up_adds_nothing_when_it_comes_back(large: Dovecot, tmp_path: Path) -> None:
    """Stopped (SIGSTOP) past its time and continued: its mailboxes are visited by another, and what it had is left out."""
    with cluster(tmp_path / "c", large, MAILBOXES, lease=3.0) as made:
        made.worker("slow", mailboxes=4)
        number = starts(made)
        wait(lambda: made.change("SELECT 1 FROM job WHERE state = 'doing'"), made, "a mailbox is visited")
        made.workers["slow"].send_signal(signal.SIGSTOP)
        made.worker("other", mailboxes=4)
        wait(lambda: made.change("SELECT 1 FROM session WHERE state = 'closed'"), made, "it is given up")
        made.workers["slow"].send_signal(signal.SIGCONT)
        found = ended(made, number)
        assert (found["status"], found["archived"]) == ("succeeded", MAILBOXES * COUNT), (found, made.logs())
        assert any(one["code"] == "worker-lost" for one in found["warning_reasons"]), found["warning_reasons"]
        is_whole(made, MAILBOXES, COUNT)


def test_neither_postgresql_nor_the_place_may_fail_a_run_by_going_away(large: Dovecot, tmp_path: Path) -> None:
    """PostgreSQL is restarted, and the place takes nothing for a while: the run waits and goes on."""
    with cluster(tmp_path / "c", large, MAILBOXES, lease=3.0) as made:
        made.worker("one")
        made.worker("two")
        number = starts(made)
        wait(lambda: made.change("SELECT 1 FROM job WHERE state = 'doing'"), made, "a mailbox is visited")
        made.database.stop()
        sleep(4.0)
        made.database.start()
        sleep(1.0)
        made.place.rename(made.place.with_name("away"))
        sleep(4.0)
        assert not homes.run_row(made.home, number).status.final
        made.place.with_name("away").rename(made.place)
        found = ended(made, number)
        assert (found["status"], found["archived"]) == ("succeeded", MAILBOXES * COUNT), (found, made.logs())
        is_whole(made, MAILBOXES, COUNT)


def test_nothing_is_deleted_before_it_is_part_of_the_archive(server: Dovecot, tmp_path: Path) -> None:
    """With a rule for deletion: while the place takes nothing all mail stays on the server; then all of it goes."""
    for number in (1, 2):
        server.fill(address(number), "INBOX", messages(number, 40))
    with cluster(tmp_path / "c", server, 2, deletion=Deletion(When.IMMEDIATELY)) as made:
        made.worker("one")
        [(archive,)] = homes.rows(made.home.catalog, "SELECT archive_id FROM applied")
        (made.place / archive / "lane-000001").write_text("in the way")
        number = starts(made)
        wait(lambda: made.change("SELECT 1 FROM session WHERE waiting_bytes > 0"), made, "something waits to be delivered")
        sleep(3.0)
        assert [len(server.messages(address(number), "INBOX")) for number in (1, 2)] == [40, 40]
        assert archived(made) == 0
        (made.place / archive / "lane-000001").unlink()
        found = ended(made, number)
        assert (found["status"], found["archived"], found["deleted"]) == ("succeeded", 80, 80), (found, made.logs())
        assert [len(server.messages(address(number), "INBOX")) for number in (1, 2)] == [0, 0]
        assert archived(made) == 80
        assert homes.findings(made.home) == []


def test_a_service_that_dies_goes_on_with_what_its_workers_did(large: Dovecot, tmp_path: Path) -> None:
    """Killed (-9) in the middle: the next service ends the old jobs, and the one result counts the work of both."""
    with cluster(tmp_path / "c", large, MAILBOXES, lease=3.0) as made:
        made.worker("one")
        number = starts(made)
        wait(lambda: archived(made) >= 4 * COUNT, made, "some mail is in the archive")
        process = int((made.home.path / "service.lock").read_text().split()[0])
        os.kill(process, signal.SIGKILL)
        # Its lock goes when the system has taken the process apart.
        wait(lambda: not is_running(made.home), made, "the service is gone")
        assert archived(made) < MAILBOXES * COUNT
        homes.cli(made.home, "service", "start")
        found = ended(made, number)
        assert (found["status"], found["archived"]) == ("succeeded", MAILBOXES * COUNT), (found, made.logs())
        is_whole(made, MAILBOXES, COUNT)


def test_a_run_is_cancelled_within_seconds(server: Dovecot, tmp_path: Path) -> None:
    """Even while nothing can be delivered. The mail that was fetched until then counts later, and is not fetched again."""
    for number in (1, 2):
        server.fill(address(number), "INBOX", messages(number, 40))
    with cluster(tmp_path / "c", server, 2) as made:
        made.worker("one")
        [(archive,)] = homes.rows(made.home.catalog, "SELECT archive_id FROM applied")
        (made.place / archive / "lane-000001").write_text("in the way")
        number = starts(made)
        wait(lambda: made.change("SELECT 1 FROM job WHERE (progress->>'messages_done')::int > 0"), made, "messages come")
        begun = monotonic()
        homes.cli(made.home, "cancel", str(number))
        assert ended(made, number)["status"] == "cancelled"
        assert monotonic() - begun < 8
        (made.place / archive / "lane-000001").unlink()
        found = run(made)
        assert (found["status"], found["archived"] + found["known"]) == ("succeeded", 80), (found, made.logs())
        is_whole(made, 2, 40)


def test_a_run_is_cancelled_while_postgresql_is_away(large: Dovecot, tmp_path: Path) -> None:
    """Within seconds too; its jobs are ended when PostgreSQL is back, before the next run visits the same mailboxes."""
    with cluster(tmp_path / "c", large, MAILBOXES) as made:
        made.worker("one")
        number = starts(made)
        wait(lambda: archived(made) > 0, made, "some mail is in the archive")
        made.database.stop()
        begun = monotonic()
        homes.cli(made.home, "cancel", str(number))
        assert ended(made, number)["status"] == "cancelled"
        assert monotonic() - begun < 8
        made.database.start()
        found = run(made)
        assert (found["status"], found["archived"] + found["known"]) == ("succeeded", MAILBOXES * COUNT), (found, made.logs())
        is_whole(made, MAILBOXES, COUNT)


def test_no_password_is_left_with_postgresql_or_a_worker(server: Dovecot, tmp_path: Path) -> None:
    """Neither in its tables nor in its log of all statements; nor in the worker's files, words and surroundings."""
    server.fill(address(1), "INBOX", messages(1, 5))
    with cluster(tmp_path / "c", server, 1) as made:
        made.change("ALTER SYSTEM SET log_statement = 'all'")
        made.change("SELECT pg_reload_conf()")
        process = made.worker("one")
        assert run(made)["status"] == "succeeded"
        made.change("CHECKPOINT")
        places = [made.database.folder, made.folder / "one", made.folder / "one.err", made.home.log]
        files = [Path(folder) / name for place in places for folder, _, names in os.walk(place) for name in names]
        files += [place for place in places if place.is_file()]
        files += [Path(f"/proc/{process.pid}/{name}") for name in ("environ", "cmdline")]
        assert b"INSERT INTO run" in (made.database.folder / "log").read_bytes()
        assert [path for path in files if MASTER[1].encode() in _content(path)] == []


def _content(path: Path) -> bytes:
    """The bytes of a file; none of a socket, or of one that its program has removed since it was listed."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""


def test_a_bucket_that_refuses_and_changes_what_is_put_costs_nothing_but_time(server: Dovecot, tmp_path: Path) -> None:
    """Volumes through a bucket: it refuses for a while, and keeps other bytes once; both are put again."""
    for number in range(1, 5):
        server.fill(address(number), "INBOX", messages(number, 30))
    (tmp_path / "secret").write_text("the other half of the key\n")
    with bucket_server() as bucket:
        where = ["--place", f"s3://{BUCKET}/lanes", "--endpoint", bucket.endpoint, "--access-key", "workers"]
        where += ["--secret-file", str(tmp_path / "secret")]
        with cluster(tmp_path / "c", server, 4, place=where) as made:
            assert "other half" not in made.change("SELECT encode(place_secret, 'escape') FROM cluster")
            made.worker("one", mailboxes=2)
            wait(lambda: made.change("SELECT 1 FROM session"), made, "the worker is there")
            bucket.moods.refuse, bucket.moods.only = (503, "SlowDown"), ("PUT",)
            number = starts(made)
            wait(lambda: made.change("SELECT 1 FROM session WHERE waiting_bytes > 0"), made, "something waits")
            sleep(5.0)
            assert archived(made) == 0
            changed = iter([True])
            bucket.moods.change = lambda body: body[:-1] + b"x" if next(changed, False) else body
            bucket.moods.refuse = None
            found = ended(made, number)
            assert (found["status"], found["archived"]) == ("succeeded", 120), (found, made.logs())
            is_whole(made, 4, 30)
            assert any(".g2." in key for key in bucket.objects())


def test_connections_to_a_server_are_limited_over_all_workers(large: Dovecot, tmp_path: Path) -> None:
    """Four workers of four mailboxes each, three connections in all: by the server's own log never more."""
    with cluster(tmp_path / "c", large, MAILBOXES, connections=16) as made:
        homes.cli(made.home, "settings", "set", "connections", "3")
        for name in "abcd":
            made.worker(name)
        large.reset_log()
        found = run(made)
        assert (found["status"], found["archived"]) == ("succeeded", MAILBOXES * COUNT), (found, made.logs())
        assert 1 < most_at_once(large.log_text()) <= 3


def most_at_once(log: str) -> int:
    """The most sessions that were open at the same time, by the log of logins and ends."""
    now = most = 0
    for line in log.splitlines():
        if "imap-login: Info: Login:" in line or "imap-login: Login:" in line:
            now += 1
        elif re.search(r"imap\([^)]*\).*(Logged out|Disconnected|Connection closed)", line):
            now -= 1
        most = max(most, now)
    return most
