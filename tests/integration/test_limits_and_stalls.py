"""Servers that are busy, very slow, or endless: waited for, given up, cut off, and always named."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import trustme

from core.engine.visit import download
from core.engine.visit.allowance import MEGABYTE
from core.engine.visit.limits import MESSAGE_BYTES
from core.imap import pace
from core.imap.login import Credentials
from core.imap.session import Session
from core.model import RunStatus
from core.profiles.profile import Access, Method, Profile
from core.secrets import Secret
from core.trial import TrialStep
from tests.servers import scripted
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, Limited, Sandbox, connection_test, mail, profile, sandbox, sha256


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


def stored(*uids: int, size: int = 200) -> list[Stored]:
    return [Stored(uid, mail(f"message {uid}", "x" * size)) for uid in uids]


def inbox(script: Script | None = None, count: int = 5, **options: Any) -> ScriptedServer:
    return ScriptedServer({"INBOX": stored(*range(1, count + 1))}, script, **options)


def on_server(server: ScriptedServer, *without: int) -> set[str]:
    return {sha256(one.raw) for messages in server.folders.values() for one in messages if one.uid not in without}


def bodies_asked_for(server: ScriptedServer) -> list[set[int]]:
    """The UIDs of each request for bodies."""
    found = []
    for line in server.lines():
        if match := re.match(r"UID FETCH (\S+) .*BODY\.PEEK\[\]", line):
            parts = [part.partition(":") for part in match[1].split(",")]
            found.append({uid for low, _, high in parts for uid in range(int(low), int(high or low) + 1)})
    return found


def most_for_one(server: ScriptedServer) -> int:
    """The number of requests for the most requested message."""
    asked = bodies_asked_for(server)
    return max(sum(uid in uids for uids in asked) for uid in set().union(*asked))


BUSY = ["OVERQUOTA", "THROTTLED", "LIMIT", "UNAVAILABLE", "INUSE"]

# -- too much to do


@pytest.mark.parametrize("code", BUSY)
async def test_bodies_that_are_refused_for_now_are_not_hammered(box: Sandbox, code: str) -> None:
    """300 messages and one answer to all of them: some requests and not hundreds, the mailbox is named, it was waited."""
    with inbox(Script(), 300) as server:
        fetch = scripted.Session.do_uid_fetch

        def refuse(session: Any, uids: str, *items: str) -> str:
            return f"NO [{code}] slow down" if "BODY" in " ".join(items) else fetch(session, uids, *items)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scripted.Session, "do_uid_fetch", refuse)
            outcome = await box.run(profile(server))
        assert outcome.status is not RunStatus.SUCCEEDED
        assert f"[{code}]" in outcome.reasons
        assert len(bodies_asked_for(server)) <= 4
        assert most_for_one(server) <= 3
        assert all("Waits until" in text for text in outcome.told("waiting"))
        assert len(outcome.told("waiting")) >= 2
        assert (await box.run(profile(server))).tally.archived == 300


@pytest.mark.parametrize("code", BUSY)
async def test_what_is_refused_for_now_is_had_a_little_later(box: Sandbox, code: str) -> None:
    """Twice refused, then given: nothing is blamed, nothing is there twice."""
    with inbox(Script(answers=Limited({"UID FETCH": f"NO [{code}] slow down"}, 2)), 20) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.reasons, outcome.tally.archived) == (RunStatus.SUCCEEDED, "", 20)


async def test_one_message_that_is_always_refused_for_now_does_not_keep_the_others(box: Sandbox) -> None:
    """It alone is named after three requests; wherever it stands, those before and behind it are archived."""
    fetch = scripted.Session.fetch

    def refuse(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        bodies = "BODY.PEEK[]" in " ".join(items)
        return "NO [INUSE] being changed" if bodies and bad in places else fetch(session, places, items)

    for bad in (1, 7, 20):
        with inbox(Script(), 20) as server, pytest.MonkeyPatch.context() as patch:
            patch.setattr(scripted.Session, "fetch", refuse)
            outcome = await box.run(profile(server, username=f"user{bad}"))
            assert outcome.problems == [("INBOX", bad)]
            assert outcome.tally.archived == 19


async def test_a_mailbox_that_is_not_served_is_left_after_two_folders(box: Sandbox) -> None:
    """Ten folders and the same answer in each: not ten times three requests."""
    with ScriptedServer({f"F{number}": stored(1, 2, 3) for number in range(10)}) as server:
        server.folders["INBOX"] = stored(1)
        fetch = scripted.Session.fetch

        def refuse(session: Any, places: list[int], items: tuple[str, ...]) -> str:
            return "NO [OVERQUOTA] enough" if "BODY.PEEK[]" in " ".join(items) else fetch(session, places, items)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scripted.Session, "fetch", refuse)
            outcome = await box.run(profile(server))
        assert outcome.status is RunStatus.FAILED
        assert "OVERQUOTA" in outcome.reasons
        # All ten are asked for in one round trip first.
        assert len(bodies_asked_for(server)) <= 10 + 9
        assert (await box.run(profile(server))).tally.archived == 31


@pytest.mark.parametrize("verb", ["LOGIN", "AUTHENTICATE"])
@pytest.mark.parametrize("code", BUSY)
async def test_a_login_refused_for_now_does_not_blame_the_password(box: Sandbox, verb: str, code: str) -> None:
    """Waited for and tried again; in the connection test too there is no word of the password."""
    capabilities = ["IMAP4rev1", *(["AUTH=PLAIN"] if verb == "AUTHENTICATE" else [])]
    with inbox(Script(capabilities=capabilities, answers=Limited({verb: f"NO [{code}] not now"}, 2))) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, server.connections) == (RunStatus.SUCCEEDED, 3)
        assert len(outcome.told("waiting")) == 2
    with inbox(Script(capabilities=capabilities, answers={verb: f"NO [{code}] not now"})) as server:
        steps: list[TrialStep] = await connection_test(profile(server), Secret("x"))
        [failed] = [step for step in steps if step.ok is False]
        assert "password" not in f"{failed.text} {failed.hint}"
        assert "later" in failed.hint


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_a_connection_closed_without_a_greeting_is_tried_again(box: Sandbox, tls: bool, reset: bool) -> None:
    """As servers refuse one connection too many: twice, then let in."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with inbox(Script(turn_away=2, reset=reset), tls=context) as server:
        access = Access.IMAP_SSL if tls else Access.IMAP
        outcome = await box.run(profile(server, access=access, accept_all=True))
        assert (outcome.status, outcome.tally.archived, server.connections) == (RunStatus.SUCCEEDED, 5, 3)


async def test_a_tls_handshake_that_is_cut_is_tried_again(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed before a word of TLS was said, as a server that is full or starts does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    run = scripted.Session.run

    def cut(session: Any) -> None:
        if session.number > 2:
            run(session)
        session.socket.close()

    monkeypatch.setattr(scripted.Session, "run", cut)
    with inbox(tls=context) as server:
        outcome = await box.run(profile(server, access=Access.IMAP_SSL, accept_all=True))
        assert (outcome.status, server.connections) == (RunStatus.SUCCEEDED, 3)


@pytest.mark.parametrize("verb", ["CAPABILITY", "LOGIN", "AUTHENTICATE", "STARTTLS", "LIST", "EXAMINE", "UID FETCH"])
async def test_bye_instead_of_an_answer_is_tried_again(box: Sandbox, verb: str) -> None:
    """Before the login and after it, with any text."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    tls = verb == "STARTTLS"
    offers = ["IMAP4rev1", *(["AUTH=PLAIN"] if verb == "AUTHENTICATE" else []), *(["STARTTLS"] if tls else [])]
    with inbox(Script(bye_to={verb: "going down"}, capabilities=offers, starttls=context if tls else None)) as server:
        outcome = await box.run(profile(server, access=Access.IMAP_TLS if tls else Access.IMAP, accept_all=tls))
        assert (outcome.status, outcome.tally.archived, server.connections) == (RunStatus.SUCCEEDED, 5, 2)


async def test_what_is_no_imap_server_is_not_knocked_at_again(box: Sandbox) -> None:
    """Another protocol's greeting is no refusal for now: said at once."""
    with inbox(Script(greeting="SSH-2.0-OpenSSH_9.6")) as server:
        assert (await box.run(profile(server))).status is RunStatus.FAILED
        assert server.connections == 1


# -- too slow


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measures over a minute are taken over half a second."""
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 0.5)


async def test_a_body_that_drips_is_given_up_and_named(box: Sandbox, hasty: None) -> None:
    """A byte now and then is no message: three requests, the message named, the folders beside it archived."""
    with ScriptedServer(
        {"INBOX": stored(1, 2), "Slow": stored(7), "Zuletzt": stored(1)}, Script(drip=0.02, drips_in={"Slow"})
    ) as server:
        outcome = await asyncio.wait_for(box.run(profile(server)), 60)
        assert outcome.status is RunStatus.WITH_ERRORS
        assert outcome.problems == [("Slow", 7)]
        assert "too slow" in outcome.reasons
        assert outcome.tally.archived == 3
        # The first request is for all folders at once.
        assert sum({7} == uids for uids in bodies_asked_for(server)) == 1 + 3
        server.script.drip = None
        assert (await box.run(profile(server))).status is RunStatus.SUCCEEDED


async def test_a_mailbox_in_which_everything_drips_ends_soon(box: Sandbox, hasty: None) -> None:
    """A hundred messages, and four tries in all: what is left waits for the next run."""
    with inbox(Script(drip=0.02, drips_in={"INBOX"}), 100) as server:
        outcome = await asyncio.wait_for(box.run(profile(server)), 60)
        assert outcome.status is RunStatus.FAILED
        assert "too slow" in outcome.reasons
        assert len(bodies_asked_for(server)) == 4


@pytest.mark.parametrize("verb", ["LIST", "UID FETCH"])
async def test_a_line_that_drips_is_given_up(box: Sandbox, verb: str, hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only messages: folder list and listing too; after the second folder nothing more is asked for."""
    pour = scripted.Session.pour

    def drip(session: Any, said: str) -> None:
        if said == verb:
            while not session.server.stopping.wait(0.02):
                session.socket.sendall(b"*")
        pour(session, said)

    monkeypatch.setattr(scripted.Session, "pour", drip)
    with ScriptedServer({name: stored(1) for name in ("INBOX", "Weitere", "Yet another", "Zuletzt")}) as server:
        outcome = await asyncio.wait_for(box.run(profile(server)), 60)
        assert outcome.status is RunStatus.FAILED
        assert "too slow" in outcome.reasons
        # The first listing is of all folders at once.
        assert server.connections == (4 if verb == "LIST" else 1 + 8)


async def test_a_slow_server_above_the_floor_is_waited_for(box: Sandbox, hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten kilobytes a second for longer than the measured time is slow, and no error."""

    def slowly(session: Any, data: bytes) -> None:
        for start in range(0, len(data), 500):
            session.socket.sendall(data[start : start + 500])
            session.server.stopping.wait(0.04)

    monkeypatch.setattr(scripted.Session, "send_literal", slowly)
    with ScriptedServer({"INBOX": stored(1, size=20_000)}) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, server.connections) == (RunStatus.SUCCEEDED, 1)


# -- without end

LINES = {
    "chatter": b"* OK still here\r\n",
    "a line": b"x",
    "continuations": b"+ go on\r\n",
    "counts": b"* 5 EXISTS\r\n",
    "folders": b'* LIST () "/" Folder\r\n',
    "messages": b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 10)\r\n",
    "literals": b"* 1 FETCH (UID 1 BODY[] {30000}\r\n" + b"x" * 30_000 + b")\r\n",
}


FLOODS = [
    *((verb, kind) for verb in ("greeting", "CAPABILITY", "LOGIN") for kind in ("chatter", "a line", "continuations")),
    *((verb, kind) for verb in ("LIST", "EXAMINE", "UID FETCH") for kind in ("a line", "literals")),
    *(("LIST", "folders"), ("EXAMINE", "counts"), ("UID FETCH", "messages"), ("UID FETCH", "chatter")),
]


@pytest.mark.parametrize(("verb", "kind"), FLOODS)
async def test_an_answer_without_end_is_cut_off(box: Sandbox, verb: str, kind: str) -> None:
    """Any endless answer: the mailbox fails with a reason, after a bounded number of bytes."""
    with inbox(Script(flood={verb: LINES[kind]})) as server:
        outcome = await asyncio.wait_for(box.run(profile(server)), 120)
        assert outcome.status in (RunStatus.FAILED, RunStatus.WITH_ERRORS)
        assert outcome.reasons
        # The bound, and what lies in the buffers of both sides; before the login there are four tries, each with less.
        assert server.poured < 64 * 1024 * 1024


async def test_unasked_lines_do_not_add_up_over_commands(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that tells a megabyte of small talk with every command is not stored."""
    answer = scripted.Session.answer
    kept: list[int] = []

    def chatter(session: Any, verb: str, arguments: list[str]) -> str:
        if verb == "UID FETCH":
            session.socket.sendall(b"* OK still here\r\n* X9 what\r\n" * 20_000)
        return answer(session, verb, arguments)

    monkeypatch.setattr(scripted.Session, "answer", chatter)
    with inbox() as server:
        opened = await Session.open(profile(server).server, Credentials(Method.PASSWORD, ALICE, Secret("x")))
        [folder] = await opened.folders()
        await opened.examine(folder)
        for _ in range(3):
            await opened.present([1, 2])
            kept.append(sum(len(lines) for lines in opened.protocol.untagged_responses.values()))
        await opened.close()
    assert kept[0] == kept[1] == kept[2]


# -- sizes that are not true


async def test_sizes_of_0_do_not_lift_the_budget(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 messages of a megabyte, announced with nothing: never more on their way than the budget, and few connections."""
    most = 0
    take = Session.download

    async def watched(session: Session, uids: Any, size: int) -> Any:
        nonlocal most
        fetched = await take(session, uids, size)
        most = max(most, sum(len(body) for body in fetched.bodies.values() if body))
        return fetched

    monkeypatch.setattr(Session, "download", watched)
    with ScriptedServer({"INBOX": stored(*range(1, 41), size=1_000_000)}, Script(size_of_all=0)) as server:
        outcome = await box.run(profile(server))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 40)
        assert await box.digests() == on_server(server)
        assert most <= download.BATCH_BYTES * 5 // 4 + 4 * 1024 * 1024
        assert server.connections <= 3


@pytest.mark.parametrize("told", [0, 1, 700])
async def test_one_message_far_larger_than_announced_is_asked_for_alone(box: Sandbox, told: int) -> None:
    """50 MB among small ones: as soon as its size is known it goes alone, within the budget, and nothing is lost."""
    with inbox(Script(size_lies={3: told})) as server:
        server.folders["INBOX"][2] = Stored(3, mail("large", "y" * (MESSAGE_BYTES + 10_000_000)))
        outcome = await box.run(profile(server))
        # That its size was announced wrong is told; it is archived all the same.
        assert (outcome.problems, outcome.tally.archived) == ([("INBOX", 3)], 5)
        assert await box.digests() == on_server(server)
        assert bodies_asked_for(server)[1] == {3}


# -- a day's share


def _sharing(server: ScriptedServer, megabytes: int) -> Profile:
    from dataclasses import replace

    made = profile(server)
    return replace(made, server=replace(made.server, megabytes_a_day=megabytes))


async def test_a_days_share_ends_the_run_and_the_next_day_goes_on(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """5 MB of 12: what fits is archived, the run says until when the rest waits; another run that day asks for nothing."""
    today = [date(2026, 3, 1)]
    monkeypatch.setattr("core.engine.visit.allowance._today", lambda: today[0])
    with ScriptedServer({"INBOX": stored(*range(1, 13), size=MEGABYTE)}) as server:
        outcome = await box.run(_sharing(server, 5))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.WITH_ERRORS, 4)
        assert "5 MB" in outcome.reasons
        assert "2026-03-02 00:00" in outcome.reasons
        asked = len(bodies_asked_for(server))
        assert (await box.run(_sharing(server, 5))).tally.archived == 0
        assert len(bodies_asked_for(server)) == asked
        today[0] = date(2026, 3, 2)
        assert (await box.run(_sharing(server, 100))).tally.archived == 8
        assert await box.digests() == on_server(server)


async def test_a_message_larger_than_a_days_share_comes_alone_on_its_day(box: Sandbox) -> None:
    """Else it would never come."""
    with ScriptedServer({"INBOX": stored(1, 2, size=3 * MEGABYTE)}) as server:
        outcome = await box.run(_sharing(server, 1))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.WITH_ERRORS, 1)
