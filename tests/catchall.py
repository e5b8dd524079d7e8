"""A catch-all mailbox for tests: its server, its journal, and the archives that its mail goes to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.archive.proof.verify import verify
from core.archive.registry import users
from core.profiles.catchall import CatchAll
from core.profiles.deletion import Deletion, When
from core.profiles.filter import Filter
from core.profiles.profile import Access, Login, Profile, Server
from tests import homes
from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot
from tests.support import Address, Sandbox, sandbox

JOURNAL = "journal@example.test"
AT_ONCE = Deletion(When.IMMEDIATELY)
#: (user, folder) of each place of a message, by its subject.
Places = dict[str, set[tuple[str, str]]]


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    return dovecot({JOURNAL: "secret"}, master=("master", "word"))


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the users alice, anna, who has aliases, and bob."""
    async with sandbox(tmp_path / "home") as opened:
        await users.add(opened.archive, "anna", ["anna@example.test", "a.muster@example.test", "sales@example.test"])
        await users.add(opened.archive, "bob", ["bob@example.test"])
        yield opened


def journal(
    address: Address, rules: CatchAll | None = None, *, deletion: Deletion | None = None, filter: Filter | None = None
) -> Profile:
    """A catch-all profile on a test server."""
    server = Server(address.host, Access.IMAP, address.port, timeout=20.0)
    return Profile(
        "Journal",
        server,
        Login(JOURNAL),
        catchall=rules or CatchAll(),
        deletion=deletion or Deletion(),
        filter=filter or Filter(),
    )


def mail(subject: str, *lines: str, sender: str = "x@elsewhere.test", body: str = "Text.") -> bytes:
    return "\r\n".join([f"From: {sender}", *lines, f"Subject: {subject}", "", body, ""]).encode()


def to(*people: str) -> str:
    return f"To: {', '.join(f'{one}@example.test' for one in people)}"


async def places(box: Sandbox) -> Places:
    """The present place of every message."""
    rows = await box.archive.database.read(
        "SELECT m.subject, user.name, folder.path FROM placement p JOIN message m ON m.id = p.message_id "
        "JOIN folder ON folder.id = p.folder_id JOIN user ON user.id = folder.owner WHERE p.until_seq IS NULL"
    )
    found: Places = {}
    for subject, user, path in rows:
        found.setdefault(subject, set()).add((user, path))
    return found


def inbox(name: str) -> tuple[str, str]:
    return name, f"{name}@example.test/INBOX"


def sent(name: str) -> tuple[str, str]:
    return name, f"{name}@example.test/Sent Items"


UNKNOWN = ("@catchall", "Unknown addresses")


async def proved(box: Sandbox) -> None:
    """Verify is clean, and a rebuild gives the same catalog."""
    assert [finding.text for finding in (await verify(box.archive.home)).findings] == []
    before = homes.tables(box.archive.home)
    await box.archive.rebuild()
    assert homes.tables(box.archive.home) == before
