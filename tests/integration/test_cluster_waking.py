"""Workers and home are woken when there is something for them, and wait for nothing that they need not wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from core.cluster.postgres import Postgres
from core.cluster.waking import HOME, JOBS, WORKERS, Bell, listening
from tests import homes
from tests.clusters import MASTER, ClusterHome, address, cluster, messages, wait
from tests.conftest import StartDovecot
from tests.integration.test_cluster import ended, starts
from tests.servers import postgres
from tests.servers.dovecot import Dovecot

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.skipif(postgres.missing() is not None, reason="needs the Debian package postgresql"),
]


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    pytest.importorskip("procrastinate")
    server = dovecot({address(number): "secret" for number in range(1, 4)}, master=MASTER)
    for number in range(1, 4):
        server.fill(address(number), "INBOX", messages(number, 10))
    return server


def test_a_mailbox_that_waits_to_be_delivered_keeps_no_other_from_being_visited(server: Dovecot, tmp_path: Path) -> None:
    """A worker of one mailbox at once, while the place takes nothing: it visits all three, and delivers them later."""
    with cluster(tmp_path / "c", server, 3) as made:
        made.worker("one", mailboxes=1)
        [(archive,)] = homes.rows(made.home.catalog, "SELECT archive_id FROM applied")
        (made.place / archive / "lane-000001").write_text("in the way")
        number = starts(made)
        wait(lambda: made.change("SELECT count(*) FROM job WHERE state = 'visited'") == "3", made, "all are visited", 60)
        (made.place / archive / "lane-000001").unlink()
        found = ended(made, number)
        assert (found["status"], found["archived"]) == ("succeeded", 30), (found, made.logs())


def test_a_question_is_answered_and_a_job_taken_without_waiting_for_the_next_look(server: Dovecot, tmp_path: Path) -> None:
    """PostgreSQL tells the home of questions, volumes and ended visits, a worker of its own answers, and all of new jobs."""
    with cluster(tmp_path / "c", server, 1) as made:
        asyncio.run(_told(made))


async def _told(made: ClusterHome) -> None:
    async with Postgres.open(made.database.address) as database:
        row = await database.one(
            "INSERT INTO session (name, version, protocol, mailboxes) VALUES ('one', '1', 2, 1) RETURNING id"
        )
        assert row is not None
        session = row["id"]
        home, own, other = Bell(), Bell(), Bell()
        async with (
            listening(database, home, [HOME]),
            listening(database, own, [WORKERS, JOBS], session),
            listening(database, other, [WORKERS, JOBS], session + 1),
        ):
            await _until(lambda: bool(home.rings and own.rings and other.rings))
            await database.change("INSERT INTO run (number, values, secret) VALUES (1, '', '')")
            await database.change(
                "INSERT INTO job (run, mailbox, token, values, session) SELECT id, 'm', gen_random_uuid(), '', %s FROM run",
                session,
            )
            before = home.rings
            await database.change("INSERT INTO question (job, kind, asked) SELECT id, 'prove', '' FROM job")
            await _until(lambda: home.rings > before)
            before, others = own.rings, other.rings
            await database.change("UPDATE question SET answer = ''")
            await _until(lambda: own.rings > before)
            assert other.rings == others
            for sql in ("UPDATE job SET state = 'visited'", "INSERT INTO volume SELECT id, 1, 'k', '', 1, 1 FROM session"):
                before = home.rings
                await database.change(sql)
                await _until(lambda: home.rings > before)  # noqa: B023


async def _until(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 60
    while not condition():
        assert monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_no_ring_between_a_look_and_the_wait_is_missed() -> None:
    """A ring after the look ends the wait at once; without one it lasts as long as it is to."""
    bell = Bell()
    rings = bell.rings
    bell.ring()
    begun = monotonic()
    await bell.wait(60, rings)
    assert monotonic() - begun < 30
    rings = bell.rings
    waiting = asyncio.ensure_future(bell.wait(60, rings))  # noqa: TID251 (awaited below)
    await asyncio.sleep(0)
    bell.ring()
    await waiting
    await bell.wait(0.01, bell.rings)
    assert monotonic() - begun < 30
