"""The standard library's client, by which the servers of the tests are judged."""

from __future__ import annotations

import imaplib
import re
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.dovecot import quoted

ALICE = "alice@example.test"
RAW = b"Subject: one\r\n\r\n" + b"x" * 1_000 + b"\r\n"


@contextmanager
def client(port: int, user: str = ALICE, password: str = "secret") -> Iterator[imaplib.IMAP4]:
    """A logged-in session that is always closed."""
    session = imaplib.IMAP4("127.0.0.1", port, timeout=20)
    try:
        session.login(user, password)
        yield session
    finally:
        session.shutdown()


def bodies(session: imaplib.IMAP4, folder: str) -> list[bytes]:
    """BODY[] of all messages of a folder."""
    assert session.select(quoted(folder), readonly=True)[0] == "OK"
    kind, reply = session.uid("FETCH", "1:*", "(UID RFC822.SIZE BODY.PEEK[])")
    assert kind == "OK"
    pairs = [item for item in reply if isinstance(item, tuple)]
    assert [int(re.findall(rb"RFC822.SIZE (\d+)", head)[0]) for head, _ in pairs] == [len(body) for _, body in pairs]
    return [body for _, body in pairs]
