"""Homes on disk for tests: made, filled, damaged and looked at, with the service and the command line as real processes."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

from core import config
from core.archive.archive import Archive
from core.archive.catalog import catalog, digests, tallies
from core.archive.proof import verify as proof
from core.archive.proof.verify import Verdict
from core.archive.registry import saved_profiles, users
from core.archive.store import entries as ledger_entries
from core.archive.store.entries import AnyEntry
from core.archive.store.entries.reading import Fields
from core.archive.store.entries.statement import Event, Newer, Unprojected
from core.archive.store.ledger import Draft, Entry
from core.config import Home
from core.model import Run
from core.profiles.profile import Access, Login, Profile, Server, Target
from core.profiles.schedule import Schedule
from core.secrets import Secret
from core.service.queue import Queue
from core.service.worker import Service
from core.system.process import is_stopped
from tests import coded, counting, forks

ROOT = Path(__file__).resolve().parents[1]
ALICE = "alice@example.test"
SOURCE = f"imap://{ALICE}@mail.example.test"
#: Only what fails waits so long; a busy machine does not.
DEADLINE = 120.0
Tables = dict[str, list[tuple[Any, ...]]]


def wait_for(condition: Callable[[], Any], what: str, *, seconds: float = DEADLINE) -> Any:
    """Look again and again until ``condition`` says something true; what it said. The longer it takes, the less often."""
    begun = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - begun
        assert waited < seconds, f"waited {seconds:g} s in vain: {what}"
        time.sleep(min(max(0.002, waited / 10), 0.02))
    return value


def stop(pid: int) -> None:
    """Stop a process (SIGSTOP) and wait until it stands: on a busy machine that takes a tenth of a second."""
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: is_stopped(pid), "the stop of a process")


# -- what is in a home


def tables(home: Home) -> Tables:
    """All rows of the catalog's tables; its messages must be found by their digests, and nothing else."""
    with closing(sqlite3.connect(f"{home.catalog.as_uri()}?mode=ro", uri=True)) as connection:
        keyed = " UNION ALL ".join(f"SELECT key, message_id FROM {level}" for level in digests.TABLES)
        there = "SELECT substr(sha256, 1, 8), id FROM message"
        assert sorted(connection.execute(keyed)) == sorted(connection.execute(there))
        counting.assert_right(connection)
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in (*catalog.TABLES, *tallies.DAYS)
        }


def rows(path: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Rows of a query, asked past the product."""
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        return connection.execute(sql, parameters).fetchall()


def change(path: Path, *statements: str) -> None:
    """Change a database past the product, even one that is read-only."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    path.chmod(mode)


def files(folder: Path) -> dict[str, tuple[int, str]]:
    """Modification time and SHA-256 of every file below a folder; folders with an empty hash."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in [folder, *folder.rglob("*")]
    }


def verdict(home: Home) -> Verdict:
    return asyncio.run(proof.verify(home))


def findings(home: Home) -> list[str]:
    """The findings of verify, one text each."""
    return [f"{finding.where}: {finding.text}" for finding in verdict(home).findings]


async def entries(archive: Archive) -> list[Entry]:
    return [entry async for entry in archive.entries()]


async def raws(archive: Archive) -> dict[str, bytes]:
    """Every message of the catalog as it reads back, by SHA-256."""
    found = await archive.database.read("SELECT sha256 FROM message")
    return {bytes(row[0]).hex(): await archive.raw(bytes(row[0])) for row in found}


def rebuild(home: Home) -> int:
    """Make the catalog anew; the number of entries applied."""

    async def work() -> int:
        archive = await Archive.open(home, follow=False)
        try:
            return await archive.rebuild()
        finally:
            await archive.close()

    return asyncio.run(work())


# -- making and filling


def message(number: int, size: int = 300, *, seed: int = 0) -> bytes:
    """A message of its own, with an incompressible attachment from 16 KiB on."""
    head = f"From: a@example.test\r\nTo: {ALICE}\r\nSubject: message {number}\r\nMessage-ID: <{seed}.{number}@example.test>\r\n"
    if size < 16 * 1024:
        return (head + "\r\n" + "x" * size + "\r\n").encode()
    block = b"".join(hashlib.sha256(f"{seed}/{number}/{index}".encode()).hexdigest().encode() for index in range(size // 64))
    return (
        head.encode()
        + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        + b"--b\r\nContent-Type: text/plain\r\n\r\nText\r\n"
        + b'--b\r\nContent-Type: application/octet-stream; name="a.bin"\r\n\r\n'
        + block
        + b"\r\n--b--\r\n"
    )


def archived(messages: Mapping[int, bytes], *, owner: str, folder: str = "INBOX", run: int = 1) -> Draft:
    """The ledger's entry about messages (UID -> raw) of a folder."""
    listed = [[hashlib.sha256(raw).hexdigest(), uid, len(raw), 1_700_000_000 + uid, "\\Seen"] for uid, raw in messages.items()]
    payload = {"run": run, "source": SOURCE, "owner": owner, "folder": f"{ALICE}/{folder}", "server_folder": folder}
    return draft("archived", payload | {"uidvalidity": 7, "messages": listed})


def draft(kind: str, payload: dict[str, Any], actor: str = "archivar") -> Draft:
    """An entry as its payload says it, in JSON as it would stand in a ledger."""
    value = ledger_entries.read(kind, payload)
    assert not isinstance(value, Newer), kind
    return Draft(value, actor)


@dataclass(frozen=True)
class Raw(Event, Unprojected):
    """An entry as another program may have written it: any kind, any payload."""

    kind: str  # type: ignore[misc]
    said: dict[str, Any]

    @classmethod
    def of(cls, fields: Fields) -> Self:
        raise NotImplementedError

    def payload(self) -> dict[str, Any]:
        return self.said

    def sentence(self) -> str:
        raise NotImplementedError


def raw(kind: str, payload: dict[str, Any], actor: str = "archivar") -> Draft:
    """An entry of any kind with any payload, as no writer of this program would make it."""
    return Draft(cast("AnyEntry", Raw(kind, payload)), actor)


async def store(archive: Archive, messages: Mapping[int, bytes], *, folder: str = "INBOX", run: int = 1) -> list[Entry]:
    """Archive messages (UID -> raw) for alice, as the engine does."""
    owner = (await users.find(archive, "alice")).id
    ready = await archive.writer.prepare(list(messages.values()))
    return await archive.append([archived(messages, owner=owner, folder=folder, run=run)], ready)


async def begin(path: Path, *, volume_bytes: int = 0) -> Archive:
    """A new archive with the user alice, still open."""
    archive = await Archive.open(config.find_or_create(path))
    if volume_bytes:
        async with archive.database.transaction() as transaction:
            await transaction.execute("INSERT INTO setting VALUES ('volume_bytes', ?)", (str(volume_bytes),))
    await users.add(archive, "alice", [ALICE])
    return archive


async def filled(path: Path, *, batches: int = 4, count: int = 3, size: int = 20_000, volume_bytes: int = 0) -> Home:
    """A small archive of several entries, closed: messages with and without parts of their own, a move, something vanished."""
    archive = await begin(path, volume_bytes=volume_bytes)
    try:
        for batch in range(batches):
            first = batch * count
            messages = {first + index + 1: message(first + index, size if index % 2 else 200) for index in range(count)}
            await store(archive, messages)
        owner = (await users.find(archive, "alice")).id
        move = ["INBOX", 7, 1, f"{ALICE}/Done", "Done", 3, 1, 100, 1_700_000_000, ""]
        payload: dict[str, Any] = {"run": 1, "source": SOURCE}
        await archive.append([draft("moved", payload | {"owner": owner, "moves": [move]})])
        await archive.append([draft("vanished", payload | {"server_folder": "INBOX", "uidvalidity": 7, "uids": "2:3"})])
        return archive.home
    finally:
        await archive.close()


def profile(
    host: str,
    port: int,
    *,
    name: str = "Test",
    login: str = ALICE,
    timeout: float = 20.0,
    schedule: Schedule | None = None,
) -> Profile:
    server = Server(host, Access.IMAP, port, timeout=timeout)
    return Profile(name, server, Login(login), Target("alice", login), schedule=schedule)


async def with_profile(path: Path, *profiles: Profile, password: str = "secret", volume_bytes: int = 0) -> Home:
    """A new archive with alice and these profiles, closed."""
    archive = await begin(path, volume_bytes=volume_bytes)
    try:
        for one in profiles:
            await saved_profiles.save(archive, one, Secret(password))
        return archive.home
    finally:
        await archive.close()


# -- processes


def start_service(home: Home, *, stays: bool = False) -> forks.Fork:
    """The service of a home as a fork whose process id is known from the first moment.

    It ends when it has been idle for some seconds, which on a busy machine pass before the test goes on, unless it ``stays``.
    """
    return start(home, "service", "run") if stays else forks.start("core.service", [str(home.path)], environment())


def start_process(home: Home, *, stays: bool = False) -> subprocess.Popen[bytes]:
    """As ``start_service``, but a child of the test and an interpreter of its own, as are the processes beside it."""
    until_idle = [sys.executable, "-P", "-m", "core.service", str(home.path)]
    words = command(home, "service", "run") if stays else until_idle
    return subprocess.Popen(words, cwd="/", env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start(home: Home, *arguments: str) -> forks.Fork:
    """A command on a home as a fork that nobody waits for and whose output nobody reads."""
    return forks.start("tui", [*arguments, "--home", str(home.path)], environment())


def end(process: subprocess.Popen[Any] | forks.Fork) -> int:
    """Ask a process to end and wait for it."""
    process.terminate()
    try:
        return process.wait(DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "ARCHIVAR_HOME": "/nonexistent", **more}


def command(home: Home | Path, *arguments: str) -> list[str]:
    path = home.path if isinstance(home, Home) else home
    return [sys.executable, "-P", "-m", "tui", *arguments, "--home", str(path)]


def cli(home: Home | Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    path = home.path if isinstance(home, Home) else home
    words = [*arguments, "--home", str(path)]
    code, out, err = forks.run(words, environment(LANG="C.UTF-8", **more), "/", DEADLINE)
    coded.check(words, out.decode())
    return subprocess.CompletedProcess(["archivar", *words], code, out.decode(), err.decode())


async def serve(archive: Archive, *runs: int) -> list[Run]:
    """A service in this process until the runs have ended."""
    queue = Queue(archive.database)
    service = Service(archive, until_idle=False)
    serving = asyncio.ensure_future(service.run())  # noqa: TID251 (awaited below)
    deadline = asyncio.get_running_loop().time() + DEADLINE
    try:
        while True:
            found = [await queue.run(run) for run in runs]
            if all(run.status.final for run in found):
                return found
            assert asyncio.get_running_loop().time() < deadline, found
            assert not serving.done(), serving.exception()
            await asyncio.wait([serving], timeout=0.01)
    finally:
        service._stopping.set()
        await serving


def run_row(home: Home, run: int = 0) -> Run:
    """A run as its row tells; without a number the last one."""

    async def look() -> Run:
        archive = await Archive.open(home, follow=False)
        try:
            queue = Queue(archive.database)
            return await queue.run(run or (await queue.runs(limit=1))[0].id)
        finally:
            await archive.close()

    return asyncio.run(look())


def status(home: Home, run: int = 1) -> str:
    """A run's status, asked quickly."""
    with closing(sqlite3.connect(f"{home.catalog.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        return str(connection.execute("SELECT status FROM run WHERE id = ?", (run,)).fetchone()[0])


FINAL = {"succeeded", "completed_with_errors", "cancelled", "failed"}


def wait_until_final(home: Home, run: int = 1) -> Run:
    wait_for(lambda: status(home, run) in FINAL, f"the end of run {run} in {home.path}")
    return run_row(home, run)


def enqueue(home: Home, name: str = "Test", *, dry_run: bool = False) -> int:
    async def ask() -> int:
        archive = await Archive.open(home)
        try:
            return (await Queue(archive.database).enqueue(name, dry_run=dry_run))[0].id
        finally:
            await archive.close()

    return asyncio.run(ask())


NOBODY = 65534


def as_nobody(work: Callable[[], object], *, already: bool = False) -> str:
    """Run ``work`` in a child that is the account nobody; its error, if any.

    With ``already`` the work changes to that account itself.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = ""
        try:
            if not already:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            work()
        except BaseException as error:
            told = f"{type(error).__name__}: {error}"
        os.write(writing, told.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said
