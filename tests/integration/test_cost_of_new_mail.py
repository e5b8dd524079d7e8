"""New mail in large folders: what it costs the server, the wire and the catalog."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from core.engine.visit import ranges
from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import Proxy
from tests.servers.scripted import ScriptedServer, Stored
from tests.support import ALICE, Outcome, Sandbox, mail, profile, sandbox

COUNT = 20_000


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


# -- what it costs


@pytest.mark.server
@pytest.mark.slow
async def test_a_new_message_in_a_large_folder_costs_what_is_new(dovecot: StartDovecot, box: Sandbox) -> None:
    """Bytes from the server and memory: by what is new; what is gone by the server's memory or by UIDs; all of it in ranges."""
    server = dovecot()
    server.fill(ALICE, "INBOX", {number: mail(f"number {number}") for number in range(COUNT)})
    with Proxy(server.host, server.plain_port) as proxy:
        assert (await box.run(profile(proxy))).tally.archived == COUNT

        new = await _measured(box, server, proxy, COUNT)
        assert (new.outcome.tally.known, new.outcome.tally.archived) == (COUNT, 1)
        assert (new.received < 40_000, new.turns <= 9, new.peak < 4_000_000) == (True, True, True), new

        server.remove_messages(ALICE, "INBOX", 5)
        gone = await _measured(box, server, proxy, COUNT + 1)
        assert (gone.outcome.tally.known, gone.outcome.tally.archived) == (COUNT - 4, 1)
        assert (gone.received < 40_000, gone.peak < 4_000_000) == (True, True), gone
        assert [entry["uids"] for entry in await box.entries("vanished")] == ["1:5"]

        server.stop()
        server.extra = "imap_capability = IMAP4rev1 LITERAL+ UIDPLUS LIST-STATUS NAMESPACE"
        server.start()
        proxy.target = (server.host, server.plain_port)
        server.remove_messages(ALICE, "INBOX", 5)
        gone = await _measured(box, server, proxy, COUNT + 2)
        assert (gone.outcome.tally.known, gone.outcome.tally.archived) == (COUNT - 8, 1)
        assert (10 * COUNT < gone.received < 35 * COUNT, gone.peak < 20_000_000) == (True, True), gone
        assert [entry["uids"] for entry in await box.entries("vanished")] == ["1:5", "6:10"]

        async with box.archive.database.transaction() as transaction:
            await transaction.execute("UPDATE folder_state SET listed = '2024-01-01T00:00:00Z'")
        whole = await _measured(box, server, proxy, COUNT + 3)
        assert (whole.outcome.tally.known, whole.outcome.tally.archived) == (COUNT - 7, 1)
        assert (whole.received > 60 * COUNT, whole.peak < 20_000_000) == (True, True), whole
        assert await box.missing(profile(proxy)) == {}


@dataclass(frozen=True)
class _Cost:
    outcome: Outcome
    received: int
    turns: int
    peak: int


async def _measured(box: Sandbox, server: Dovecot, proxy: Proxy, number: int) -> _Cost:
    """A run after one new message: bytes and round trips from the server, and the most memory that Python took."""
    server.deliver(ALICE, "INBOX", mail(f"number {number}"))
    proxy.reset_counters()
    tracemalloc.start()
    outcome = await box.run(profile(proxy))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (outcome.reasons, outcome.adds_up) == ("", True)
    return _Cost(outcome, proxy.bytes_to_client, proxy.turns, peak)


async def test_the_catalog_is_asked_no_more_where_more_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with one new message: SQLite's steps with 300 known messages, and with 3,000."""
    monkeypatch.setattr(ranges, "LARGE", 100)
    steps = []
    for count in (300, 3000):
        folders = {"INBOX": [Stored(uid, mail(f"message {uid}")) for uid in range(1, count + 1)]}
        async with sandbox(tmp_path / str(count)) as box:
            with ScriptedServer(folders) as server:
                await box.run(profile(server))
                server.folders["INBOX"].append(Stored(count + 1, mail("new")))
                taken: list[int] = []
                await box.archive.database._connection.set_progress_handler(partial(taken.append, 1), 50)
                assert (await box.run(profile(server))).tally.archived == 1
                await box.archive.database._connection.set_progress_handler(None, 50)  # type: ignore[arg-type]
                steps.append(len(taken))
    assert steps[0] > 0
    assert steps[1] <= steps[0] * 1.2, steps
