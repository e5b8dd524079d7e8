"""The demo server and Dovecot do what other tests rely on, judged by the standard library's client."""

from __future__ import annotations

import asyncio
import hashlib
import imaplib
import re
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.demo.mail import SampleMessage, sample_mailbox
from core.demo.odd import EXACT_SIZE, odd_messages
from core.demo.server import DemoServerThread, demo_server
from tests.conftest import StartDovecot
from tests.servers.client import ALICE, RAW, bodies, client
from tests.servers.dovecot import Dovecot, quoted, served
from tests.servers.proxy import Proxy


def by_folder(messages: list[SampleMessage]) -> dict[str, list[bytes]]:
    folders: dict[str, list[bytes]] = {}
    for message in messages:
        folders.setdefault(message.folder, []).append(message.raw)
    return folders


def test_a_sample_mailbox_is_the_same_for_the_same_seed() -> None:
    """Owner and seed alone decide about every byte, flag and date."""
    first, second = (list(sample_mailbox(ALICE, 30, seed=1)) for _ in range(2))
    assert first == second
    assert first != list(sample_mailbox(ALICE, 30, seed=2))


def test_three_sample_mailboxes_share_attachments() -> None:
    """About 35 to 40 % of the attachment bytes of three people are copies, encoded alike."""
    attachments: list[bytes] = []
    sizes = []
    for name in ("alice", "bob", "carla"):
        for message in sample_mailbox(f"{name}@example.test", 400, seed=11, average_size=20_000):
            sizes.append(len(message.raw))
            attachments += re.findall(rb"base64\r\n\r\n(.+?)\r\n--", message.raw, re.DOTALL)
    total = sum(map(len, attachments))
    assert 0.3 < 1 - sum(map(len, set(attachments))) / total < 0.45
    assert 0.85 < sum(sizes) / len(sizes) / 20_000 < 1.15


def test_odd_messages_are_what_they_are_called() -> None:
    """At least 40 different ones, with the sizes and bytes that tests rely on."""
    messages = {message.name: message for message in odd_messages(5)}
    assert len(messages) == len(odd_messages(5)) >= 40
    assert len(messages["exactly 5,000 bytes"].raw) == EXACT_SIZE
    assert {name for name, message in messages.items() if not message.appendable} == {
        "NUL in body",
        "NUL in header",
        "empty message",
    }


async def test_the_demo_server_serves_three_mailboxes_byte_for_byte() -> None:
    """Three users with 60 messages each, in the running loop."""
    mail = {f"{name}@example.test": list(sample_mailbox(f"{name}@example.test", 60, seed=4)) for name in "abc"}

    def look(port: int) -> None:
        for user, messages in mail.items():
            with client(port, user, "pw") as session:
                for folder, expected in by_folder(messages).items():
                    assert bodies(session, folder) == expected

    async with demo_server({user: ("pw", messages) for user, messages in mail.items()}) as server:
        await asyncio.to_thread(look, server.port)


def test_the_demo_server_in_a_thread_serves_odd_mail_unchanged() -> None:
    """Flags, dates, sizes and every byte of mail that pymap itself would alter."""
    messages = odd_messages(6)
    server = DemoServerThread({ALICE: ("secret", messages)})
    server.start()
    try:
        with client(server.port) as session:
            for folder, expected in by_folder(messages).items():
                assert bodies(session, folder) == expected
            session.select("INBOX", readonly=True)
            reply = session.uid("FETCH", "101:102", "(FLAGS INTERNALDATE)")[1]
            assert b"FLAGS ()" in reply[0]
            assert b'"29-Feb-2024 12:00:00 +0000"' in reply[0]
            assert b"\\Seen" in reply[1]
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"), client(server.port, password="wrong"):
            pass
    finally:
        server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port))


@pytest.mark.server
def test_dovecot_serves_odd_mail_as_computed_from_its_files(dovecot: StartDovecot) -> None:
    """``expected`` and what IMAP serves agree for all odd messages, and only LF and NUL are altered."""
    server = dovecot()
    messages = odd_messages(7)
    for message in messages:
        server.deliver(ALICE, message.folder, message.raw, message.flags, message.internaldate)
    with server.client(ALICE) as session:
        for folder, raws in by_folder(messages).items():
            got = bodies(session, folder)
            assert got == [served(raw) for raw in raws]
            assert server.expected(ALICE)[folder] == [hashlib.sha256(body).hexdigest() for body in got]
        session.select("INBOX", readonly=True)
        assert b'INTERNALDATE "29-Feb-2024 12:00:00 +0000"' in session.uid("FETCH", "1", "(INTERNALDATE)")[1][0]


@pytest.mark.server
def test_dovecot_serves_odd_mail_as_computed(dovecot: StartDovecot, odd_mail: list[bytes]) -> None:
    """The byte rules hold for odd messages in one folder."""
    server = dovecot()
    for raw in odd_mail:
        server.deliver(ALICE, "INBOX", raw)
    with server.client(ALICE) as session:
        assert bodies(session, "INBOX") == [served(raw) for raw in odd_mail]


@pytest.mark.server
def test_append_keeps_what_a_file_keeps(dovecot: StartDovecot) -> None:
    """A message stored with APPEND comes back with CRLF line ends, flags and date."""
    server = dovecot()
    moment = datetime(1999, 12, 31, 23, 0, tzinfo=UTC)
    server.append_via_imap(ALICE, "INBOX", b"Subject: a\n\none\rtwo\r\n", [r"\Flagged"], moment)
    with server.client(ALICE) as session:
        assert bodies(session, "INBOX") == [b"Subject: a\r\n\r\none\rtwo\r\n"]
        reply = session.uid("FETCH", "1", "(FLAGS INTERNALDATE)")[1][0]
    assert b"\\Flagged" in reply
    assert b"31-Dec-1999 23:00:00 +0000" in reply


@pytest.mark.server
@pytest.mark.parametrize(
    "name",
    [
        "Änderungen/Größe",
        'say "hi"',
        "100 %",
        "st*r",
        "trailing.",
        " blanks ",
        "x" * 240,
        "[red]x[",
        "esc\x1b[31m",
        "\u202eabc",
        "back\\slash",
    ],
)
def test_dovecot_opens_folders_with_strange_names(dovecot: StartDovecot, name: str) -> None:
    """Folders on disk under such names are listed and served."""
    server = dovecot()
    server.deliver(ALICE, name, RAW)
    assert name in server.folders(ALICE)
    with server.client(ALICE) as session:
        assert bodies(session, name) == [RAW]
    server.remove_folder(ALICE, name)
    with server.client(ALICE) as session:
        assert session.select(quoted(name))[0] == "NO"


@pytest.mark.server
def test_changes_past_imap_are_seen_at_once(dovecot: StartDovecot) -> None:
    """Deliveries, moves, removals and a new UIDVALIDITY show in the next STATUS, without a restart."""
    server = dovecot()

    def status(folder: str) -> tuple[int, int, int]:
        with server.client(ALICE) as session:
            reply = session.status(quoted(folder), "(MESSAGES UIDNEXT UIDVALIDITY)")[1][0]
        found = re.search(rb"MESSAGES (\d+) UIDNEXT (\d+) UIDVALIDITY (\d+)", reply)
        assert found
        messages, uidnext, validity = (int(number) for number in found.groups())
        return messages, uidnext, validity

    for _ in range(3):
        server.deliver(ALICE, "INBOX", RAW, [r"\Seen"])
    messages, uidnext, validity = status("INBOX")
    assert (messages, uidnext) == (3, 4)
    server.move(ALICE, "INBOX", "Moved", 2)
    assert status("INBOX") == (1, 4, validity)
    assert status("Moved")[:2] == (2, 3)
    server.move(ALICE, "Moved", "INBOX", 1)
    assert status("INBOX") == (2, 5, validity)
    server.change_uidvalidity(ALICE, "INBOX")
    assert status("INBOX")[:2] == (2, 3)
    assert status("INBOX")[2] > validity
    server.remove_messages(ALICE, "INBOX")
    assert status("INBOX")[0] == 1
    server.create_folder(ALICE, "Parent", selectable=False)
    with server.client(ALICE) as session:
        assert session.list('""', "Parent")[1] == [b'(\\Noselect \\HasNoChildren) "/" Parent']
    assert "Login: user=<alice@example.test>" in server.log_text()
    server.reset_log()
    assert "Login" not in server.log_text()


@pytest.mark.server
def test_a_master_user_opens_every_mailbox(dovecot: StartDovecot) -> None:
    """Both ways: ``user*master`` as the name, and SASL PLAIN with an authorization identity."""
    server = dovecot(master=("archive", "masterpw"))
    server.deliver(ALICE, "INBOX", RAW)
    with client(server.plain_port, f"{ALICE}*archive", "masterpw") as session:
        assert bodies(session, "INBOX") == [RAW]
    with imaplib.IMAP4(server.host, server.plain_port, timeout=20) as session:
        session.authenticate("PLAIN", lambda _: f"{ALICE}\0archive\0masterpw".encode())
        assert bodies(session, "INBOX") == [RAW]


@pytest.mark.server
@pytest.mark.parametrize(
    ("certificate", "complaint"),
    [("good", None), ("expired", "expired"), ("wrong-name", "(mismatch|not valid for)"), ("self-signed", "self.signed")],
)
def test_dovecot_shows_the_certificate_asked_for(dovecot: StartDovecot, certificate: str, complaint: str | None) -> None:
    """A client that checks takes the good one and names what is wrong with the others, with TLS and with STARTTLS."""
    server = dovecot(certificate=certificate, allow_plain=False)
    context = ssl.create_default_context(cafile=server.ca_file)

    def over_tls() -> None:
        with imaplib.IMAP4_SSL(server.host, server.ssl_port, ssl_context=context, timeout=20) as session:
            session.login(ALICE, "secret")

    def over_starttls() -> None:
        with imaplib.IMAP4(server.host, server.plain_port, timeout=20) as session:
            assert "LOGINDISABLED" in session.capabilities
            session.starttls(context)
            session.login(ALICE, "secret")

    if complaint is None:
        over_tls()
        over_starttls()
        server.append_via_imap(ALICE, "INBOX", RAW)
    else:
        with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
            over_tls()


@pytest.mark.server
def test_dovecot_restarts_on_the_same_mail_and_leaves_nothing_behind(dovecot: StartDovecot, tmp_path: Path) -> None:
    """Stop and start keep the mail; the end of the test's context removes process and folder."""
    with Dovecot(tmp_path, {ALICE: "secret"}, separator=".") as server:
        server.deliver(ALICE, "INBOX.Sub", RAW)
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.plain_port))
        server.start()
        with server.client(ALICE) as session:
            assert bodies(session, "INBOX.Sub") == [RAW]
        base = server.base
    assert not base.exists()
    assert server.log_text()


@pytest.mark.server
def test_the_proxy_counts_cuts_and_holds(dovecot: StartDovecot) -> None:
    """Turns are round trips; the connection ends after so many bytes; held bytes come when released."""
    server = dovecot()
    server.deliver(ALICE, "INBOX", RAW * 100)
    with Proxy(server.host, server.plain_port) as proxy:
        with client(proxy.port) as session:
            proxy.reset_counters()
            for _ in range(5):
                session.noop()
            assert proxy.turns == 5
            assert proxy.bytes_to_server > 0
            proxy.drop_after_bytes = proxy.bytes_to_client + 2_000
            with pytest.raises((imaplib.IMAP4.abort, OSError)):
                bodies(session, "INBOX")
        proxy.reset = True
        with client(proxy.port) as session:
            proxy.drop_after_bytes = proxy.bytes_to_client + 2_000
            with pytest.raises((imaplib.IMAP4.abort, OSError)):
                bodies(session, "INBOX")
        with client(proxy.port) as session:
            session.noop()
            proxy.stall_after_bytes = proxy.bytes_to_client
            session.sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                session.noop()
            proxy.stall_after_bytes = None
        proxy.refuse = True
        with pytest.raises((imaplib.IMAP4.abort, OSError)), client(proxy.port):
            pass
