"""An archive of one user, Alice, on a real server, and the command line on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import Archivar
from tests.servers.dovecot import Dovecot

ALICE = "alice@example.test"
WORD = "Se-sam-97531"
TOTALS = {"found", "archived", "known", "moved", "excluded", "failed", "deleted", "bytes"}
RESULT = {
    "events",
    "run",
    "profile",
    "dry_run",
    "status",
    "started",
    "finished",
    "reason",
    "code",
    "values",
    "warnings",
    "warning_reasons",
    "totals",
    "mailboxes",
}
MAILBOX = {"mailbox", "user", "status", "problems", "excluded_folders", *TOTALS}


def message(number: int, subject: str = "hello") -> bytes:
    head = f"From: Sam <sam@example.test>\r\nTo: {ALICE}\r\nSubject: {subject}\r\nMessage-ID: <{number}@example.test>\r\n"
    return head.encode() + b"Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\nText number %d.\r\n" % number


def profile_file(
    archivar: Archivar,
    server: Any,
    *,
    name: str = "Alice",
    port: int = 0,
    access: str = "imap",
    more: str = "",
    login: str = "",
) -> str:
    """A profile file beside the home; the password is in a file unless ``login`` says otherwise."""
    archivar.write("word.txt", WORD + "\n")
    lines = [
        *(f'name = "{name}"', 'kind = "mailbox"'),
        *("[server]", f'host = "{server.host}"', f"port = {port or server.port}", f'access = "{access}"', "timeout = 20", more),
        *("[login]", f'username = "{ALICE}"', login or 'password_file = "word.txt"'),
        *("[target]", 'user = "alice"', ""),
    ]
    return str(archivar.write(f"{name}.toml", "\n".join(lines)))


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    """A home that does not exist yet."""
    with Archivar(tmp_path / "cli") as command:
        yield command


@pytest.fixture
def alice(archivar: Archivar) -> Archivar:
    """A home with the user alice."""
    archivar("user", "add", "alice", "--email", ALICE)
    return archivar


@pytest.fixture(scope="module")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    """One Dovecot for this module; the mailbox of alice is only added to."""
    with Dovecot(tmp_path_factory.mktemp("dovecot"), {ALICE: WORD}) as server:
        for number in range(5):
            server.deliver(ALICE, "INBOX", message(number))
        server.deliver(ALICE, "Sent Items", message(100))
        server.deliver(ALICE, "Junk E-mail", message(200))
        yield server


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archivar]:
    """A home with the user alice for tests that change nothing."""
    with Archivar(tmp_path_factory.mktemp("shared")) as command:
        command("user", "add", "alice", "--email", ALICE)
        yield command
