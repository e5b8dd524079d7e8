"""The service as a process, for tests: started, found, and a run of it followed to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from core.archive.archive import Archive
from core.config import Home
from core.service.lock import is_running
from tests import forks, homes
from tests.conftest import StartDovecot
from tests.homes import ALICE, message, wait_for
from tests.servers.dovecot import Dovecot
from tests.support import all_digests, placed


class StartService(Protocol):
    """Starts a service; see ``homes.start_service``."""

    def __call__(self, home: Home, *, stays: bool = False) -> forks.Fork: ...


@pytest.fixture
def service() -> Iterator[StartService]:
    """Starts services that are ended with the test."""
    with ExitStack() as ending:

        def start(home: Home, *, stays: bool = False) -> forks.Fork:
            process = homes.start_service(home, stays=stays)
            ending.callback(lambda: process.poll() is None and homes.end(process))
            wait_for(lambda: is_running(home) or process.poll() is not None, "the service's lock")
            return process

        yield start


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    """A Dovecot with a mailbox of 120 messages in two folders."""
    server = dovecot()
    for number in range(120):
        server.deliver(ALICE, "INBOX" if number % 3 else "Projekte", message(number, 20_000 if number % 4 else 500))
    return server


def process_of(home: Home) -> int:
    """The process id of a service that the product started, and that surely is the one of this home."""

    def look() -> int:
        found = homes.rows(home.catalog, "SELECT pid FROM service")
        if not found or not is_running(home):
            return 0
        try:
            line = Path(f"/proc/{found[0][0]}/cmdline").read_bytes()
        except FileNotFoundError:
            return 0
        return int(found[0][0]) if str(home.path).encode() in line.split(b"\0") else 0

    return int(wait_for(look, "the service's row"))


def assert_complete(home: Home, server: Dovecot) -> None:
    """Everything of the mailbox is there, once."""

    async def look() -> None:
        archive = await Archive.open(home)
        try:
            assert set(await homes.raws(archive)) == all_digests(server.expected(ALICE))
            count = await archive.database.value("SELECT count(*) FROM placement WHERE until_seq IS NULL")
            assert count == sum(placed(server.expected(ALICE)).values())
        finally:
            await archive.close()

    asyncio.run(look())
    assert homes.findings(home) == []
