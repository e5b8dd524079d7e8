"""Servers whose answers do not add up: each case is reported, nothing is lost, and the counts agree (P2, P9)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.engine.visit import download
from core.imap.session import Session
from core.model import RunStatus
from core.profiles.deletion import Deletion, When
from tests.servers import scripted
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import Outcome, Sandbox, mail, profile, sandbox, sha256

AT_ONCE = Deletion(When.IMMEDIATELY)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


def stored(*uids: int, subject: str = "message") -> list[Stored]:
    return [Stored(uid, mail(f"{subject} {uid}", "x" * 100)) for uid in uids]


def inbox(count: int, script: Script | None = None) -> ScriptedServer:
    return ScriptedServer({"INBOX": stored(*range(1, count + 1))}, script)


def around(monkeypatch: pytest.MonkeyPatch, name: str, wrap: Callable[[Any], Any]) -> None:
    """Replace a method of the scripted server's sessions by one that knows it."""
    monkeypatch.setattr(scripted.Session, name, wrap(getattr(scripted.Session, name)))


async def ends_well(box: Sandbox, server: ScriptedServer) -> Outcome:
    """A run of a server that behaves again: all is there."""
    outcome = await box.run(profile(server))
    assert (outcome.status, outcome.reasons, outcome.adds_up) == (RunStatus.SUCCEEDED, "", True)
    assert {sha256(one.raw) for messages in server.folders.values() for one in messages} <= await box.digests()
    assert await box.missing(profile(server)) == {}
    return outcome


# -- left out


@pytest.mark.parametrize("never", [{7}, set(range(1, 61)), {1, 2, 3, 30, 31, 58}], ids=["one", "all", "six"])
async def test_what_is_listed_and_never_given_is_named_in_every_run(box: Sandbox, never: set[int]) -> None:
    """Each UID by itself, however many there are; none is taken for expunged."""
    with inbox(60, Script(omit_uids=never)) as server:
        for _ in range(2):
            outcome = await box.run(profile(server))
            assert {uid for _, uid in outcome.problems} == never
            assert (outcome.status, outcome.tally.found, outcome.tally.failed) == (RunStatus.WITH_ERRORS, 60, len(never))
            assert outcome.adds_up
            assert await box.missing(profile(server)) == {"INBOX": sorted(never)}
        server.script.omit_uids = set()
        assert (await ends_well(box, server)).tally.archived == len(never)


async def test_in_several_batches_each_message_never_given_is_named(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in each of twenty batches: the listing that tells what is gone is asked for some times only, and holds for all."""
    monkeypatch.setattr(download, "BATCH_MESSAGES", 5)
    never = {5 * number + 3 for number in range(20)}
    with inbox(100, Script(omit_uids=never)) as server:
        outcome = await box.run(profile(server))
        assert ({uid for _, uid in outcome.problems}, outcome.tally.failed, outcome.adds_up) == (never, 20, True)


async def test_a_second_listing_that_fails_proves_nothing(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks in each listing but the first: what was not given is named, not taken for expunged."""
    listings = 0

    def breaks(fetch: Any) -> Any:
        def fetched(session: Any, places: Any, items: Any) -> Any:
            nonlocal listings
            listings += "RFC822.SIZE" in " ".join(items)
            if listings > 1 and "RFC822.SIZE" in " ".join(items):
                raise scripted.Ended
            return fetch(session, places, items)

        return fetched

    around(monkeypatch, "fetch", breaks)
    with inbox(12, Script(omit_uids={2, 5, 9, 11})) as server:
        outcome = await box.run(profile(server))
        assert ({uid for _, uid in outcome.problems}, outcome.adds_up) == ({2, 5, 9, 11}, True)


@pytest.mark.parametrize("most", [1, 3, 10, 40])
async def test_sets_that_are_answered_in_part_are_asked_for_until_all_is_there(
    box: Sandbox, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many bodies of 60 for each FETCH: all are archived by the first run, which succeeds."""

    def some(fetch: Any) -> Any:
        def fetched(session: Any, places: Any, items: Any) -> Any:
            return fetch(session, places[:most] if "BODY.PEEK[]" in " ".join(items) else places, items)

        return fetched

    around(monkeypatch, "fetch", some)
    with inbox(60) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.reasons, outcome.tally.archived) == (RunStatus.SUCCEEDED, "", 60)
        assert outcome.adds_up


async def test_what_is_expunged_while_others_are_never_given_is_told_apart(box: Sandbox) -> None:
    """Gone is what the second listing does not have any more; what it still has is a problem."""
    with inbox(30, Script(omit_uids={4, 20}, expunge_between={9, 10, 11})) as server:
        outcome = await box.run(profile(server))
        assert ({uid for _, uid in outcome.problems}, outcome.tally.found, outcome.adds_up) == ({4, 20}, 27, True)


# -- empty today


@pytest.mark.parametrize("left", [0, 100], ids=["empty", "a third"])
async def test_a_folder_that_is_much_smaller_is_told_and_what_comes_back_did_not_move(box: Sandbox, left: int) -> None:
    """EXISTS 0, or a third of the folder: a warning; all of it there again: known, without a download."""
    with inbox(300) as server:
        await box.run(profile(server))
        all_, server.folders["INBOX"] = server.folders["INBOX"], server.folders["INBOX"][:left]
        small = await box.run(profile(server))
        assert (small.status, small.adds_up) == (RunStatus.SUCCEEDED, True)
        assert [text for text in small.told("warning") if "INBOX" in text]
        server.folders["INBOX"] = all_
        bodies = sum("BODY.PEEK[]" in line for line in server.lines())
        back = await ends_well(box, server)
        assert (back.tally.known, back.tally.moved, back.tally.archived) == (300, 0, 0)
        assert sum("BODY.PEEK[]" in line for line in server.lines()) == bodies
        assert sum((await box.places()).values()) == 300


@pytest.mark.parametrize("draft", [False, True], ids=["no Message-ID", "draft"])
async def test_what_comes_back_is_read_where_its_header_proves_nothing(box: Sandbox, draft: bool) -> None:
    """Gone for a run, then at its UID another message with the same header, size and date: it is archived."""
    folder = "Drafts" if draft else "INBOX"
    head = b"From: cron@example.test\r\nSubject: report\r\n" + (b"Message-ID: <1@x>\r\n" if draft else b"") + b"\r\n"
    first, other = Stored(1, head + b"disk is full\r\n"), Stored(1, head + b"disk is okay\r\n")
    with ScriptedServer({"INBOX": [], folder: [first]}, Script(attributes={"Drafts": r"\Drafts"})) as server:
        for messages in ([first], [], [other]):
            server.folders[folder] = messages
            outcome = await box.run(profile(server))
            assert (outcome.status, outcome.adds_up) == (RunStatus.SUCCEEDED, True)
        assert {sha256(first.raw), sha256(other.raw)} <= await box.digests()


async def test_a_message_without_message_id_that_comes_back_is_known(box: Sandbox) -> None:
    """It is read again, found to be the same, and stays in its place, once."""
    one = Stored(1, b"From: cron@example.test\r\nSubject: report\r\n\r\ndisk is full\r\n")
    with ScriptedServer({"INBOX": [one]}) as server:
        for messages in ([one], [], [one]):
            server.folders["INBOX"] = messages
            outcome = await ends_well(box, server)
        assert (outcome.tally.found, outcome.tally.moved) == (1, 0)
        assert list((await box.places()).values()) == [1]


# -- listed oddly


async def test_a_uid_that_two_messages_have_is_named_and_the_rest_archived(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two lines, two bodies: neither is taken for the message, nothing is deleted in that folder."""
    with inbox(5) as server:
        server.folders["INBOX"].append(Stored(3, mail("second at 3", "y" * 50)))
        for _ in range(2):
            outcome = await box.run(profile(server, deletion=AT_ONCE))
            assert outcome.status is RunStatus.WITH_ERRORS
            assert ("INBOX", 3) in outcome.problems
            assert (outcome.tally.deleted, len(server.folders["INBOX"]), outcome.adds_up) == (0, 6, True)
        server.folders["INBOX"][-1] = replace(server.folders["INBOX"][-1], uid=6)
        await ends_well(box, server)


async def test_a_folder_that_is_listed_twice_is_one_folder(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """LIST names it on two lines: looked at once, counted once."""

    def double(do_list: Any) -> Any:
        def listed(session: Any, *arguments: str) -> Any:
            do_list(session, *arguments)
            return do_list(session, *arguments)

        return listed

    around(monkeypatch, "do_list", double)
    with inbox(5) as server:
        outcome = await ends_well(box, server)
        assert (outcome.tally.found, outcome.tally.archived) == (5, 5)


@pytest.mark.parametrize("size", [-5, 0, 2**63, 10**25])
async def test_sizes_that_cannot_be_true_do_no_harm(box: Sandbox, size: int) -> None:
    """For all messages: each is archived as sent; the second run is clean and can delete."""
    with inbox(20, Script(size_lies=dict.fromkeys(range(1, 21), size))) as server:
        outcome = await box.run(profile(server))
        assert (outcome.tally.archived, outcome.adds_up) == (20, True)
        assert len(await box.digests()) == 20
        again = await box.run(profile(server, deletion=AT_ONCE))
        assert (again.status, again.tally.deleted, server.folders["INBOX"]) == (RunStatus.SUCCEEDED, 20, [])


# -- replies with several literals


@pytest.mark.parametrize("before", [True, False], ids=["before", "behind"])
async def test_only_the_literal_of_the_body_is_the_message(box: Sandbox, before: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another literal in the reply is never stored in its place."""

    def more(send_item: Any) -> Any:
        def sent(session: Any, message: Stored, name: str) -> None:
            other = b"X-ANNOTATION {12}\r\nnot the mail"
            body = name == "BODY.PEEK[]"
            session.socket.sendall(other + b" " if body and before else b"")
            send_item(session, message, name)
            session.socket.sendall(b" " + other if body and not before else b"")

        return sent

    around(monkeypatch, "send_item", more)
    with inbox(5) as server:
        await ends_well(box, server)


async def test_two_bodies_for_one_uid_are_a_problem_of_that_message(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever comes first or last: none is stored, the UID is named, the others are archived."""

    def twice(fetch: Any) -> Any:
        def fetched(session: Any, places: Any, items: Any) -> Any:
            if "BODY.PEEK[]" in " ".join(items) and 3 in places:
                session.send("* 3 FETCH (UID 3 BODY[] {5}", "wrong)")
            return fetch(session, places, items)

        return fetched

    around(monkeypatch, "fetch", twice)
    with inbox(5) as server:
        outcome = await box.run(profile(server))
        assert (outcome.problems, outcome.tally.archived, outcome.adds_up) == ([("INBOX", 3)], 4, True)
        monkeypatch.undo()
        assert (await ends_well(box, server)).tally.archived == 1


# -- many of them


async def test_thousands_of_messages_never_given_cost_bounded_requests(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is named; the server is not asked more than three times for each."""
    asked = 0
    bodies = Session.bodies

    async def counted(session: Session, uids: Any) -> Any:
        nonlocal asked
        asked += 1
        return await bodies(session, uids)

    monkeypatch.setattr(Session, "bodies", counted)
    with inbox(1000, Script(omit_uids=set(range(1, 1001)))) as server:
        outcome = await box.run(profile(server))
        assert (outcome.tally.failed, outcome.adds_up) == (1000, True)
        assert asked < 3 * 1000
