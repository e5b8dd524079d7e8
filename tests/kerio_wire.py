"""The Kerio double on the wire: raw lines, mailboxes, and what they hold."""

from __future__ import annotations

import hashlib
import imaplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot, quoted
from tests.servers.kerio import Behaviour, Kerio

ALICE, BOB = "alice@example.test", "bob@example.test"
PASSWORD = "pä55wörd of the master"
RAW = b"Subject: one\r\n\r\nbody\r\n"


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    """A Dovecot with a master user."""
    return dovecot(master=("archive", "masterpw"))


def kerio(server: Dovecot, behaviour: Behaviour | None = None, **options: Any) -> Kerio:
    return Kerio(server, behaviour, **{"master_password": PASSWORD, **options})


class Raw:
    """A connection without any client library."""

    def __init__(self, double: Kerio) -> None:
        self.socket = socket.create_connection((double.host, double.port), timeout=20)
        self.replies = self.socket.makefile("rb")
        self.greeting = self.replies.readline()

    def send(self, line: str) -> None:
        self.socket.sendall(line.encode() + b"\r\n")

    def line(self) -> str:
        return self.replies.readline().decode()

    def ask(self, line: str) -> str:
        self.send(line)
        return self.line()

    def close(self) -> None:
        self.replies.close()
        self.socket.close()


@contextmanager
def raw(double: Kerio) -> Iterator[Raw]:
    connection = Raw(double)
    try:
        yield connection
    finally:
        connection.close()


def tell(session: imaplib.IMAP4, line: str) -> list[bytes]:
    """Send a command that imaplib does not know; all replies up to the tagged one."""
    session.send(f"x {line}\r\n".encode())
    replies = [session.readline()]
    while not replies[-1].startswith((b"x ", b"+")):
        if not replies[-1]:
            raise EOFError
        replies.append(session.readline())
    return [reply.removesuffix(b"\r\n") for reply in replies]


@contextmanager
def mailbox(double: Kerio, login: str = ALICE, tls: ssl.SSLContext | None = None) -> Iterator[imaplib.IMAP4]:
    """A session of imaplib in a mailbox that the master has opened."""
    if tls is None:
        session = imaplib.IMAP4(double.host, double.port, timeout=20)
    else:
        session = imaplib.IMAP4_SSL(double.host, double.port, ssl_context=tls, timeout=20)
    try:
        challenge = tell(session, "X-MASTERAUTH")[-1].removeprefix(b"+ ")
        session.send(hashlib.md5(challenge + PASSWORD.encode()).hexdigest().encode() + b"\r\n")
        assert session.readline() == b"x OK X-MASTERAUTH Welcome to server, master\r\n"
        assert tell(session, f'X-SETUSER "{login}"') == [b"x OK X-SETUSER completed"]
        session.state = "AUTH"
        yield session
    finally:
        session.shutdown()


def bodies(session: imaplib.IMAP4, folder: str = "INBOX") -> list[bytes]:
    assert session.select(quoted(folder), readonly=True)[0] == "OK"
    reply = session.uid("FETCH", "1:*", "(UID BODY.PEEK[])")[1]
    return [item[1] for item in reply if isinstance(item, tuple)]
