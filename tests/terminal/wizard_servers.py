"""Real servers and an archive for the wizard in a terminal, and the way to its pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core import config
from core.archive.archive import Archive
from core.archive.registry import users
from tests.command import Archivar
from tests.servers.dovecot import Dovecot, missing
from tests.servers.kerio import Kerio
from tests.support import mail
from tests.terminal.wizards import Wizard

MASTER = "Kerio-Master-4711"
SECRET = "Geheim-4711"
NAMES = ("anna", "bob", "carol", "dora")
#: The catch-all mailbox, and the name of its kind.
JOURNAL, EVERYBODY = "journal@example.test", "one mailbox that gets everybody's mail"
FOLDERS = ("INBOX", "Sent Items", "Junk E-mail", "Projects", "Projects/A", "Projects/B", "Deleted Items")
EACH = 3


@dataclass(frozen=True, slots=True)
class Servers:
    """One Dovecot with a catch-all mailbox, and a Kerio Connect before it."""

    dovecot: Dovecot
    kerio: Kerio


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    if package := missing():
        pytest.skip(f"needs the Debian package {package}")
    users = {address: SECRET for address in (*(f"{name}@example.test" for name in NAMES), JOURNAL)}
    old = datetime.now(UTC) - timedelta(days=700)
    with ExitStack() as stack:
        dovecot = stack.enter_context(Dovecot(tmp_path_factory.mktemp("dovecot"), users, master=("archive", MASTER)))
        for user in users:
            for folder in FOLDERS:
                for number in range(EACH):
                    moment = old if number == 0 else None
                    dovecot.deliver(user, folder, mail(f"{folder} {number} {user}"), internaldate=moment)
        yield Servers(dovecot, stack.enter_context(Kerio(dovecot, master_password=MASTER)))


@pytest.fixture
def archivar(tmp_path: Path) -> Iterator[Archivar]:
    """An archive with four users and one without an address; its service ends with the test."""
    with Archivar(tmp_path / "work") as archivar:
        asyncio.run(make(archivar.home))
        yield archivar


async def make(home: Path) -> None:
    archive = await Archive.open(config.find_or_create(home))
    for name in NAMES:
        await users.add(archive, name, [f"{name}@example.test"], full_name=f"{name.title()} Example")
    await users.add(archive, "nomail", [])
    await archive.close()


def console(archivar: Archivar, **options: Any) -> Wizard:
    return Wizard(archivar.home, archivar.folder / "settings", **options)


def kept(archivar: Archivar, name: str) -> dict[str, Any]:
    """The profile as the command line shows it."""
    profile: dict[str, Any] = archivar("--json", "profile", "show", name).json["profile"]
    return profile


def assert_secret(archivar: Archivar, terminal: Wizard, secret: str) -> None:
    """It was never on the screen, and is in no file of the home or of the settings as it was typed."""
    assert not any(secret in line for line in terminal.seen)
    files = [path for path in archivar.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if secret.encode() in path.read_bytes()]


def to_server(terminal: Wizard, kind: str) -> None:
    """From Home to the second page."""
    terminal.until_shown("Needs attention", "n New")
    terminal.keys("n")
    terminal.until_page("Kind", "▸ Archive")
    terminal.choose("Archive", kind)
    terminal.next("Server", "▸ Server name")


def fill_server(terminal: Wizard, host: str, port: int) -> None:
    terminal.fill("Server name", host)
    terminal.choose("Access via", "IMAP")
    while "(•) IMAP-" in terminal.text:
        terminal.keys("Right")
    terminal.fill("Port", str(port))
