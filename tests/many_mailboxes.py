"""Many mailboxes behind one password, for tests: their servers, profiles, and archives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.archive.registry import users
from core.profiles.profile import Method, Profile
from core.profiles.selection import UserSelection
from tests.conftest import StartDovecot
from tests.servers.kerio import Behaviour, Kerio
from tests.support import At, Outcome, Sandbox, mail, many, sandbox

WORD = "kerio master"
MASTER = ("archive", WORD)
NAMES = [f"user{number:02}" for number in range(1, 21)]


def address(name: str) -> str:
    return f"{name}@example.test"


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """An archive without users."""
    async with sandbox(tmp_path / "home") as opened:
        await users.remove(opened.archive, await users.find(opened.archive, "alice"))
        yield opened


async def add(box: Sandbox, *names: str) -> None:
    for name in names:
        await users.add(box.archive, name, [address(name)])


def staff(at: At, method: Method, *, connections: int = 4, selection: UserSelection | None = None) -> Profile:
    username = "" if method is Method.KERIO_MASTER else MASTER[0]
    return many(at, method, username=username, connections=connections, selection=selection)


async def master_run(dovecot: StartDovecot, box: Sandbox, behaviour: Behaviour, password: str = WORD) -> tuple[Outcome, Kerio]:
    """Twelve mailboxes, four at once, through the master login."""
    names = NAMES[:12]
    server = dovecot({address(name): "x" for name in names}, master=MASTER)
    for name in names:
        server.deliver(address(name), "INBOX", mail(f"for {name}"))
    await add(box, *names)
    with Kerio(server, behaviour, master_password=password) as kerio:
        return await box.run(staff(At(kerio.host, kerio.port), Method.KERIO_MASTER), password), kerio
