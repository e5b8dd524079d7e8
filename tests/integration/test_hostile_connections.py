"""Connections that break, fall silent or are refused for a while: the run goes on where it was, or says why not (P2, P6)."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from core.engine.visit import download
from core.model import RunStatus
from core.profiles.profile import Access, Profile
from core.secrets import Secret
from core.system.tasks import spawn
from core.trial import TrialStep
from tests.hostile import heals, inbox, on_server, stored
from tests.servers import scripted
from tests.servers.proxy import Proxy
from tests.servers.scripted import Script, ScriptedServer, Stored
from tests.support import ALICE, At, Limited, Sandbox, connection_test, profile, sandbox


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
    send = scripted.Session.send_item
    with ScriptedServer({"INBOX": stored(*range(1, 51), size=20_000)}) as server, Proxy(server.host, server.port) as proxy:

        def leave(session: Any, message: Stored, name: str) -> None:
            if name == "BODY.PEEK[]" and message.uid == 26:
                proxy.refuse = True
                raise scripted.Ended
            send(session, message, name)

        monkeypatch.setattr(scripted.Session, "send_item", leave)
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

    monkeypatch.setattr(scripted.Session, "send_literal", slowly)
    with inbox(None, 1, 2) as server:
        outcome = await box.run(profile(server, timeout=0.5))
        assert (outcome.tally.archived, server.connections) == (2, 1)


@pytest.mark.parametrize("size", [10**10, 10**30])
async def test_an_absurd_literal_is_a_broken_connection(box: Sandbox, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A size that no memory holds does not end the program: the message is named, the others are archived."""
    send = scripted.Session.send_item

    def absurd(session: Any, message: Stored, name: str) -> None:
        if name == "BODY.PEEK[]" and message.uid == 9:
            session.socket.sendall(f"BODY[] {{{size}}}\r\nshort".encode())
            raise scripted.Ended
        send(session, message, name)

    monkeypatch.setattr(scripted.Session, "send_item", absurd)
    with inbox() as server:
        outcome = await box.run(profile(server))
        assert (outcome.problems, outcome.tally.archived) == ([("INBOX", 9)], 4)


@pytest.mark.parametrize("commands", range(1, 4))
async def test_a_busy_server_is_asked_again(box: Sandbox, commands: int) -> None:
    """NO [UNAVAILABLE] to the first commands, whichever these are: waited for, and all is archived."""
    with inbox(Script(throttle=commands)) as server:
        outcome = await box.run(profile(server))
        assert (outcome.reasons, outcome.tally.archived) == ("", 5)


async def test_throttling_in_the_middle_of_a_download_is_waited_for(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some bodies, then NO [UNAVAILABLE]: what came is stored, the rest is asked for again, nothing is blamed."""
    fetch = scripted.Session.fetch
    refused = []

    def throttle(session: Any, places: list[int], items: tuple[str, ...]) -> str:
        if "BODY.PEEK[]" in " ".join(items) and len(places) > 2:
            refused.append(len(places))
            fetch(session, places[:2], items)
            return "NO [UNAVAILABLE] slow down"
        return fetch(session, places, items)

    monkeypatch.setattr(scripted.Session, "fetch", throttle)
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
