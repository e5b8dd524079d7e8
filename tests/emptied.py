"""Mailboxes that are emptied and filled again, for tests."""

from __future__ import annotations

import imaplib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.archive.read.selection import Selection
from core.engine.restore.restore_plan import RestorePlan, plan
from core.engine.restore.restoring import Restored, Restoring
from core.profiles.profile import Profile
from core.secrets import Secret
from tests.servers.dovecot import Dovecot, modified_utf7
from tests.support import ALICE, SHORT_BACKOFF, At, Sandbox, mail, profile, sandbox, sha256

WHEN = datetime(2019, 7, 5, 3, 2, 1, tzinfo=UTC)
BOB = "bob@example.test"
#: (folder, SHA-256, flags, INTERNALDATE) of a message on the server.
Message = tuple[str, str, str, str]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive with the user alice."""
    async with sandbox(tmp_path / "home") as opened:
        yield opened


def fill(server: Dovecot, who: str = ALICE, count: int = 4) -> None:
    """Several folders with mail of several flags and dates, and two messages that differ in their last line only."""
    for number in range(count):
        flags = [(), ("\\Seen",), ("\\Seen", "\\Answered"), ("\\Flagged",)][number % 4]
        server.deliver(who, "INBOX", mail(f"note {number}"), flags, WHEN + timedelta(days=number))
    server.deliver(who, "Projekte/Entwürfe & mehr", mail("plan", "grün ä\xff"), ("\\Draft",), WHEN - timedelta(days=400))
    for body in ("one", "two"):
        server.deliver(who, "Sent Items", mail("twins", body, message_id="same"), ("\\Seen",), WHEN)


def on_server(server: Dovecot, who: str = ALICE) -> list[Message]:
    """All messages as another client sees them, past the product."""
    found: list[Message] = []
    with server.client(who) as client:
        for folder in server.folders(who):
            name = f'"{_wire(folder)}"'
            count = int((client.select(name, readonly=True)[1][0] or b"0").decode())
            for number in range(1, count + 1):
                data = client.fetch(str(number), "(FLAGS INTERNALDATE BODY.PEEK[])")[1][0]
                assert isinstance(data, tuple)
                head, raw = data
                flags = b" ".join(sorted(flag for flag in imaplib.ParseFlags(head) if flag != b"\\Recent")).decode()
                date = head.partition(b'INTERNALDATE "')[2].partition(b'"')[0].decode().strip()
                found.append((folder, sha256(raw), flags, date))
    return sorted(found)


def _wire(folder: str) -> str:
    return modified_utf7(folder)


def wipe(server: Dovecot, who: str = ALICE) -> None:
    """Delete everything from outside: all folders but INBOX, and all mail."""
    with server.client(who) as client:
        for folder in server.folders(who):
            client.select(f'"{_wire(folder)}"')
            client.store("1:*", "+FLAGS", "\\Deleted")
            client.expunge()
            client.unselect()
            if folder != "INBOX":
                client.delete(f'"{_wire(folder)}"')


async def archived_and_wiped(box: Sandbox, server: Dovecot) -> Profile:
    """The profile of alice's mailbox, which a run has archived, and which is empty now."""
    one = profile(At(server.host, server.plain_port))
    await box.run(one)
    wipe(server)
    return one


async def planned(box: Sandbox, one: Profile, selection: Selection | None = None, **options: str) -> RestorePlan:
    return await plan(box.archive, one, selection or Selection(), **options)


async def restore(
    box: Sandbox,
    one: Profile,
    selection: Selection | None = None,
    *,
    password: str = "secret",
    dry_run: bool = False,
    backoff: Sequence[float] = SHORT_BACKOFF,
    **options: str,
) -> Restored:
    found = await planned(box, one, selection, **options)
    return await Restoring(box.archive, found, Secret(password), backoff=tuple(backoff)).run(dry_run=dry_run)
