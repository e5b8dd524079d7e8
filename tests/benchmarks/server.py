"""The mailbox that all contestants read: a real Dovecot filled with generated mail, and the two references."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from core.demo.mail import sample_mailbox
from tests.servers.dovecot import Dovecot, modified_utf7

PASSWORD = "bench"
SEED = 7


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The content of a mailbox: messages, and bytes as they were generated."""

    login: str
    messages: int
    bytes: int


def fill(server: Dovecot, login: str, count: int) -> Mailbox:
    """Deliver ``count`` generated messages, as files."""
    size = 0
    for message in sample_mailbox(login, count, seed=SEED):
        server.deliver(login, message.folder, message.raw, flags=message.flags, internaldate=message.internaldate)
        size += len(message.raw)
    return Mailbox(login, count, size)


def drain(server: Dovecot, login: str) -> float:
    """Fetch everything over a bare socket and throw it away; seconds from connect to the last byte."""
    begun = time.perf_counter()
    with socket.create_connection((server.host, server.plain_port)) as connection:
        greeted(connection)
        command(connection, b"a1", f"LOGIN {login} {PASSWORD}".encode())
        for number, folder in enumerate(server.folders(login)):
            command(connection, b"b%d" % number, b'EXAMINE "' + modified_utf7(folder).encode() + b'"')
            command(connection, b"c%d" % number, b"UID FETCH 1:* (UID BODY.PEEK[])")
    return time.perf_counter() - begun


def greeted(connection: socket.socket) -> None:
    """Wait for the greeting of a new connection."""
    _until(connection, b"* OK")


def command(connection: socket.socket, tag: bytes, line: bytes) -> None:
    """Send one command, and throw its answer away."""
    connection.sendall(tag + b" " + line + b"\r\n")
    _until(connection, tag + b" OK")


def _until(connection: socket.socket, wanted: bytes) -> None:
    tail = b""
    while True:
        data = connection.recv(1 << 20)
        if not data:
            raise ConnectionError("the server closed the connection")
        tail = (tail + data)[-4096:]
        # The tagged line is the last one; a message that ends with the same words would only end the drain too early.
        if tail.endswith(b"\r\n") and tail.rstrip(b"\r\n").rsplit(b"\n", 1)[-1].startswith(wanted):
            return


def mbsync(server: Dovecot, login: str, target: Path) -> float:
    """One ``mbsync`` pull of the whole mailbox into a fresh Maildir, as it is configured by default; seconds."""
    target.mkdir(parents=True)
    config = target / "mbsyncrc"
    config.write_text(
        f"""IMAPAccount bench
Host {server.host}
Port {server.plain_port}
User {login}
Pass {PASSWORD}
SSLType None

IMAPStore far
Account bench

MaildirStore near
Path {target}/mail/
Inbox {target}/mail/INBOX
SubFolders Verbatim

Channel bench
Far :far:
Near :near:
Patterns *
Create Near
Sync Pull
SyncState *
"""
    )
    (target / "mail").mkdir()
    begun = time.perf_counter()
    subprocess.run(
        ["mbsync", "-q", "-c", str(config), "-a"], check=True, env={**os.environ, "HOME": str(target)}, stdin=subprocess.DEVNULL
    )
    return time.perf_counter() - begun
