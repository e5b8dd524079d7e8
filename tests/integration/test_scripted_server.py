"""The scripted server does what other tests rely on, judged by the standard library's client."""

from __future__ import annotations

import imaplib
import socket
import ssl
from base64 import b64encode
from typing import Any

import pytest

from tests.servers.client import ALICE, RAW, bodies, client
from tests.servers.dovecot import quoted
from tests.servers.scripted import Script, ScriptedServer, Stored


def scripted(script: Script | None = None, **options: Any) -> ScriptedServer:
    return ScriptedServer({"INBOX": [Stored(uid, RAW) for uid in (3, 5, 9)], "Ä/B": []}, script, **options)


def test_the_scripted_server_behaves_when_nothing_is_scripted() -> None:
    """LIST, STATUS, FETCH, STORE and EXPUNGE as the standard library's client expects them."""
    with scripted(Script(noselect={"Ä"})) as server:
        with client(server.port) as session:
            assert session.list()[1] == [
                b'() "/" "INBOX"',
                b'(\\Noselect) "/" "&AMQ-"',
                b'() "/" "&AMQ-/B"',
            ]
            assert session.status(quoted("Ä/B"), "(MESSAGES UIDNEXT)")[1] == [b'"&AMQ-/B" (MESSAGES 0 UIDNEXT 1)']
            assert bodies(session, "INBOX") == [RAW] * 3
            assert session.uid("FETCH", "9:*,3", "(BODY.PEEK[HEADER])")[1][1] == b")"
            session.uid("STORE", "5", "+FLAGS", r"(\Deleted)")
            assert session.uid("EXPUNGE", "3:5")[0] == "OK"
            assert [message.uid for message in server.folders["INBOX"]] == [3, 9]
        assert server.lines(1)[:2] == ["CAPABILITY", f"LOGIN {ALICE} ***"]
        assert server.round_trips_after_login(1) == 7
        assert not any("secret" in line for line in server.lines())


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (Script(nil_uids={5}), [RAW, RAW]),
        (Script(omit_uids={5}), [RAW, RAW]),
        (Script(expunge_between={5}), [RAW, RAW]),
        (Script(untagged_noise=True, text_less=True), [RAW] * 3),
    ],
    ids=["BODY[] NIL", "left out", "expunged", "noise"],
)
def test_the_scripted_server_holds_messages_back(script: Script, expected: list[bytes]) -> None:
    """An unavailable message is missing in the reply, and noise does no harm."""
    with scripted(script) as server, client(server.port) as session:
        assert bodies(session, "INBOX") == expected


def test_the_scripted_server_refuses() -> None:
    """NO for a batch with one bad message, BAD for an empty folder, throttling, wrong sizes, logins refused."""
    script = Script(no_uids={5}, empty_fetch_bad=True, throttle=1, size_lies={3: 7}, refuse_logins=1)
    script.answers["UID EXPUNGE"] = "NO not today"
    with scripted(script) as server:
        with pytest.raises(imaplib.IMAP4.error), client(server.port):
            pass
        with client(server.port) as session:
            assert b"UNAVAILABLE" in session.noop()[1][0]
            session.select("INBOX")
            assert session.uid("FETCH", "3:5", "(BODY.PEEK[])")[0] == "NO"
            assert session.uid("FETCH", "3", "(RFC822.SIZE)")[1] == [b"1 (UID 3 RFC822.SIZE 7)"]
            assert session.uid("EXPUNGE", "3")[0] == "NO"
            session.select(quoted("Ä/B"))
            with pytest.raises(imaplib.IMAP4.error, match="nothing here"):
                session.uid("FETCH", "1:*", "(FLAGS)")


@pytest.mark.parametrize("way", ["cut_literal_after", "bye_in_literal"])
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_the_scripted_server_cuts_a_literal_once(way: str, reset: bool) -> None:
    """The first body breaks off, the next connection gets it."""
    script = Script(reset=reset)
    setattr(script, way, 10)
    with scripted(script) as server:
        with pytest.raises((imaplib.IMAP4.abort, OSError)), client(server.port) as session:
            bodies(session, "INBOX")
        with client(server.port) as session:
            assert len(bodies(session, "INBOX")) == 3


@pytest.mark.parametrize(
    ("script", "errors"),
    [
        (Script(drop_after_commands=3), (imaplib.IMAP4.abort, ConnectionError)),
        (Script(silent_after=3), (TimeoutError,)),
    ],
    ids=["drop", "silence"],
)
def test_the_scripted_server_ends_or_falls_silent(script: Script, errors: tuple[type[Exception], ...]) -> None:
    """After CAPABILITY, LOGIN and one NOOP there is nothing more."""
    with scripted(script) as server, client(server.port) as session:
        session.noop()
        session.sock.settimeout(0.2)
        with pytest.raises(errors):
            session.noop()


def test_the_scripted_server_knows_the_ways_to_log_in() -> None:
    """SASL PLAIN with an authorization identity, Kerio's master login, TLS from the first byte and not at all."""
    with scripted(Script(master_password="master", trash="Deleted Items")) as server:
        with imaplib.IMAP4(server.host, server.port, timeout=20) as session:
            session.authenticate("PLAIN", lambda _: b"alice\0archive\0pw")
        with socket.create_connection((server.host, server.port), timeout=20) as plain, plain.makefile("rb") as replies:
            replies.readline()
            plain.sendall(b"a X-MASTERAUTH\r\n")
            assert replies.readline() == b"+ <1421969253.42@mail.example.test>\r\n"
            plain.sendall(b"a2bc9b6f7395cf96e9f6508d4b8fdb55\r\n")
            assert replies.readline().startswith(b"a OK")
            plain.sendall(b'b X-SETUSER "alice"\r\n')
            assert replies.readline().startswith(b"b OK")
        with pytest.raises(ssl.SSLError):
            imaplib.IMAP4_SSL(server.host, server.port, timeout=20)
        assert server.logins == ["alice/archive", "master", "alice"]
        assert b64encode(b"alice\0archive\0pw").decode() not in " ".join(server.lines())


def test_the_scripted_server_moves_to_the_trash_as_kerio_does() -> None:
    """An expunged message is in the trash folder afterwards, undeleted."""
    with scripted(Script(trash="Deleted Items")) as server, client(server.port) as session:
        session.select("INBOX")
        session.uid("STORE", "3", "+FLAGS.SILENT", r"(\Deleted)")
        session.expunge()
        assert [message.uid for message in server.folders["INBOX"]] == [5, 9]
        assert server.folders["Deleted Items"] == [Stored(1, RAW)]
