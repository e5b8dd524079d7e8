"""An archive with a cluster for tests: a real PostgreSQL, a real mail server, workers as processes of their own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from core import config
from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.config import Home
from core.profiles.deletion import Deletion
from core.profiles.profile import Method
from core.secrets import Secret
from tests import homes
from tests.conftest import StartDovecot
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import PostgresServer
from tests.support import At, many

#: The master user of the mail server.
MASTER = ("archive", "master word")
PROFILE = "Staff"


def address(number: int) -> str:
    return f"user{number:03}@example.test"


def mail_server(start: StartDovecot, mailboxes: int, count: int = 0) -> Dovecot:
    """A mail server with ``mailboxes`` of ``count`` messages each, and the master user."""
    pytest.importorskip("procrastinate")
    server = start({address(number): "secret" for number in range(1, mailboxes + 1)}, master=MASTER)
    for number in range(1, mailboxes + 1) if count else ():
        server.fill(address(number), "INBOX", messages(number, count))
    return server


class ClusterHome:
    """The home ``home``, whose profile visits the mailboxes of ``server`` by workers."""

    def __init__(self, home: Home, database: PostgresServer, folder: Path) -> None:
        self.home = home
        self.database = database
        self.folder = folder
        self.place = folder / "place"
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def worker(self, name: str, *, mailboxes: int = 4, protocol: int = 0) -> subprocess.Popen[bytes]:
        """Start a worker; ``protocol``: as a program of that one would be, if not 0."""
        key = self.folder / f"{name}.key"
        key.write_bytes(self.home.worker_key.read_bytes())
        words = ["worker", "--database", self.database.address, "--key", str(key)]
        words += ["--state", str(self.folder / name), "--mailboxes", str(mailboxes)]
        command = [sys.executable, "-P", "-m", "tui", *words]
        if protocol:
            other = f"from core.cluster import protocol; protocol.PROTOCOL = {protocol}"
            run = f"import sys; {other}; sys.argv[0] = 'archivar'; from tui.__main__ import main; sys.exit(main())"
            command = [sys.executable, "-c", run, *words]
        with (self.folder / f"{name}.err").open("ab") as said:
            process = subprocess.Popen(
                command, cwd="/", env=homes.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
            )
        self.workers[name] = process
        return process

    def stop(self) -> None:
        """End all workers."""
        for process in self.workers.values():
            with suppress(ProcessLookupError):
                process.send_signal(18)
                process.terminate()
        for process in self.workers.values():
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def change(self, sql: str) -> str:
        """The result of a statement in the cluster's database."""
        return self.database.query(sql)

    def logs(self) -> str:
        """The words of the workers and the service."""
        found = [self.home.log, *self.folder.glob("*/log/worker.log"), *self.folder.glob("*.err")]
        return "\n".join(f"== {path}\n{path.read_text()[-6000:]}" for path in found if path.exists())


@contextmanager
def cluster(
    folder: Path,
    server: Dovecot,
    count: int,
    *,
    connections: int = 4,
    deletion: Deletion | None = None,
    lease: float = 30.0,
    patience: float = 900.0,
    place: Sequence[str] = (),
    first: int = 1,
) -> Iterator[ClusterHome]:
    """Context of an archive with ``count`` users from the number ``first`` on, and a cluster that waits for workers."""
    (folder / "place").mkdir(parents=True)
    home = config.find_or_create(folder / "home")
    asyncio.run(filled(home, server, range(first, first + count), connections, deletion))
    with PostgresServer() as database:
        made = ClusterHome(home, database, folder)
        where = place or ("--place", str(made.place))
        done = homes.cli(home, "cluster", "init", "--database", database.address, *where)
        assert done.returncode == 0, done.stderr
        made.change(f"UPDATE cluster SET lease_seconds = {lease}, patience_seconds = {patience}")
        try:
            yield made
        finally:
            made.stop()


async def filled(
    home: Home,
    server: Dovecot,
    numbers: Iterable[int],
    connections: int,
    deletion: Deletion | None = None,
    *,
    workers: bool = True,
) -> None:
    """Add users, and a profile for their mailboxes, which are visited by workers or by the service itself."""
    archive = await Archive.open(home)
    try:
        for number in numbers:
            await users.add(archive, f"user{number:03}", [address(number)])
        at = At(server.host, server.plain_port)
        profile = many(at, Method.MASTER_USER, username=MASTER[0], connections=connections)
        profile = replace(profile, name=PROFILE, server=replace(profile.server, workers=workers))
        if deletion is not None:
            profile = replace(profile, deletion=deletion)
        await saved_profiles.save(archive, profile, Secret(MASTER[1]))
    finally:
        await archive.close()


def messages(number: int, count: int, size: int = 300) -> dict[int, bytes]:
    """Messages of a mailbox, all different."""
    return {at: homes.message(at, size, seed=number) for at in range(1, count + 1)}


def wait(condition: Callable[[], object], made: ClusterHome, what: str, seconds: float = 120) -> None:
    """Wait for a condition, with the logs if it does not come."""
    try:
        homes.wait_for(condition, what, seconds=seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{made.logs()}") from None
