"""Messages of another length than announced: cut on the way, inexact servers, and texts in place of a message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import RunStatus
from tests import identity
from tests.identity import AT_ONCE, around, bodies, ends_well, inbox, stored, warnings
from tests.servers import scripted
from tests.servers.scripted import Script, Stored
from tests.support import Sandbox, mail, profile, sha256

box = identity.box

# -- lengths


def cut(monkeypatch: pytest.MonkeyPatch, uid: int, lengths: list[int]) -> None:
    """Send the body of ``uid`` cut to each of ``lengths`` in turn, and whole from then on."""

    def shorter(send_item: Any) -> Any:
        def sent(session: Any, message: Stored, name: str) -> None:
            if name == "BODY.PEEK[]" and message.uid == uid and lengths:
                data = message.raw[: lengths.pop(0)]
                session.socket.sendall(b"BODY[] {%d}\r\n" % len(data) + data)
            else:
                send_item(session, message, name)

        return sent

    around(monkeypatch, "send_item", shorter)


async def test_a_message_that_came_short_once_is_read_again_at_once(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second connection brings it whole: nothing is wrong any more, and the whole message is in its place."""
    cut(monkeypatch, 3, [90])
    with inbox(10) as server:
        outcome = await ends_well(box, server)
        assert (outcome.tally.found, warnings(outcome)) == (10, [])
        assert (await ends_well(box, server)).tally.known == 10


async def test_a_message_that_comes_short_is_named_until_it_comes_whole(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the same way twice in each of two runs: named in both, never deleted, archived whole by the third."""
    lengths = [90] * 5
    cut(monkeypatch, 3, lengths)
    with inbox(10) as server:
        whole = server.folders["INBOX"][2].raw
        for _ in range(2):
            outcome = await box.run(profile(server))
            assert (outcome.problems, outcome.adds_up) == ([("INBOX", 3)], True)
        outcome = await box.run(profile(server, deletion=AT_ONCE))
        assert (outcome.problems, [one.uid for one in server.folders["INBOX"]]) == ([("INBOX", 3)], [3])
        lengths.clear()
        await box.run(profile(server))
        await ends_well(box, server)
        assert {sha256(whole), sha256(whole[:90])} <= await box.digests()


async def test_inexact_sizes_are_the_servers_way_and_told_once(box: Sandbox) -> None:
    """300 of 300 differ: one warning, no problem; the second run is silent."""
    with inbox(300, Script(size_lies={uid: 250 + uid % 7 for uid in range(1, 301)})) as server:
        outcome = await ends_well(box, server)
        assert (outcome.tally.archived, len(warnings(outcome))) == (300, 1)
        assert len(bodies(server)) < 6
        assert warnings(await ends_well(box, server)) == []


async def test_some_messages_of_another_length_do_not_make_an_exact_server_inexact(box: Sandbox) -> None:
    """Six come short alike in a new folder; 200 in one that is passed over are exact: each of the six is named."""
    with inbox(200) as server:
        await box.run(profile(server))
        server.folders["Small"] = stored(*range(301, 307), subject="small")
        server.script.size_lies = dict.fromkeys(range(301, 307), 5000)
        outcome = await box.run(profile(server))
        assert outcome.problems == [("Small", uid) for uid in range(301, 307)]
        assert (warnings(outcome), outcome.adds_up) == ([], True)


async def test_a_second_connection_that_fails_while_lengths_are_confirmed_is_no_end(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is refused when it is opened again: the message is named, the rest of the mailbox is archived and counted."""
    opened = 0

    def refuse(do_select: Any) -> Any:
        def selected(session: Any, *arguments: str) -> Any:
            nonlocal opened
            opened += session.number > 1
            return "NO [SERVERBUG] not now" if session.number > 1 else do_select(session, *arguments)

        return selected

    monkeypatch.setattr(scripted.Session, "do_examine", refuse(scripted.Session.do_examine))
    with inbox(10, Script(size_lies={3: 90_000})) as server:
        server.folders["Filed"] = stored(1, 2, subject="filed")
        outcome = await box.run(profile(server))
        assert outcome.status is RunStatus.WITH_ERRORS
        assert ("INBOX", 3) in outcome.problems
        assert (opened > 0, outcome.tally.archived, outcome.adds_up) == (True, 12, True)
        monkeypatch.undo()
        server.script.size_lies = {}
        await ends_well(box, server)


# -- one text for several messages


async def test_a_substitute_text_is_no_message_in_any_run(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given for one UID in the first run and for another in the second: both are asked for again, none is deleted."""
    text = mail("could not be retrieved", "Sorry.")
    bad = {3}

    def substitute(send_item: Any) -> Any:
        def sent(session: Any, message: Stored, name: str) -> None:
            if name in ("BODY.PEEK[]", "RFC822.SIZE") and message.uid in bad:
                message = replace(message, raw=text)
            send_item(session, message, name)

        return sent

    around(monkeypatch, "send_item", substitute)
    with inbox(8) as server:
        await box.run(profile(server))
        bad.add(9)
        server.folders["INBOX"] += stored(9)
        outcome = await box.run(profile(server, deletion=AT_ONCE))
        assert {("INBOX", 3), ("INBOX", 9)} <= set(outcome.problems)
        assert outcome.adds_up
        assert {3, 9} <= {one.uid for one in server.folders["INBOX"]}
        bad.clear()
        last = await ends_well(box, server)
        assert last.tally.found == len(server.folders["INBOX"])
        assert {sha256(one.raw) for one in stored(3, 9)} <= await box.digests()
