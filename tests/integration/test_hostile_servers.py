"""Servers that talk as no standard allows: nothing is lost, the run goes on, and the fault is named (P2, P6)."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.imap.login import Credentials
from core.imap.session import Session
from core.model import RunStatus
from core.problems.command_line import sentence
from core.problems.folder import UNREADABLE_LINE
from core.profiles.profile import Method
from core.secrets import Secret
from tests.hostile import bodies_asked_for, heals, inbox, on_server, stored
from tests.servers import scripted
from tests.servers.scripted import Script
from tests.support import ALICE, Sandbox, folder_tree, profile, sandbox, sha256


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


async def test_untagged_noise_and_codes_without_text_do_no_harm(box: Sandbox) -> None:
    """EXISTS, RECENT, EXPUNGE, FLAGS and FETCH in the middle of replies, response codes without text."""
    with inbox(Script(untagged_noise=True, text_less=True)) as server:
        server.folders["Ä/B"] = stored(1, 2)
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 7)
        assert await box.digests() == on_server(server)
        assert (await heals(box, server)).tally.known == 7


async def test_ok_with_nothing_behind_it_is_ok(box: Sandbox) -> None:
    """Servers leave out the text that imaplib wants after OK."""
    with inbox(Script(bare_ok=True)) as server:
        assert (await box.run(profile(server))).tally.archived == 5


async def test_fetch_in_an_empty_folder_may_be_bad(box: Sandbox) -> None:
    """An empty folder is complete, whatever its reply to FETCH, also when it was emptied just now."""
    with inbox(Script(empty_fetch_bad=True)) as server:
        server.folders["Leer"] = []
        assert (await box.run(profile(server))).status is RunStatus.SUCCEEDED


async def test_a_folder_emptied_between_opening_and_listing_is_no_failure(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EXISTS 5, then BAD to the listing because all five are gone: opened again, found empty."""
    fetch = scripted.Session.fetch

    def emptied(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        monkeypatch.undo()
        session.server.folders["INBOX"] = []
        return fetch(session, [], items)

    monkeypatch.setattr(scripted.Session, "fetch", emptied)
    with inbox(Script(empty_fetch_bad=True)) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.found) == (RunStatus.SUCCEEDED, 0)


async def test_a_message_that_is_counted_but_not_listed_is_reported(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXISTS says five, the listing has four: the run says so each time, and has the fifth when it is listed (P2)."""
    fetch = scripted.Session.fetch

    def hide(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        return fetch(session, [place for place in places if place != 3], items)

    monkeypatch.setattr(scripted.Session, "fetch", hide)
    with inbox() as server:
        for _ in range(2):
            outcome = await box.run(profile(server))
            assert (outcome.status, outcome.problems) == (RunStatus.WITH_ERRORS, [("INBOX", None)])
            assert "1 more messages here than it lists" in outcome.reasons
            assert "INBOX" in await box.missing(profile(server))
        monkeypatch.undo()
        assert (await heals(box, server)).tally.archived == 1


async def test_a_folder_is_not_passed_over_when_status_counts_more_than_is_listed(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STATUS says six, EXAMINE and the listing five: looked at again in each run, never taken for complete (P2)."""
    status = scripted.Session.status
    monkeypatch.setattr(scripted.Session, "status", lambda *arguments: status(*arguments).replace("MESSAGES 5", "MESSAGES 6"))
    with inbox() as server:
        for _ in range(3):
            assert (await box.run(profile(server))).tally.found == 5
        assert sum(line.startswith("EXAMINE") for line in server.lines()) == 3


async def test_what_an_incomplete_listing_leaves_out_has_not_vanished(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known UIDs that are counted but not listed: not recorded as gone, and not taken for moved to where a copy turns up."""
    fetch = scripted.Session.fetch

    def hide(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        return fetch(session, [place for place in places if place != 3 or session.selected != "INBOX"], items)

    with inbox() as server:
        await box.run(profile(server))
        monkeypatch.setattr(scripted.Session, "fetch", hide)
        server.folders["INBOX"] += stored(21)
        server.folders["Kopie"] = [replace(server.folders["INBOX"][2], uid=1)]
        outcome = await box.run(profile(server))
        assert (outcome.problems, outcome.tally.moved, outcome.tally.archived) == ([("INBOX", None)], 0, 2)
        assert await box.entries("vanished") == []
        monkeypatch.undo()
        assert (await heals(box, server)).tally.archived == 0


@pytest.mark.parametrize("told", [["* 0 RECENT"], [f"* {2**63} EXISTS"], ["* " + "9" * 5000 + " EXISTS"]])
async def test_a_folder_whose_messages_are_not_counted_is_not_empty(
    box: Sandbox, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No EXISTS after EXAMINE, or an absurd one: the folder is named, nothing of it is taken for gone (P2)."""
    send = scripted.Session.send

    def leave_out(session: Any, *lines: str) -> None:
        send(session, *(one for line in lines for one in (told if line.endswith(" EXISTS") else [line])))

    with inbox() as server:
        await box.run(profile(server))
        server.folders["INBOX"] += stored(21)
        monkeypatch.setattr(scripted.Session, "send", leave_out)
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.problems) == (RunStatus.WITH_ERRORS, [("INBOX", None)])
        assert "does not say how many messages" in outcome.reasons
        assert await box.entries("vanished") == []
        monkeypatch.undo()
        await heals(box, server)


@pytest.mark.parametrize("size", [10**19, -1, -(2**63)])
async def test_an_absurd_size_is_no_size(box: Sandbox, size: int) -> None:
    """A message announced with an impossible size is fetched like any other, and known afterwards."""
    with inbox(Script(size_lies={12: size})) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 5)
        await heals(box, server)


async def test_a_message_with_an_absurd_uid_is_reported(box: Sandbox) -> None:
    """It cannot be listed, so the folder is named for it; the others are archived."""
    with inbox() as server:
        messages = server.folders["INBOX"]
        messages[3] = replace(messages[3], uid=99_999_999_999)
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.problems) == (RunStatus.WITH_ERRORS, [("INBOX", None)])
        assert "1 more messages here than it lists" in outcome.reasons
        assert outcome.tally.archived == 4


async def test_a_uid_of_more_than_32_bits_is_a_uid(box: Sandbox) -> None:
    """No standard allows it, but a server that gives it out also takes it: nothing is lost."""
    with inbox(None, 3, 2**32 + 1, 9_999_999_999) as server:
        assert (await box.run(profile(server))).tally.archived == 3
        assert (await heals(box, server)).tally.known == 3


async def test_lines_of_the_folder_list_that_cannot_be_read_are_reported(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named in the run, in the folder tree and in missing; a folder that is not in such a list is not taken for gone (P2)."""
    send = scripted.Session.send

    def garble(session: Any, *lines: str) -> None:
        send(session, *(line.replace('"/" "Zwei Worte"', '"/" Zwei Worte') for line in lines))

    with inbox() as server:
        server.folders |= {"Zwei Worte": stored(1, 2), "Zuletzt": stored(7)}
        await box.run(profile(server))
        monkeypatch.setattr(scripted.Session, "send", garble)
        outcome = await box.run(profile(server))
        shown = '() "/" Zwei Worte'
        assert (outcome.status, outcome.problems, outcome.reasons) == (
            RunStatus.WITH_ERRORS,
            [(shown, None)],
            sentence(UNREADABLE_LINE()),
        )
        assert outcome.tally.known == 6
        assert await box.entries("vanished") == []
        tree = {one.path: one.excluded for one in await folder_tree(profile(server), Secret("x"))}
        assert tree == {"INBOX": "", "Zuletzt": "", shown: sentence(UNREADABLE_LINE())}
        assert await box.missing(profile(server)) == {shown: []}
        monkeypatch.undo()
        assert (await heals(box, server)).tally.known == 8


async def test_a_message_lost_from_the_listing_for_one_run_is_kept(box: Sandbox) -> None:
    """Not there in one run, there again in the next: kept in its place, and its body is not fetched again."""
    with inbox() as server:
        await box.run(profile(server))
        places, asked = await box.places(), bodies_asked_for(server)
        hidden = server.folders["INBOX"].pop(2)
        assert (await box.run(profile(server))).tally.found == 4
        assert await box.places() == places
        server.folders["INBOX"].insert(2, hidden)
        outcome = await box.run(profile(server))
        assert (outcome.tally.found, outcome.tally.archived, bodies_asked_for(server)) == (5, 0, asked)
        assert await box.places() == places
        assert await box.missing(profile(server)) == {}


@pytest.mark.parametrize("verb", ["EXAMINE", "STATUS"])
async def test_a_folder_that_refuses_does_not_stop_the_mailbox(
    box: Sandbox, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO to EXAMINE names that folder; NO to its STATUS does not even matter; the others are archived (P6)."""
    method = f"do_{verb.lower()}"
    act = getattr(scripted.Session, method)

    def refuse(session: Any, name: str, *rest: str) -> str:
        return "NO [NOPERM] not for you" if name == "Gesperrt" else str(act(session, name, *rest))

    monkeypatch.setattr(scripted.Session, method, refuse)
    with inbox() as server:
        server.folders |= {"Gesperrt": stored(1, 2), "Zuletzt": stored(7)}
        outcome = await box.run(profile(server))
        assert outcome.problems == ([("Gesperrt", None)] if verb == "EXAMINE" else [])
        assert outcome.tally.archived == (6 if verb == "EXAMINE" else 8)
        monkeypatch.undo()
        await heals(box, server)


async def test_a_folder_that_ends_the_connection_does_not_stop_the_mailbox(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder whose EXAMINE kills the session every time is named after the last try; the others are archived (P6)."""
    act = scripted.Session.do_examine

    def end(session: Any, name: str, *rest: str) -> str:
        if name == "Kaputt":
            raise scripted.Ended
        return act(session, name, *rest)

    monkeypatch.setattr(scripted.Session, "do_examine", end)
    with inbox() as server:
        server.folders |= {"Kaputt": stored(1, 2), "Zuletzt": stored(7)}
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.problems) == (RunStatus.WITH_ERRORS, [("Kaputt", None)])
        assert outcome.tally.archived == 6
        monkeypatch.undo()
        assert (await heals(box, server)).tally.archived == 2


async def test_a_mailbox_without_any_folder_is_no_success(box: Sandbox) -> None:
    """Not even INBOX in LIST: failed and said, and nothing is taken for deleted."""
    with inbox() as server:
        await box.run(profile(server))
        folders, server.folders = server.folders, {}
        outcome = await box.run(profile(server))
        assert outcome.status is RunStatus.FAILED
        assert await box.entries("vanished") == []
        server.folders = folders
        assert (await heals(box, server)).tally.known == 5


@pytest.mark.parametrize("attribute", ["noselect", "nonexistent"])
async def test_parents_that_hold_no_mail_are_passed_over(box: Sandbox, attribute: str) -> None:
    r"""\Noselect and \NonExistent folders are listed and never opened."""
    script = Script()
    setattr(script, attribute, {"Eltern"})
    with inbox(script) as server:
        server.folders["Eltern/Kind"] = stored(1)
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 6)
        assert not any('"Eltern"' in line for line in server.lines() if line.startswith(("STATUS", "EXAMINE")))


async def test_nothing_new_is_three_round_trips_without_list_status(box: Sandbox) -> None:
    """CAPABILITY, LIST and all STATUS at once, however many folders there are; changes are still seen."""
    with inbox() as server:
        for number in range(12):
            server.folders[f"Ordner {number}"] = stored(1)
        await box.run(profile(server))
        asked = bodies_asked_for(server)
        outcome = await box.run(profile(server))
        assert (outcome.tally.known, outcome.tally.archived, bodies_asked_for(server)) == (17, 0, asked)
        assert server.round_trips_after_login(2) <= 3
        server.folders["Ordner 7"] += stored(2)
        assert (await box.run(profile(server))).tally.archived == 1


@pytest.mark.parametrize("modseq", [0, 2**53 + 1, 2**63 - 1])
async def test_any_highestmodseq_is_a_signature_and_no_number_to_reckon_with(box: Sandbox, modseq: int) -> None:
    """HIGHESTMODSEQ 0 or beyond 2^53: the folder is skipped when it is the same, and looked at when it is one more."""
    script = Script(capabilities=["IMAP4rev1", "CONDSTORE", "LIST-STATUS"], highestmodseq={"INBOX": modseq})
    with inbox(script) as server:
        await box.run(profile(server))
        await box.run(profile(server))
        assert sum(line.startswith("EXAMINE") for line in server.lines()) == 1
        server.script.highestmodseq["INBOX"] = modseq + 1
        assert (await heals(box, server)).tally.known == 5
        assert sum(line.startswith("EXAMINE") for line in server.lines()) == 3  # with the one of missing


async def test_a_uidnext_that_never_grows_hides_nothing(box: Sandbox) -> None:
    """One message gone, one new, MESSAGES and UIDNEXT as before: such a UIDNEXT is not believed."""
    with inbox(Script(uidnext={"INBOX": 1})) as server:
        await box.run(profile(server))
        server.folders["INBOX"] = server.folders["INBOX"][1:] + stored(21)
        outcome = await box.run(profile(server))
        assert outcome.tally.archived == 1
        assert sha256(server.folders["INBOX"][-1].raw) in await box.digests()


async def test_uidvalidity_missing_is_said(box: Sandbox) -> None:
    """Without UIDVALIDITY messages cannot be told apart: the folder is named, not guessed at."""
    with inbox(Script(uidvalidity={"INBOX": 0})) as server:
        outcome = await box.run(profile(server))
        assert (outcome.problems, outcome.tally.archived) == ([("INBOX", None)], 0)
        assert "UIDVALIDITY" in outcome.reasons


async def test_a_listing_of_200000_messages_and_lines_of_a_megabyte_are_read(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of 200,000 UIDs with one line over 1,000,000 bytes among them: counted and planned, by a dry look."""
    count = 200_000

    def flood(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        session.send(r"* FLAGS (" + " ".join(f"keyword{number}" for number in range(100_000)) + ")")
        for start in range(0, count, 10_000):
            numbers = range(start + 1, start + 10_001)
            session.send(*(f"* {n} FETCH (UID {n * 3} FLAGS () RFC822.SIZE 10)" for n in numbers))
        return "OK done"

    monkeypatch.setattr(scripted.Session, "fetch", flood)
    with inbox() as server:
        opened = await Session.open(profile(server).server, Credentials(Method.PASSWORD, ALICE, Secret("x")))
        folders = await opened.folders()
        await opened.examine(folders[0])
        listed = (await opened.listing()).messages
        await opened.close()
        assert len(listed) == count
        assert max(listed) == 3 * count


async def test_a_slash_in_a_name_is_no_level(box: Sandbox) -> None:
    """With the separator "." a slash belongs to the name; it looks the same in the archive and makes no folder."""
    with inbox(separator=".") as server:
        server.folders |= {"a/b.c": stored(1), "a.b.c": stored(2)}
        await box.run(profile(server))
        folders = {folder for folder, _ in await box.places()}
        assert folders == {"INBOX", "a\u2215b/c", "a/b/c"}
