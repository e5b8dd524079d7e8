"""Server behaviour that no standard allows: nothing is lost, the run goes on, and the fault is named (P2, P6)."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from core.engine.visit import download
from core.imap.login import Credentials
from core.imap.session import Session
from core.model import RunStatus
from core.problems.command_line import sentence
from core.problems.folder import UNREADABLE_LINE
from core.profiles.profile import Access, Method, Profile
from core.secrets import Secret
from core.system.tasks import spawn
from core.trial import TrialStep
from tests.servers import scripted
from tests.servers.proxy import Proxy
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, At, Limited, Outcome, Sandbox, connection_test, folder_tree, mail, profile, sandbox, sha256


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted server sends in small pieces; with Nagle's algorithm each would wait for the other side."""
    begin = scripted._Session.run

    def run(session: Any) -> None:
        session.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        begin(session)

    monkeypatch.setattr(scripted._Session, "run", run)


def stored(*uids: int, size: int = 200) -> list[Stored]:
    return [Stored(uid, mail(f"message {uid}", "x" * size)) for uid in uids]


def inbox(script: Script | None = None, *uids: int, **options: Any) -> ScriptedServer:
    return ScriptedServer({"INBOX": stored(*(uids or (3, 5, 9, 12, 20)))}, script, **options)


def on_server(server: ScriptedServer, *without: int) -> set[str]:
    return {sha256(one.raw) for messages in server.folders.values() for one in messages if one.uid not in without}


def bodies_asked_for(server: ScriptedServer) -> int:
    return sum("BODY.PEEK[]" in line for line in server.lines())


async def heals(box: Sandbox, server: ScriptedServer) -> Outcome:
    """A run of a server that behaves again: all is there."""
    outcome = await box.run(profile(server))
    assert (outcome.status, outcome.result.problems) == (RunStatus.SUCCEEDED, [])
    assert on_server(server) <= await box.digests()
    assert await box.missing(profile(server)) == {}
    return outcome


# -- single messages that cannot be had


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
    fetch = scripted._Session.fetch

    def refuse(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        return "NO not now" if " ".join(items) in ("UID (UID)", "UID UID") else fetch(session, places, items)

    monkeypatch.setattr(scripted._Session, "fetch", refuse)
    with inbox(Script(omit_uids={9})) as server:
        outcome = await box.run(profile(server))
        assert outcome.problems == [("INBOX", 9)]
        monkeypatch.undo()
        server.script.omit_uids = set()
        assert (await heals(box, server)).tally.archived == 1


async def test_a_message_that_ends_the_connection_each_time_is_named(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """One poisonous message: tried alone, named, and all others are archived without doubles."""
    send = scripted._Session.send_item

    def poison(session: Any, message: Stored, name: str) -> None:
        if name == "BODY.PEEK[]" and message.uid == 9:
            raise scripted._Ended
        send(session, message, name)

    monkeypatch.setattr(scripted._Session, "send_item", poison)
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
    send = scripted._Session.send_item

    def poison(session: Any, message: Stored, name: str) -> None:
        if name == "BODY.PEEK[]" and session.selected == "INBOX":
            raise scripted._Ended
        send(session, message, name)

    monkeypatch.setattr(scripted._Session, "send_item", poison)
    with inbox(None, *range(1, 41)) as server:
        server.folders["Weitere"] = stored(1, 2)
        outcome = await box.run(profile(server))
        assert {uid for folder, uid in outcome.problems if folder == "INBOX"} == {None, *range(1, 41)}
        assert (outcome.tally.archived, outcome.tally.failed, outcome.tally.found) == (2, 40, 42)
        assert server.connections < 6 * (download.GIVE_UP_AFTER + 1)
        monkeypatch.undo()
        assert (await heals(box, server)).tally.archived == 40


# -- connections that break


@pytest.mark.parametrize("way", ["cut_literal_after", "bye_in_literal"])
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_a_literal_that_is_cut_off_is_fetched_again(box: Sandbox, way: str, reset: bool) -> None:
    """Half a message is never archived; the run connects again and ends with everything, once."""
    script = Script(reset=reset)
    setattr(script, way, 100)
    with inbox(script) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 5)
        assert await box.digests() == on_server(server)
        assert await box.archive.database.value("SELECT count(*) FROM placement") == 5
        assert server.connections == 2


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_a_dropped_connection_resumes_after_the_last_durable_message(
    box: Sandbox, reset: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut after 400 kB of a megabyte: what was stored is not fetched again, and nothing is there twice."""
    monkeypatch.setattr(download, "BATCH_BYTES", 100_000)
    with ScriptedServer({"INBOX": stored(*range(1, 51), size=20_000)}) as server, Proxy(server.host, server.port) as proxy:
        proxy.reset, proxy.drop_after_bytes = reset, 400_000
        outcome = await box.run(profile(proxy))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 50)
        assert proxy.connections == 2
        assert proxy.bytes_to_client < 1_300_000
        assert await box.digests() == on_server(server)
        assert await box.archive.database.value("SELECT count(*) FROM placement") == 50


async def test_a_connection_may_break_after_any_command(box: Sandbox) -> None:
    """Wherever it breaks, the same run goes on to the end."""
    for after in range(1, 9):
        with inbox(Script(drop_after_commands=after)) as server:
            outcome = await box.run(profile(server, username=f"user{after}"))
            assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 5), after


async def test_a_server_that_stays_away_ends_the_mailbox_with_its_reason(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused after a break: failed after the last try, what was stored stays, the next run has the rest."""
    monkeypatch.setattr(download, "BATCH_BYTES", 100_000)
    send = scripted._Session.send_item
    with ScriptedServer({"INBOX": stored(*range(1, 51), size=20_000)}) as server, Proxy(server.host, server.port) as proxy:

        def leave(session: Any, message: Stored, name: str) -> None:
            if name == "BODY.PEEK[]" and message.uid == 26:
                proxy.refuse = True
                raise scripted._Ended
            send(session, message, name)

        monkeypatch.setattr(scripted._Session, "send_item", leave)
        outcome = await box.run(profile(proxy))
        assert (outcome.status, proxy.connections) == (RunStatus.FAILED, 4)
        assert 0 < outcome.tally.archived < 26
        assert len(await box.digests()) == outcome.tally.archived
        monkeypatch.undo()
        proxy.refuse = False
        rest = await box.run(profile(proxy))
        assert rest.tally.archived == 50 - outcome.tally.archived
        assert await box.digests() == on_server(server)


async def test_silence_is_an_error_and_not_a_wait(box: Sandbox) -> None:
    """No byte for the timeout of the profile: the run ends with that reason, in time."""
    with inbox(Script(silent_after=4)) as server:
        begun = time.monotonic()
        outcome = await box.run(profile(server, timeout=0.5))
        assert outcome.status in (RunStatus.FAILED, RunStatus.WITH_ERRORS)
        assert "fell silent" in outcome.reasons
        assert time.monotonic() - begun < 10


async def test_a_slow_server_is_waited_for(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that takes longer than the timeout, but never keeps still for so long, is no error."""

    def slowly(session: Any, data: bytes) -> None:
        for start in range(0, len(data), 100):
            session.socket.sendall(data[start : start + 100])
            session.server.stopping.wait(0.06)

    monkeypatch.setattr(scripted._Session, "send_literal", slowly)
    with inbox(None, 1, 2) as server:
        outcome = await box.run(profile(server, timeout=0.5))
        assert (outcome.tally.archived, server.connections) == (2, 1)


@pytest.mark.parametrize("size", [10**10, 10**30])
async def test_an_absurd_literal_is_a_broken_connection(box: Sandbox, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A size that no memory holds does not end the program: the message is named, the others are archived."""
    send = scripted._Session.send_item

    def absurd(session: Any, message: Stored, name: str) -> None:
        if name == "BODY.PEEK[]" and message.uid == 9:
            session.socket.sendall(f"BODY[] {{{size}}}\r\nshort".encode())
            raise scripted._Ended
        send(session, message, name)

    monkeypatch.setattr(scripted._Session, "send_item", absurd)
    with inbox() as server:
        outcome = await box.run(profile(server))
        assert (outcome.problems, outcome.tally.archived) == ([("INBOX", 9)], 4)


# -- servers that are busy


@pytest.mark.parametrize("commands", range(1, 4))
async def test_a_busy_server_is_asked_again(box: Sandbox, commands: int) -> None:
    """NO [UNAVAILABLE] to the first commands, whichever these are: waited for, and all is archived."""
    with inbox(Script(throttle=commands)) as server:
        outcome = await box.run(profile(server))
        assert (outcome.reasons, outcome.tally.archived) == ("", 5)


async def test_throttling_in_the_middle_of_a_download_is_waited_for(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some bodies, then NO [UNAVAILABLE]: what came is stored, the rest is asked for again, nothing is blamed."""
    fetch = scripted._Session.fetch
    refused = []

    def throttle(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        if "BODY.PEEK[]" in " ".join(items) and len(places) > 2:
            refused.append(len(places))
            fetch(session, places[:2], items)
            return "NO [UNAVAILABLE] slow down"
        return fetch(session, places, items)

    monkeypatch.setattr(scripted._Session, "fetch", throttle)
    with inbox() as server:
        outcome = await box.run(profile(server))
        assert (outcome.result.problems, outcome.tally.archived, refused) == ([], 5, [5, 3])
        assert await box.archive.database.value("SELECT count(*) FROM placement") == 5


@pytest.mark.parametrize("verb", ["LOGIN", "AUTHENTICATE"])
@pytest.mark.parametrize("text", ["NO [UNAVAILABLE] try later", "NO [LIMIT] no more", "NO Too many simultaneous connections"])
async def test_a_login_refused_for_too_many_connections_is_tried_again(box: Sandbox, verb: str, text: str) -> None:
    """Twice refused, then let in."""
    capabilities = ["IMAP4rev1", *(["AUTH=PLAIN"] if verb == "AUTHENTICATE" else [])]
    with inbox(Script(capabilities=capabilities, answers=Limited({verb: text}, 2))) as server:
        assert (await box.run(profile(server))).tally.archived == 5
        assert server.connections == 3


async def test_a_greeting_of_bye_is_tried_again(box: Sandbox) -> None:
    """Too many connections, said before the login: an error with that text after the last try, and all when it has passed."""
    with inbox(Script(greeting="* BYE too many connections")) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, server.connections) == (RunStatus.FAILED, 4)
        assert "too many connections" in outcome.reasons
        server.script.greeting = "* OK ready"
        await heals(box, server)


@pytest.mark.parametrize("access", [Access.IMAP, Access.IMAP_SSL], ids=["greeting", "TLS"])
async def test_waiting_for_a_silent_server_can_be_broken_off(access: Access) -> None:
    """Connected and not a byte: a cancelled test of the connection ends at once, and its thread too."""
    with socket.create_server((scripted.HOST, 0)) as listener:
        at = At(scripted.HOST, listener.getsockname()[1])
        await broken_off(profile(at, access=access), "tcp")


async def test_a_silent_login_can_be_broken_off() -> None:
    """Not a byte after LOGIN: a cancelled test of the connection ends at once, and its thread too."""
    with inbox(Script(silent_after=1)) as server:
        await broken_off(profile(server), "greeting")


async def broken_off(silent: Profile, after: str) -> None:
    """Cancel a test of the connection when it has done the step ``after``."""
    loop, reached = asyncio.get_running_loop(), asyncio.Event()

    def tick(step: TrialStep) -> None:
        if step.name == after:
            loop.call_soon_threadsafe(reached.set)

    task = spawn(connection_test(silent, Secret("x"), tick), name="connection test")
    await asyncio.wait_for(reached.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 2)
    for thread in threading.enumerate():
        if thread.name.startswith("imap"):
            thread.join(2)
            assert not thread.is_alive()


# -- servers that talk oddly


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
    fetch = scripted._Session.fetch

    def emptied(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        monkeypatch.undo()
        session.server.folders["INBOX"] = []
        return fetch(session, [], items)

    monkeypatch.setattr(scripted._Session, "fetch", emptied)
    with inbox(Script(empty_fetch_bad=True)) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.found) == (RunStatus.SUCCEEDED, 0)


async def test_a_message_that_is_counted_but_not_listed_is_reported(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """EXISTS says five, the listing has four: the run says so each time, and has the fifth when it is listed (P2)."""
    fetch = scripted._Session.fetch

    def hide(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        return fetch(session, [place for place in places if place != 3], items)

    monkeypatch.setattr(scripted._Session, "fetch", hide)
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
    status = scripted._Session.status
    monkeypatch.setattr(scripted._Session, "status", lambda *arguments: status(*arguments).replace("MESSAGES 5", "MESSAGES 6"))
    with inbox() as server:
        for _ in range(3):
            assert (await box.run(profile(server))).tally.found == 5
        assert sum(line.startswith("EXAMINE") for line in server.lines()) == 3


async def test_what_an_incomplete_listing_leaves_out_has_not_vanished(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known UIDs that are counted but not listed: not recorded as gone, and not taken for moved to where a copy turns up."""
    fetch = scripted._Session.fetch

    def hide(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        return fetch(session, [place for place in places if place != 3 or session.selected != "INBOX"], items)

    with inbox() as server:
        await box.run(profile(server))
        monkeypatch.setattr(scripted._Session, "fetch", hide)
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
    send = scripted._Session.send

    def leave_out(session: Any, *lines: str) -> None:
        send(session, *(one for line in lines for one in (told if line.endswith(" EXISTS") else [line])))

    with inbox() as server:
        await box.run(profile(server))
        server.folders["INBOX"] += stored(21)
        monkeypatch.setattr(scripted._Session, "send", leave_out)
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
    send = scripted._Session.send

    def garble(session: Any, *lines: str) -> None:
        send(session, *(line.replace('"/" "Zwei Worte"', '"/" Zwei Worte') for line in lines))

    with inbox() as server:
        server.folders |= {"Zwei Worte": stored(1, 2), "Zuletzt": stored(7)}
        await box.run(profile(server))
        monkeypatch.setattr(scripted._Session, "send", garble)
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
    act = getattr(scripted._Session, method)

    def refuse(session: Any, name: str, *rest: str) -> str:
        return "NO [NOPERM] not for you" if name == "Gesperrt" else str(act(session, name, *rest))

    monkeypatch.setattr(scripted._Session, method, refuse)
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
    act = scripted._Session.do_examine

    def end(session: Any, name: str, *rest: str) -> str:
        if name == "Kaputt":
            raise scripted._Ended
        return act(session, name, *rest)

    monkeypatch.setattr(scripted._Session, "do_examine", end)
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


# -- numbers


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

    monkeypatch.setattr(scripted._Session, "fetch", flood)
    with inbox() as server:
        opened = await Session.open(profile(server).server, Credentials(Method.PASSWORD, ALICE, Secret("x")))
        folders = await opened.folders()
        await opened.examine(folders[0])
        listed = (await opened.listing()).messages
        await opened.close()
        assert len(listed) == count
        assert max(listed) == 3 * count


# -- logging in


@pytest.mark.parametrize("name", ["DOMAIN\\alice", "two words", 'quo"te', "ümlaut@example.test"])
@pytest.mark.parametrize("capability", ["AUTH=PLAIN", "UIDPLUS"])
async def test_any_user_name_arrives_as_it_is(box: Sandbox, name: str, capability: str) -> None:
    """Backslashes, blanks and quotes in a name are no part of the protocol."""
    with inbox(Script(capabilities=["IMAP4rev1", capability])) as server:
        assert (await box.run(profile(server, username=name))).tally.archived == 5
        assert server.logins == [name]


@pytest.mark.parametrize("verb", ["LOGIN", "AUTHENTICATE"])
async def test_a_server_that_repeats_the_password_does_not_make_us_show_it(box: Sandbox, verb: str) -> None:
    """Plain, quoted or in base64: in no reason, no event and no step."""
    secret = 'top"se\\cret'
    base64_form = base64.b64encode(f"\0{ALICE}\0{secret}".encode()).decode()
    echo = f'BAD I do not know {secret} or "top\\"se\\\\cret" or {base64_form}'
    capabilities = ["IMAP4rev1", *(["AUTH=PLAIN"] if verb == "AUTHENTICATE" else [])]
    with inbox(Script(capabilities=capabilities, answers={verb: echo})) as server:
        outcome = await box.run(profile(server), secret)
        steps = await connection_test(profile(server), Secret(secret))
        shown = f"{outcome.reasons} {outcome.events} {[(step.text, step.hint) for step in steps]}"
        assert "I do not know *** or" in shown
        assert not any(form in shown for form in ("cret", base64_form))


async def test_a_password_with_a_line_break_is_refused_before_it_is_sent(box: Sandbox) -> None:
    """It would be a command of its own."""
    with inbox() as server:
        outcome = await box.run(profile(server), "one\r\nA1 LOGOUT")
        assert outcome.status is RunStatus.FAILED
        assert "line break" in outcome.reasons
        assert server.logins == []


async def test_starttls_that_is_not_offered_is_no_reason_to_go_on_without(box: Sandbox) -> None:
    """With access imap-tls nothing secret is sent in the open: step tls, before any login."""
    with inbox() as server:
        steps = await connection_test(profile(server, access=Access.IMAP_TLS), Secret("secret"))
        [failed] = [step for step in steps if step.ok is False]
        assert (failed.name, server.logins) == ("tls", [])


async def test_tls_that_ends_without_a_farewell_is_a_broken_connection(box: Sandbox) -> None:
    """No close_notify in the middle of a message: not the end of the message; fetched again, kept once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    for script in (Script(cut_literal_after=100), Script(cut_literal_after=100, reset=True)):
        with inbox(script, tls=context) as server:
            wanted = profile(server, access=Access.IMAP_SSL, accept_all=True, username=f"user{script.reset}")
            outcome = await box.run(wanted)
            assert (outcome.status, outcome.tally.archived, server.connections) == (RunStatus.SUCCEEDED, 5, 2)
            assert await box.digests() == on_server(server)


async def test_a_slash_in_a_name_is_no_level(box: Sandbox) -> None:
    """With the separator "." a slash belongs to the name; it looks the same in the archive and makes no folder."""
    with inbox(separator=".") as server:
        server.folders |= {"a/b.c": stored(1), "a.b.c": stored(2)}
        await box.run(profile(server))
        folders = {folder for folder, _ in await box.places()}
        assert folders == {"INBOX", "a\u2215b/c", "a/b/c"}
