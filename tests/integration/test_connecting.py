"""Connecting to a real server: certificates, ways to log in, wrong names and passwords, and the test of a profile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.imap.connection import Client
from core.model import RunStatus
from core.profiles.profile import Access
from core.secrets import Secret
from tests.conftest import StartDovecot
from tests.servers.dovecot import Certificate
from tests.servers.proxy import Proxy
from tests.support import ALICE, At, Sandbox, connection_test, folder_tree, mail, profile, reading, sandbox

pytestmark = pytest.mark.server


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


@pytest.mark.parametrize("access", [Access.IMAP_SSL, Access.IMAP_TLS])
@pytest.mark.parametrize("certificate", ["good", "expired", "wrong-name", "self-signed"])
async def test_the_certificate_of_a_server_is_checked(
    dovecot: StartDovecot, box: Sandbox, access: Access, certificate: Certificate
) -> None:
    """A good one is taken; what is wrong with another is said with a remedy, and may be accepted on request."""
    server = dovecot(certificate=certificate, allow_plain=False)
    server.deliver(ALICE, "INBOX", mail("over TLS"))
    address = At(server.host, server.ssl_port if access is Access.IMAP_SSL else server.plain_port)
    strict = profile(address, access=access, ca_file=server.ca_file)
    steps = {step.name: step for step in await connection_test(strict, Secret("secret"))}
    said = {"good": "", "expired": "has expired", "wrong-name": "is for another", "self-signed": "is self-signed"}[certificate]
    if certificate == "good":
        assert all(step.ok for step in steps.values())
        assert (await box.run(strict)).tally.archived == 1
        return
    assert [name for name, step in steps.items() if step.ok is False] == ["certificate"]
    assert said in steps["certificate"].text
    assert "accept_all_certificates" in steps["certificate"].hint
    outcome = await box.run(strict)
    assert outcome.status is RunStatus.FAILED
    assert said in outcome.reasons
    relaxed = profile(address, access=access, accept_all=True)
    assert (await box.run(relaxed)).tally.archived == 1


async def test_the_connection_test_ticks_off_its_steps_in_order(dovecot: StartDovecot) -> None:
    """Each access has its steps in the order in which they happen; all are told as they are known."""
    server = dovecot()
    orders = {
        Access.IMAP: ["lookup", "tcp", "greeting", "login", "folders"],
        Access.IMAP_SSL: ["lookup", "tcp", "tls", "certificate", "greeting", "login", "folders"],
        Access.IMAP_TLS: ["lookup", "tcp", "greeting", "tls", "certificate", "login", "folders"],
    }
    for access, order in orders.items():
        port = server.ssl_port if access is Access.IMAP_SSL else server.plain_port
        ticked: list[str] = []
        wanted = profile(At(server.host, port), access=access, ca_file=server.ca_file)
        steps = await connection_test(wanted, Secret("secret"), lambda step, ticked=ticked: ticked.append(step.name))  # type: ignore[misc]
        assert ticked == [step.name for step in steps] == order
        assert all(step.ok for step in steps)


@pytest.mark.parametrize("access", list(Access))
async def test_the_wrong_kind_of_access_is_named(dovecot: StartDovecot, access: Access) -> None:
    """TLS on the plain port, plain and STARTTLS on the TLS port: an error with a hint, soon, and no endless wait."""
    server = dovecot()
    port = server.plain_port if access is Access.IMAP_SSL else server.ssl_port
    wrong = profile(At(server.host, port), access=access, ca_file=server.ca_file, timeout=1.0)
    steps = await connection_test(wrong, Secret("secret"))
    [failed] = [step for step in steps if step.ok is False]
    assert failed.name == ("tls" if access is Access.IMAP_SSL else "greeting")
    assert "imap" in failed.hint


PASSWORDS = ["geheim", "pä55wörd€", 'qu"ote', "back\\slash", "two words", "{5}", "(paren)", "%s*", "a&b"]


@pytest.fixture(params=["AUTHENTICATE", "LOGIN"])
def way_to_log_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Dovecot always announces AUTH=PLAIN; not seeing that makes us use LOGIN."""
    if request.param == "LOGIN":
        monkeypatch.setattr(Client, "has_capability", lambda self, name: False)
    return str(request.param)


@pytest.mark.usefixtures("way_to_log_in")
async def test_any_password_logs_in(dovecot: StartDovecot, box: Sandbox) -> None:
    """Umlauts, quotes, backslashes and blanks, with AUTHENTICATE and with LOGIN."""
    users = {f"user{number}@example.test": password for number, password in enumerate(PASSWORDS)}
    server = dovecot(users)
    for user, password in users.items():
        server.deliver(user, "INBOX", mail(user))
        outcome = await box.run(profile(At(server.host, server.plain_port), username=user), password)
        assert (outcome.reasons, outcome.tally.archived) == ("", 1)


async def test_a_wrong_password_is_named_and_never_shown(dovecot: StartDovecot, box: Sandbox, way_to_log_in: str) -> None:
    """Step login, with a remedy; tried once, for accounts get locked; the password is in no text."""
    server = dovecot()
    with Proxy(server.host, server.plain_port) as proxy:
        outcome = await box.run(profile(proxy), 'wr0ng"pass\\word')
        assert proxy.connections == 1
    assert outcome.status is RunStatus.FAILED
    assert "refused the login of alice@example.test" in outcome.reasons
    assert "Check user name and password" in outcome.advice
    [step] = [step for step in await connection_test(reading(server), Secret("wr0ng")) if step.ok is False]
    assert step.name == "login"
    assert "wr0ng" not in f"{outcome} {step}"


async def test_a_name_that_is_nowhere_and_a_port_that_is_closed_are_named(dovecot: StartDovecot) -> None:
    """Step lookup and step tcp, each with its remedy; steps not reached are neither good nor bad."""
    server = dovecot()
    port = server.plain_port
    server.stop()
    closed = await connection_test(profile(At(server.host, port)), Secret("secret"))
    assert [(step.name, step.ok) for step in closed][:3] == [("lookup", True), ("tcp", False), ("greeting", None)]
    assert "port" in closed[1].hint
    nowhere = await connection_test(profile(At("nowhere.invalid", port)), Secret("secret"))
    assert [(step.name, step.ok) for step in nowhere][:2] == [("lookup", False), ("tcp", None)]
    assert "DNS" in nowhere[0].hint


async def test_too_many_connections_are_waited_for(dovecot: StartDovecot, box: Sandbox) -> None:
    """Dovecot's limit per user and address is no wrong password: the refusal says so, and is tried again."""
    server = dovecot(extra="mail_max_userip_connections = 1")
    server.deliver(ALICE, "INBOX", mail("one"))
    with server.client(ALICE), Proxy(server.host, server.plain_port) as proxy:
        busy = await box.run(profile(proxy))
        assert proxy.connections == 4
    assert busy.status is RunStatus.FAILED
    assert "Maximum number of connections" in busy.reasons
    assert (await box.run(reading(server), backoff=(0.2,) * 20)).tally.archived == 1


async def test_the_folder_tree_says_what_is_left_out_and_why(dovecot: StartDovecot) -> None:
    """INBOX first; counts; a reason for junk and for folders that only hold others."""
    server = dovecot()
    for folder in ("Zeta", "INBOX", "Junk E-mail"):
        server.deliver(ALICE, folder, mail(folder))
    server.create_folder(ALICE, "Nur", selectable=False)
    tree = [(one.path, one.messages, one.excluded) for one in await folder_tree(reading(server), Secret("secret"))]
    assert tree == [
        ("INBOX", 1, ""),
        ("Junk E-mail", 1, "junk mail"),
        ("Nur", None, "holds only other folders"),
        ("Zeta", 1, ""),
    ]
