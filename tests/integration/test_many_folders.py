"""Many folders with a few messages each: read in few round trips, stored in few transactions, and each folder for itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core.db.database import Database
from core.imap import folders as imap_folders
from core.model import RunStatus
from tests.conftest import StartDovecot
from tests.servers import scripted
from tests.servers.proxy import Proxy
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, Sandbox, all_digests, mail, placed, profile, sandbox, sha256

COUNT = 120


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


def scripted_folders(count: int = 30) -> dict[str, list[Stored]]:
    """INBOX, and folders that all have the same UIDs, with different messages of one size."""
    names = ["INBOX", *(f"Folder {number:03}" for number in range(count))]
    return {name: [Stored(uid, mail(f"{index:03} {uid}")) for uid in (1, 2)] for index, name in enumerate(names)}


def on_server(server: ScriptedServer) -> set[tuple[str, str]]:
    return {(name, sha256(one.raw)) for name, messages in server.folders.items() for one in messages}


class Transactions:
    """The number of write transactions of each file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: dict[str, int] = {}
        for name in ("transaction", "write"):
            monkeypatch.setattr(Database, name, self._counted(getattr(Database, name)))

    def _counted(self, begin: Any) -> Any:
        def counted(database: Database, *job: Any) -> Any:
            self.counts[database.path.name] = self.counts.get(database.path.name, 0) + 1
            return begin(database, *job)

        return counted


@pytest.mark.server
async def test_one_new_message_in_each_of_many_folders_is_a_few_round_trips_and_transactions(
    dovecot: StartDovecot, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At first and with history: round trips and transactions by the number of batches, not of folders (P1, P2)."""
    server = dovecot()
    for number in range(COUNT):
        server.deliver(ALICE, f"F{number // 10}/f{number}", mail(f"first {number}"))
    counted = Transactions(monkeypatch)
    with Proxy(server.host, server.plain_port) as proxy:
        for name in ("first", "second"):
            if name == "second":
                for number in range(COUNT):
                    server.deliver(ALICE, f"F{number // 10}/f{number}", mail(f"second {number}"))
            proxy.reset_counters()
            counted.counts.clear()
            outcome = await box.run(profile(proxy))
            assert (outcome.reasons, outcome.tally.archived, outcome.adds_up) == ("", COUNT, True)
            # Three for the login and the folders, three for listings, three for bodies, the end.
            assert proxy.turns <= 3 + 3 + 3 + 3
            assert counted.counts["000001.sqlite"] <= 4
            assert counted.counts["archive.sqlite"] <= 10
        assert await box.missing(profile(proxy)) == {}
    assert await box.places() == placed(server.expected(ALICE))
    assert await box.digests() == all_digests(server.expected(ALICE))


@pytest.mark.parametrize("fault", ["shut", "refused listing", "refused body", "left out", "other length", "no count"])
async def test_one_bad_folder_among_many_is_named_and_the_others_are_archived(
    box: Sandbox, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other folder is named, whatever is wrong with this one; all others are archived in their places (P6, P9)."""
    script = Script()
    with ScriptedServer(scripted_folders(), script) as server:
        server.folders["Folder 007"] = [Stored(77, mail("bad 77")), Stored(78, mail("bad 78"))]
        named: list[tuple[str, int | None]] = [("Folder 007", 77)]
        if fault in ("shut", "refused listing", "no count"):
            named = [("Folder 007", None)]
        if fault == "shut":
            script.shut = {"Folder 007"}
        elif fault == "refused listing":
            refuse(monkeypatch, "Folder 007", "RFC822.SIZE")
        elif fault == "refused body":
            script.no_uids = {77}
        elif fault == "left out":
            script.omit_uids = {77}
        elif fault == "other length":
            script.size_lies = {77: 9}
        else:
            script.exists = {"Folder 007": 3}
        outcome = await box.run(profile(server))
        assert (outcome.problems, outcome.status, outcome.adds_up) == (named, RunStatus.WITH_ERRORS, True)
        others = {place for place in on_server(server) if place[0] != "Folder 007"}
        assert others <= set(await box.places())
        monkeypatch.undo()
        server.script = Script()
        healed = await box.run(profile(server))
        assert (healed.reasons, healed.status) == ("", RunStatus.SUCCEEDED)
        assert set(await box.places()) == on_server(server)


def refuse(monkeypatch: pytest.MonkeyPatch, folder: str, item: str) -> None:
    fetch = scripted.Session.fetch

    def refused(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        if session.selected == folder and item in " ".join(items):
            return "NO not this one"
        return fetch(session, places, items)

    monkeypatch.setattr(scripted.Session, "fetch", refused)


@pytest.mark.parametrize("way", ["dropped", "refused", "closed"])
async def test_a_server_that_takes_one_command_at_a_time_is_asked_one_by_one(
    box: Sandbox, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands sent at once are dropped, refused or end the connection: each folder is read by itself."""
    monkeypatch.setattr(imap_folders, "PATIENCE", 0.3)
    with ScriptedServer(scripted_folders(12), Script(at_once=way)) as server:
        outcome = await box.run(profile(server))
        assert (outcome.reasons, outcome.tally.archived, outcome.adds_up) == ("", 26, True)
        assert set(await box.places()) == on_server(server)


async def test_a_folder_that_was_made_anew_in_between_gives_no_other_ones_messages(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another UIDVALIDITY when the bodies are read: the folder is named, nothing of it is filed under the old UIDs (P9)."""
    fetch = scripted.Session.fetch

    def renumber(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        if session.selected == "Folder 011" and "RFC822.SIZE" in " ".join(items):
            session.script.uidvalidity["Folder 003"] = 99
        return fetch(session, places, items)

    monkeypatch.setattr(scripted.Session, "fetch", renumber)
    with ScriptedServer(scripted_folders(12), Script()) as server:
        outcome = await box.run(profile(server))
        assert (outcome.problems[0], outcome.tally.archived) == (("Folder 003", None), 24)
        assert not [place for place in await box.places() if place[0] == "Folder 003"]


async def test_a_connection_that_breaks_anywhere_among_many_folders_costs_no_message(box: Sandbox) -> None:
    """Cut after any number of bytes: the same run goes on, each message is archived once in its folder."""
    random = Random(5)
    with ScriptedServer(scripted_folders(40), Script()) as server, Proxy(server.host, server.port) as proxy:
        for turn in range(8):
            server.folders = {
                name: [*messages, Stored(10 + turn, mail(f"{name} turn {turn}"))] for name, messages in server.folders.items()
            }
            proxy.reset_counters()
            proxy.drop_after_bytes = random.randrange(600, 30_000)
            outcome = await box.run(profile(proxy))
            assert (outcome.reasons, outcome.adds_up) == ("", True)
            assert outcome.tally.archived == 41 * (3 if turn == 0 else 1)
        assert set(await box.places()) == on_server(server)
        assert sum((await box.places()).values()) == len(on_server(server))


async def test_messages_that_moved_between_many_folders_are_followed(box: Sandbox) -> None:
    """One message of each folder moves to the next, without a Message-ID to tell it: read, and found to be the same (P4)."""
    raws = [mail(f"number {number:02}").replace(b"Message-ID", b"X-Former-ID") for number in range(20)]
    with ScriptedServer({"INBOX": [], **{f"F{n:02}": [Stored(1, raw)] for n, raw in enumerate(raws)}}) as server:
        await box.run(profile(server))
        server.folders = {"INBOX": [], **{f"F{n:02}": [Stored(2, raws[n - 1])] for n in range(20)}}
        outcome = await box.run(profile(server))
        assert (outcome.reasons, outcome.tally.moved, outcome.tally.archived, outcome.adds_up) == ("", 20, 0, True)
        assert set(await box.places()) == on_server(server)
