"""Limits and stalls in more shapes: codes wherever a server may say them, drips in every kind of answer, midnight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from core.archive.registry import users
from core.engine.visit import allowance
from core.engine.visit.allowance import MEGABYTE
from core.imap import pace
from core.model import RunStatus
from core.profiles.profile import Method
from tests.servers import scripted
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import Limited, Sandbox, mail, many, profile, sandbox

pytestmark = pytest.mark.server
CODES = ["OVERQUOTA", "THROTTLED", "LIMIT", "UNAVAILABLE", "INUSE"]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with sandbox(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measures over a minute are taken over half a second."""
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 0.5)


def stored(*uids: int, size: int = 200) -> list[Stored]:
    return [Stored(uid, mail(f"message {uid}", "x" * size)) for uid in uids]


def inbox(script: Script | None = None, count: int = 5) -> ScriptedServer:
    return ScriptedServer({"INBOX": stored(*range(1, count + 1))}, script)


def asked(server: ScriptedServer) -> int:
    return sum("BODY.PEEK[]" in line for line in server.lines())


@pytest.mark.parametrize("verb", ["CAPABILITY", "NAMESPACE", "ID", "LIST", "STATUS", "EXAMINE"])
async def test_a_refusal_for_now_of_any_command_is_waited_for(box: Sandbox, verb: str) -> None:
    """Twice refused for now: waited for, and nothing is concluded of the server, of folders or of messages."""
    capabilities = ["IMAP4rev1", "UIDPLUS", "NAMESPACE", "ID"]
    for number, code in enumerate(CODES):
        script = Script(capabilities, answers=Limited({verb: f"NO [{code}] slow down"}, 2))
        with inbox(script) as server:
            outcome = await box.run(profile(server, username=f"user{number}"))
            assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 5), code


@pytest.mark.parametrize("form", ["* BYE [{}] come back", "* NO [{}] busy", "* BAD [{}] busy", "* BYE {}"])
async def test_a_refusal_for_now_in_the_greeting_is_tried_again(
    box: Sandbox, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any kind of greeting is tried again."""
    run = scripted.Session.run

    def refuse(session: Any) -> None:
        session.script.greeting = form.format(code) if session.number <= 2 else "* OK ready"
        run(session)

    monkeypatch.setattr(scripted.Session, "run", refuse)
    for code in CODES:
        with inbox() as server:
            outcome = await box.run(profile(server))
            assert (outcome.status, len(outcome.told("waiting"))) == (RunStatus.SUCCEEDED, 2), code


@pytest.mark.parametrize("verb", ["X-MASTERAUTH", "X-SETUSER"])
@pytest.mark.parametrize("answer", ["NO", "BAD", "BYE"])
async def test_a_refusal_for_now_of_a_master_login_blames_no_password(box: Sandbox, verb: str, answer: str) -> None:
    """NO, BAD, or BYE before the challenge: it is not the password, nor the address of this machine."""
    for code in CODES:
        script = Script(master_password="word")
        if answer == "BYE":
            script.bye_to = {verb: f"[{code}] later"}
        else:
            script.answers = Limited({verb: f"{answer} [{code}] later"}, 2)
        with inbox(script) as server:
            outcome = await box.run(many(server, Method.KERIO_MASTER), "word")
            assert outcome.status is RunStatus.SUCCEEDED, code


@pytest.mark.parametrize("tagged", ["NO FETCH failed", "BAD FETCH failed"])
async def test_a_code_in_an_untagged_answer_counts(box: Sandbox, tagged: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tagged one says nothing of it: waited for, not hammered, not taken for messages that cannot be had."""
    fetch = scripted.Session.fetch
    refusals = 2

    def refuse(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        nonlocal refusals
        if "BODY.PEEK[]" not in " ".join(items) or not refusals:
            return fetch(session, places, items)
        refusals -= 1
        session.send(f"* NO [{code}] you have had enough")
        return tagged

    monkeypatch.setattr(scripted.Session, "fetch", refuse)
    for code in CODES:
        for refusals, status in ((2, RunStatus.SUCCEEDED), (1000, RunStatus.FAILED)):
            with inbox(Script(), 300) as server:
                outcome = await box.run(profile(server, username=f"{code}{status}"))
                assert outcome.status is not (RunStatus.FAILED if refusals < 3 else RunStatus.SUCCEEDED)
                assert outcome.told("waiting")
                assert asked(server) <= 5


@pytest.mark.parametrize("item", ["UID", "FLAGS", "BODY.PEEK[HEADER]"])
async def test_what_is_before_a_body_may_drip_as_well(
    box: Sandbox, item: str, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line before a message, the listing, or a header: other folders are archived, the slow one is named."""
    send_item = scripted.Session.send_item

    class Dripping:
        def __init__(self, session: Any) -> None:
            self.session, self.inner = session, session.socket

        def sendall(self, data: bytes) -> None:
            for byte in data:
                self.inner.sendall(bytes([byte]))
                if self.session.server.stopping.wait(0.02):
                    raise scripted.Ended

        def shutdown(self, how: int) -> None:
            self.inner.shutdown(how)

    def drip(session: Any, message: Stored, name: str) -> None:
        inner = session.socket
        if session.selected == "Slow" and name == item:
            session.socket = Dripping(session)
        try:
            send_item(session, replace(message, flags=("$" + "x" * 500,)) if name == "FLAGS" else message, name)
        finally:
            session.socket = inner

    monkeypatch.setattr(scripted.Session, "send_item", drip)
    with ScriptedServer({"INBOX": stored(1, 2), "Slow": stored(7, size=3000)}) as server:
        outcome = await asyncio.wait_for(box.run(profile(server)), 60)
        assert outcome.tally.archived >= 2
        assert outcome.problems == ([("Slow", None)] if item == "FLAGS" else [])


async def test_mailboxes_that_drip_do_not_hold_the_others(box: Sandbox, hasty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of nine, with two connections: each is given up by itself."""
    for number in range(8):
        await users.add(box.archive, f"u{number}", [f"u{number}@example.test"])
    slow: dict[int, bool] = {}

    def open_one(session: Any, name: str) -> str:
        slow[session.number] = name in ("u1@example.test", "u4@example.test")
        return "OK X-SETUSER completed"

    def send(session: Any, data: bytes) -> None:
        for byte in data if slow[session.number] else b"":
            session.socket.sendall(bytes([byte]))
            if session.server.stopping.wait(0.02):
                raise scripted.Ended
        session.socket.sendall(b"" if slow[session.number] else data)

    monkeypatch.setattr(scripted.Session, "do_x_setuser", open_one)
    monkeypatch.setattr(scripted.Session, "send_literal", send)
    with inbox(Script(master_password="word")) as server:
        work = box.run(many(server, Method.KERIO_MASTER, connections=2), "word")
        outcome = await asyncio.wait_for(work, 90)
        assert sum(one.status is RunStatus.SUCCEEDED for one in outcome.mailboxes) == 7


async def test_a_days_share_begins_anew_at_midnight(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a run."""
    today = date(2026, 3, 1)
    received = allowance.Allowance.received

    def receive(share: Any, size: int) -> None:
        nonlocal today
        received(share, size)
        if share._spent > 14 * MEGABYTE:
            today = date(2026, 3, 2)

    monkeypatch.setattr("core.engine.visit.allowance._today", lambda: today)
    monkeypatch.setattr(allowance.Allowance, "received", receive)
    with ScriptedServer({"INBOX": stored(*range(1, 31), size=MEGABYTE)}) as server:
        made = profile(server)
        outcome = await box.run(replace(made, server=replace(made.server, megabytes_a_day=20)))
        assert (outcome.status, outcome.tally.archived) == (RunStatus.SUCCEEDED, 30)
