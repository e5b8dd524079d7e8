"""Shared parts of tests: an archive with a user, profiles for test servers, and runs in this process.

A run here goes through ``core.engine.run.run.ProfileRun`` as the service's does, with backoff of milliseconds.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core import config
from core.archive.archive import Archive
from core.archive.registry import users
from core.engine.examine import examine
from core.engine.examine.examine import ServerFolder
from core.engine.run.run import ProfileRun, RunParameters
from core.engine.visit.progress import Snapshot
from core.errors import ArchivarError
from core.model import EventKind, MailboxResult, Run, RunStatus, Tally, User, now
from core.model import Told as EventContent
from core.problems.code import Code, Reason
from core.problems.command_line import COMMAND_LINE, sentence
from core.profiles.deletion import Deletion
from core.profiles.filter import Filter
from core.profiles.mailboxes import Mailbox, of_target
from core.profiles.profile import Access, Login, Method, Profile, Server, Target
from core.profiles.rules import FolderRules
from core.profiles.selection import UserSelection
from core.secrets import Secret
from core.trial import TrialStep
from tests.servers.dovecot import Dovecot

ALICE = "alice@example.test"
SHORT_BACKOFF = (0.001, 0.001, 0.001)


def coded(code: Code) -> Callable[[ArchivarError], bool]:
    """Check for ``pytest.raises``: does the error have this code?"""
    return lambda error: error.reason.code == code


class Address(Protocol):
    """A listening address: a server or a proxy before it."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...


@dataclass(frozen=True, slots=True)
class At:
    """An address, for servers with several ports."""

    host: str
    port: int


def profile(
    address: Address,
    *,
    access: Access = Access.IMAP,
    username: str = ALICE,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    timeout: float = 20.0,
    ca_file: Path | None = None,
    accept_all: bool = False,
    host: str = "",
    filter: Filter | None = None,
    deletion: Deletion | None = None,
) -> Profile:
    """A single-mailbox profile for a test server, archiving for the user alice."""
    server = Server(
        host or address.host,
        access,
        address.port,
        accept_all_certificates=accept_all,
        ca_file=str(ca_file or ""),
        timeout=timeout,
    )
    rules = FolderRules.of(include, exclude)
    target = Target("alice", ALICE)
    return Profile("Test", server, Login(username), target, rules, filter or Filter(), deletion or Deletion())


def reading(server: Dovecot, *include: str) -> Profile:
    """A profile for alice's mailbox on a server without TLS."""
    return profile(At(server.host, server.plain_port), include=include)


def many(
    address: Address, method: Method, *, username: str = "", selection: UserSelection | None = None, connections: int = 4
) -> Profile:
    """A profile for many mailboxes on a test server without TLS."""
    server = Server(address.host, Access.IMAP, address.port, timeout=20.0, connections=connections)
    return Profile("Staff", server, Login(username, "", method), selection=selection or UserSelection())


def mailbox_of(profile: Profile) -> Mailbox:
    """The mailbox of a single-mailbox profile, for the user alice."""
    return of_target(profile, User("id", "alice", (ALICE,)))


async def connection_test(
    profile: Profile, password: Secret, tick: Callable[[TrialStep], None] = lambda step: None
) -> list[TrialStep]:
    """The connection test of a single-mailbox profile."""
    return await examine.connection_test(profile, mailbox_of(profile), password, tick)


async def folder_tree(profile: Profile, password: Secret) -> list[ServerFolder]:
    """The folder tree of a single-mailbox profile."""
    return await examine.folder_tree(profile, mailbox_of(profile), password)


@dataclass(slots=True)
class Outcome:
    """The end of one run: the result of its mailbox, and its events."""

    status: RunStatus
    result: MailboxResult
    snapshot: Snapshot
    events: list[tuple[str, str]] = field(default_factory=list)
    mailboxes: list[MailboxResult] = field(default_factory=list)

    @property
    def tally(self) -> Tally:
        return self.result.tally

    @property
    def problems(self) -> list[tuple[str, int | None]]:
        """(folder, UID) of each problem."""
        return [(problem.folder, problem.uid) for problem in self.result.problems]

    @property
    def reasons(self) -> str:
        return "\n".join(problem.text for problem in self.result.problems)

    @property
    def advice(self) -> str:
        """The remedy of each problem, in the words of the command line."""
        return "\n".join(problem.reason.remedy(COMMAND_LINE) for problem in self.result.problems)

    @property
    def adds_up(self) -> bool:
        """Is what was found all accounted for, once?"""
        tally = self.tally
        return tally.found == tally.archived + tally.known + tally.moved + tally.excluded + tally.failed

    def told(self, kind: str) -> list[str]:
        return [text for one, text in self.events if one == kind]


@dataclass(slots=True)
class Told:
    """A listener that keeps the kind and text of each event of a run."""

    events: list[tuple[str, str]] = field(default_factory=list)

    def tell(self, kind: EventKind, mailbox: str, told: EventContent) -> None:
        self.events.append((kind, told.text))

    def warn(self, mailbox: str, reason: Reason) -> None:
        self.events.append(("warning", sentence(reason)))


class Sandbox:
    """An open archive with the user alice, and what tests ask of it."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.runs = 0

    async def run(
        self, profile: Profile, password: str = "secret", *, backoff: tuple[float, ...] = SHORT_BACKOFF, dry_run: bool = False
    ) -> Outcome:
        """Run ``profile`` to its end; ``result`` is that of its first mailbox."""
        self.runs += 1
        told = Told()
        run = Run(self.runs, profile.name, RunStatus.RUNNING, now(), dry_run=dry_run)
        job = RunParameters(run, profile, Secret(password), told, backoff)
        work = await ProfileRun.prepare(self.archive, job)
        await work.execute()
        results = [mailbox.result for mailbox in work.mailboxes]
        return Outcome(work.status(), results[0], work.progress.snapshot(1.0), told.events, results)

    async def missing(self, profile: Profile, password: str = "secret") -> dict[str, list[int]]:
        """UIDs on the server that the archive does not have, by folder; folders without any are left out."""
        found = await examine.missing(self.archive, profile, Secret(password))
        folders = [folder for mailbox in found for folder in mailbox.folders]
        return {one.path: [uid for uid, _, _ in one.missing] for one in folders if one.missing or one.error}

    async def digests(self) -> set[str]:
        """SHA-256 of all messages, each read back from its volume and hashed here."""
        rows = await self.archive.database.read("SELECT sha256 FROM message")
        return {hashlib.sha256(await self.archive.raw(bytes(row[0]))).hexdigest() for row in rows}

    async def places(self) -> Counter[tuple[str, str]]:
        """(folder below the mailbox, SHA-256) of all that is placed somewhere now."""
        return Counter((folder, digest) for folder, digest, until in await self.history() if until is None)

    async def history(self) -> list[tuple[str, str, int | None]]:
        """(folder below the mailbox, SHA-256, closing ledger entry or None) of all placements, the oldest first."""
        rows = await self.archive.database.read(
            "SELECT folder.path, message.sha256, placement.until_seq FROM placement "
            "JOIN folder ON folder.id = placement.folder_id JOIN message ON message.id = placement.message_id "
            "ORDER BY placement.since_seq, placement.id"
        )
        return [(path.removeprefix(f"{ALICE}/"), bytes(digest).hex(), until) for path, digest, until in rows]

    async def entries(self, kind: str) -> list[dict[str, Any]]:
        """Payloads of the ledger's entries of one kind."""
        return [entry.payload async for entry in self.archive.entries() if entry.kind == kind]


@asynccontextmanager
async def sandbox(path: Path) -> AsyncIterator[Sandbox]:
    """A new archive in ``path`` with the user alice, open while the block lasts."""
    archive = await Archive.open(config.find_or_create(path))
    try:
        await users.add(archive, "alice", [ALICE])
        yield Sandbox(archive)
    finally:
        await archive.close()


def placed(expected: Mapping[str, Sequence[str]]) -> Counter[tuple[str, str]]:
    """``Dovecot.expected`` in the form of ``Sandbox.places``: a message counts once in a folder."""
    return Counter((folder, digest) for folder, digests in expected.items() for digest in set(digests))


def all_digests(expected: Mapping[str, Sequence[str]]) -> set[str]:
    return {digest for digests in expected.values() for digest in digests}


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def mail(subject: str, body: str = "Text.", *, message_id: str = "") -> bytes:
    """A plain message with CRLF line ends."""
    lines = ["From: sender@example.test", f"To: {ALICE}", f"Subject: {subject}"]
    lines.append(f"Message-ID: <{message_id or subject.replace(' ', '.')}@example.test>")
    return "\r\n".join([*lines, "Date: Thu, 01 Feb 2024 10:00:00 +0000", "", body, ""]).encode()


class Limited(dict[str, str]):
    """Answers for ``Script.answers`` that are given so many times, and then no more."""

    def __init__(self, answers: Mapping[str, str], times: int) -> None:
        super().__init__(answers)
        self._times = times

    def __getitem__(self, key: str) -> str:
        answer = super().__getitem__(key)
        self._times -= 1
        if self._times <= 0:
            self.clear()
        return answer
