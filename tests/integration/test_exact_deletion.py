"""Deletion of messages that were just read from the server, whole, and equal the stored ones, and of no others (P3)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from core.model import RunStatus
from core.profiles.deletion import Deletion, When
from tests import exact_deletion
from tests.exact_deletion import AT_ONCE, FETCHES, around, deletes_the_rest, hide, inbox, left, marked, nothing_lost, stored
from tests.servers import scripted
from tests.servers.scripted import Script, Stored
from tests.support import Sandbox, mail, profile, sha256

box = exact_deletion.box

PLAIN = Deletion(When.IMMEDIATELY, without_uidplus=True)
#: A server without UIDPLUS.
OLD = ["IMAP4rev1", "SASL-IR"]


# -- the body


async def test_what_is_deleted_was_read_in_the_state_in_which_it_goes(box: Sandbox) -> None:
    """Archived by an earlier run: between the SELECT and the STORE of a message its body is fetched, of all that go."""
    with inbox(250) as server:
        await box.run(profile(server))
        before = len(server.lines())
        outcome = await deletes_the_rest(box, server)
        assert (outcome.tally.deleted, outcome.tally.known) == (250, 250)
        read: set[int] = set()
        gone: set[int] = set()
        for line in server.lines()[before:]:
            named = re.search(r"UID (?:FETCH|STORE) (\S+)", line)
            uids = set(scripted.chosen(named[1], range(1, 251))) if named else set()
            if "SELECT" in line or "EXAMINE" in line:
                read = set()
            elif "BODY.PEEK[]" in line:
                read |= uids
            elif "+FLAGS" in line:
                gone |= uids
                assert uids <= read
        assert gone == set(range(1, 251))


async def test_of_300_the_one_with_another_body_stays_and_is_archived(box: Sandbox) -> None:
    """Same size, date and header: 299 go, one is named and archived, and goes in the next run."""
    with inbox(300) as server:
        await box.run(profile(server))
        other = server.folders["INBOX"][149].raw.replace(b"xxxxx", b"xyzxx", 1)
        server.folders["INBOX"][149] = replace(server.folders["INBOX"][149], raw=other)
        outcome = await box.run(profile(server, deletion=AT_ONCE))
        assert (outcome.status, outcome.tally.deleted, outcome.problems) == (RunStatus.WITH_ERRORS, 299, [("INBOX", 150)])
        assert (left(server), sha256(other) in await box.digests()) == ([150], True)
        assert (await deletes_the_rest(box, server)).tally.deleted == 1


async def test_one_message_that_is_refused_does_not_keep_the_others(box: Sandbox) -> None:
    """NO for each set with one of 300 in it: that one is named and stays, 299 go, and it goes when it can be read."""
    with inbox(300) as server:
        await box.run(profile(server))
        server.script.no_uids = {250}
        outcome = await box.run(profile(server, deletion=AT_ONCE))
        assert (outcome.tally.deleted, outcome.problems, left(server)) == (299, [("INBOX", 250)], [250])
        server.script.no_uids = set()
        assert (await deletes_the_rest(box, server)).tally.deleted == 1


@pytest.mark.parametrize("sizes", ["odd", "zero", "negative"])
async def test_where_sizes_are_inexact_everything_goes_in_the_second_run(box: Sandbox, sizes: str) -> None:
    """300 of 300: none in the run that learns it, all in the next, which succeeds; read on two connections."""
    told = {uid: {"odd": 180 + uid % 9, "zero": 0, "negative": -3}[sizes] for uid in range(1, 301)}
    with inbox(300, Script(size_lies=told)) as server:
        first = await box.run(profile(server, deletion=AT_ONCE))
        assert first.status is RunStatus.SUCCEEDED
        if sizes != "negative":
            assert (first.tally.deleted, marked(server)) == (0, [])
            assert (await deletes_the_rest(box, server)).tally.deleted == 300
        assert (left(server), len(await box.digests())) == ([], 300)


@pytest.mark.parametrize("times", [1, 2, 6])
@pytest.mark.parametrize("inexact", [False, True], ids=["exact", "inexact"])
async def test_a_body_that_comes_cut_is_no_reason_to_delete(
    box: Sandbox, times: int, inexact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut the same way so many times from the deletion on: the message stays until it comes whole."""
    lengths = [0]

    def shorter(send_item: Any) -> Any:
        def sent(session: Any, message: Stored, name: str) -> None:
            if name == "BODY.PEEK[]" and message.uid == 3 and lengths[0]:
                lengths[0] -= 1
                message = replace(message, raw=message.raw[:90])
                session.socket.sendall(b"BODY[] {90}\r\n" + message.raw)
            else:
                send_item(session, message, name)

        return sent

    around(monkeypatch, "send_item", shorter)
    lies = {uid: 180 + uid % 9 for uid in range(1, 31)} if inexact else {}
    with inbox(30, Script(size_lies=lies)) as server:
        whole = {sha256(one.raw) for one in server.folders["INBOX"]}
        await box.run(profile(server))
        lengths[0] = times
        outcome = await box.run(profile(server, deletion=AT_ONCE))
        await nothing_lost(box, whole, server)
        assert left(server) == [3] or outcome.tally.deleted == 30
        lengths[0] = 0
        for _ in range(2):
            await box.run(profile(server, deletion=AT_ONCE))
        assert (left(server), whole <= await box.digests()) == ([], True)


async def test_on_a_server_with_inexact_sizes_a_text_in_place_of_a_message_is_no_reason_to_delete(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message in a text of its own, that is not what its header begins: kept, named, and left on the server."""

    def substitute(send_item: Any) -> Any:
        def sent(session: Any, message: Stored, name: str) -> None:
            if name == "BODY.PEEK[]":
                message = replace(message, raw=mail(f"could not be retrieved {message.uid}", "Sorry."))
            send_item(session, message, name)

        return sent

    around(monkeypatch, "send_item", substitute)
    with inbox(20) as server:
        for _ in range(3):
            outcome = await box.run(profile(server, deletion=AT_ONCE))
            assert len(left(server)) == 20
        assert outcome.status is RunStatus.WITH_ERRORS


@pytest.mark.parametrize("pattern", list(FETCHES.values()), ids=list(FETCHES))
@pytest.mark.parametrize("begin", [0, 1, 2])
async def test_a_set_that_is_answered_in_part_deletes_nothing_that_is_not_there(
    box: Sandbox, pattern: str, begin: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever FETCH of a deletion leaves messages out: named, none is lost, no mark stays, the next run ends it."""
    hide(monkeypatch, pattern, {2, 3, 9}, begin)
    with inbox(12) as server:
        whole = {sha256(one.raw) for one in server.folders["INBOX"]}
        await box.run(profile(server))
        outcome = await box.run(profile(server, deletion=AT_ONCE))
        await nothing_lost(box, whole, server)
        assert marked(server) == []
        assert outcome.tally.deleted == 12 - len(left(server))
        assert outcome.status is RunStatus.WITH_ERRORS or not left(server)
        monkeypatch.undo()
        await deletes_the_rest(box, server)


@pytest.mark.parametrize("begin", [0, 1, 2, 3])
async def test_a_plain_expunge_is_never_sent_after_a_listing_that_hides_something(
    box: Sandbox, begin: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A foreign message, marked and not listed, survives on a server without UIDPLUS."""
    hide(monkeypatch, r"RFC822\.SIZE", {7}, begin)
    with inbox(6, Script(capabilities=OLD)) as server:
        await box.run(profile(server))
        server.folders["INBOX"].append(Stored(7, mail("of somebody else"), (r"\Flagged",)))
        marks = [0]

        def store(do: Any) -> Any:
            def done(session: Any, *arguments: str) -> Any:
                marks[0] += 1
                if marks[0] == 1:
                    one = server.folders["INBOX"][-1]
                    server.folders["INBOX"][-1] = replace(one, flags=(*one.flags, r"\Deleted"))
                return do(session, *arguments)

            return done

        around(monkeypatch, "do_uid_store", store)
        outcome = await box.run(profile(server, deletion=PLAIN))
        assert 7 in left(server)
        assert outcome.status is RunStatus.WITH_ERRORS


async def test_mail_that_comes_while_a_folder_is_opened_is_no_reason_to_delete_nothing(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more is listed than SELECT counted: looked at once more, deleted without a problem; what came stays."""
    came = [0]

    def meanwhile(do_select: Any) -> Any:
        def selected(session: Any, *arguments: str) -> Any:
            answer = do_select(session, *arguments)
            if not came[0]:
                came[0] = 1
                session.server.folders["INBOX"] += stored(90, subject="new")
            return answer

        return selected

    with inbox(6) as server:
        await box.run(profile(server))
        before = scripted.Session.do_examine
        around(monkeypatch, "do_select", meanwhile)
        monkeypatch.setattr(scripted.Session, "do_examine", before)
        outcome = await box.run(profile(server, deletion=AT_ONCE))
        assert (outcome.status, outcome.reasons, outcome.tally.deleted, left(server)) == (RunStatus.SUCCEEDED, "", 6, [90])


# -- without UIDPLUS


async def test_without_uidplus_nothing_goes_unless_the_profile_says_so(box: Sandbox) -> None:
    """Named once, nothing is marked; with the profile's word everything goes."""
    with inbox(6, Script(capabilities=OLD)) as server:
        server.folders["Filed"] = stored(1, 2, subject="filed")
        outcome = await box.run(profile(server, deletion=AT_ONCE))
        assert (outcome.status, len(outcome.problems), outcome.tally.deleted) == (RunStatus.WITH_ERRORS, 1, 0)
        assert not [line for line in server.lines() if "STORE" in line or "EXPUNGE" in line]
        assert (await deletes_the_rest(box, server, PLAIN)).tally.deleted == 8
