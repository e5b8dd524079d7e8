"""Messages that a server does not give, or gives otherwise than announced: each is named, and the rest archived (P2, P6)."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.engine.visit import download
from core.model import RunStatus
from tests.hostile import bodies_asked_for, heals, inbox, on_server, stored
from tests.servers import scripted
from tests.servers.scripted import Script, Stored
from tests.support import Sandbox, profile, sandbox, sha256


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted server sends in small pieces; with Nagle's algorithm each would wait for the other side."""
    begin = scripted.Session.run

    def run(session: Any) -> None:
        session.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begin(session)

    monkeypatch.setattr(scripted.Session, "run", run)


@pytest.mark.parametrize(
    ("misbehaviour", "reason"),
    [
        ({"nil_uids": {9}}, "the server sent no content"),
        ({"omit_uids": {9}}, "the server left it out of its answer"),
        ({"no_uids": {9}}, "the server would not give it: NO some messages cannot be read"),
    ],
    ids=["BODY[] NIL", "left out", "NO"],
)
async def test_one_message_that_cannot_be_had_is_named_and_the_rest_archived(
    box: Sandbox, misbehaviour: dict[str, set[int]], reason: str
) -> None:
    """Exactly that UID with its reason, tried again in the next run, archived when the server has recovered (P6)."""
    with inbox(Script(**misbehaviour)) as server:  # type: ignore[arg-type]
        for _ in range(2):
            outcome = await box.run(profile(server))
            assert (outcome.status, outcome.problems, outcome.reasons) == (RunStatus.WITH_ERRORS, [("INBOX", 9)], reason)
            assert await box.digests() == on_server(server, 9)
            tally = outcome.tally
            assert tally.found == tally.archived + tally.known + tally.failed == 5
            assert await box.missing(profile(server)) == {"INBOX": [9]}
        for name in misbehaviour:
            setattr(server.script, name, set())
        assert (await heals(box, server)).tally.archived == 1


async def test_several_bad_messages_among_hundreds_are_all_found(box: Sandbox) -> None:
    """NO for batches with one of five bad ones in it: halves find them, not one fetch for each message."""
    bad = {1, 77, 78, 150, 300}
    with inbox(Script(no_uids=bad), *range(1, 301)) as server:
        outcome = await box.run(profile(server))
        assert [uid for _, uid in outcome.problems] == sorted(bad)
        assert outcome.tally.archived == 295
        assert bodies_asked_for(server) < 90
        server.script.no_uids = set()
        assert (await heals(box, server)).tally.archived == 5


async def test_a_message_of_no_bytes_is_a_message(box: Sandbox) -> None:
    """Size 0 and nothing behind it: stored, counted, no error."""
    with inbox() as server:
        server.folders["INBOX"].append(Stored(21, b""))
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.archived, outcome.problems) == (RunStatus.SUCCEEDED, 6, [])
        assert sha256(b"") in await box.digests()
        assert (await heals(box, server)).tally.known == 6


async def test_a_wrong_size_is_no_reason_to_lose_a_message(box: Sandbox) -> None:
    """Too small, 0, too large: kept as sent, read again on a connection of its own, named until size and bytes agree."""
    with inbox(Script(size_lies={3: 7, 5: 0, 9: 90_000_000})) as server:
        for _ in range(2):
            outcome = await box.run(profile(server))
            assert (outcome.status, outcome.problems) == (RunStatus.WITH_ERRORS, [("INBOX", 3), ("INBOX", 5), ("INBOX", 9)])
            assert await box.digests() == on_server(server)
        server.script.size_lies = {}
        await heals(box, server)


async def test_what_is_expunged_in_between_is_not_missing(box: Sandbox) -> None:
    """Listed, and gone when its body is asked for: neither archived nor failed."""
    with inbox(Script(expunge_between={5, 9})) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.found, outcome.tally.archived) == (RunStatus.SUCCEEDED, 3, 3)
        await heals(box, server)


async def test_a_message_is_not_taken_for_expunged_because_the_server_would_not_say(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left out of the bodies, and NO to the question whether it is there: it is a named failure, never passed over."""
    fetch = scripted.Session.fetch

    def refuse(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        return "NO not now" if " ".join(items) in ("UID (UID)", "UID UID") else fetch(session, places, items)

    monkeypatch.setattr(scripted.Session, "fetch", refuse)
    with inbox(Script(omit_uids={9})) as server:
        outcome = await box.run(profile(server))
        assert outcome.problems == [("INBOX", 9)]
        monkeypatch.undo()
        server.script.omit_uids = set()
        assert (await heals(box, server)).tally.archived == 1


async def test_a_message_is_not_taken_for_expunged_because_a_second_listing_lacks_it(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left out of the bodies, and of a listing that has fewer messages than the server counts: a named failure."""
    fetch = scripted.Session.fetch
    listings = 0

    def shorten(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        nonlocal listings
        if "RFC822.SIZE" in " ".join(items):
            listings += 1
            places = places if listings == 1 else [place for place in places if session.messages()[place - 1].uid != 9]
        return fetch(session, places, items)

    monkeypatch.setattr(scripted.Session, "fetch", shorten)
    with inbox(Script(omit_uids={9})) as server:
        outcome = await box.run(profile(server))
        assert listings > 1
        assert (outcome.problems, outcome.status) == ([("INBOX", 9)], RunStatus.WITH_ERRORS)
        monkeypatch.undo()
        server.script.omit_uids = set()
        assert (await heals(box, server)).tally.archived == 1


async def test_a_message_that_ends_the_connection_each_time_is_named(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """One poisonous message: tried alone, named, and all others are archived without doubles."""
    send = scripted.Session.send_item

    def poison(session: Any, message: Stored, name: str) -> None:
        if name == "BODY.PEEK[]" and message.uid == 9:
            raise scripted.Ended
        send(session, message, name)

    monkeypatch.setattr(scripted.Session, "send_item", poison)
    with inbox() as server:
        server.folders["Weitere"] = stored(1, 2)
        outcome = await box.run(profile(server))
        assert outcome.problems == [("INBOX", 9)]
        assert "connection broke" in outcome.reasons
        assert (outcome.tally.archived, outcome.tally.failed) == (6, 1)
        monkeypatch.undo()
        assert (await heals(box, server)).tally.archived == 1


async def test_a_folder_in_which_everything_ends_the_connection_does_not_go_on_for_ever(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some messages in a row the folder is left for the next run; every UID is named, the next folder is archived."""
    send = scripted.Session.send_item

    def poison(session: Any, message: Stored, name: str) -> None:
        if name == "BODY.PEEK[]" and session.selected == "INBOX":
            raise scripted.Ended
        send(session, message, name)

    monkeypatch.setattr(scripted.Session, "send_item", poison)
    with inbox(None, *range(1, 41)) as server:
        server.folders["Weitere"] = stored(1, 2)
        outcome = await box.run(profile(server))
        assert {uid for folder, uid in outcome.problems if folder == "INBOX"} == {None, *range(1, 41)}
        assert "in a row could not be had" in outcome.reasons
        assert (outcome.tally.archived, outcome.tally.failed, outcome.tally.found) == (2, 40, 42)
        assert server.connections < 6 * (download.GIVE_UP_AFTER + 1)
        monkeypatch.undo()
        assert (await heals(box, server)).tally.archived == 40
