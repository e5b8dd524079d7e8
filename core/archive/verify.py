"""Proof that the archive is what it was: every stored byte, the chain of the ledger, the catalog against the ledger.

Goes by the files themselves, so that it can speak about an archive that would not open any more. A finding names what is
damaged as closely as it can be known: volume, part, message (and where it lies), ledger entry, table.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp

from core.archive import catalog
from core.archive.archive import Archive
from core.archive.catalog import Detail
from core.archive.envelope import describe
from core.archive.ledger import ZERO_HASH, Entry, Head, decompress
from core.archive.volume import Volume, plain, unpack
from core.config import Home
from core.db.database import Database, Row
from core.db.migrate import migrate
from core.errors import DamagedError, StorageError

#: Parts and messages asked for at once; a damaged page costs no more than this many rows of detail.
ROWS = 64
#: Differences of one table that are named one by one.
NAMED = 20
FOLDER = "verify-"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``where`` is a volume's file name, ``ledger`` or ``catalog``."""

    where: str
    text: str

    def as_json(self) -> dict[str, str]:
        return {"where": self.where, "text": self.text}


@dataclass(slots=True)
class Verdict:
    """What was looked at, and what was found wrong."""

    volumes: int = 0
    parts: int = 0
    messages: int = 0
    entries: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)
    head: Head = field(default_factory=lambda: Head(0, ZERO_HASH))

    def add(self, where: str, text: str) -> None:
        self.findings.append(Finding(where, text))


Tick = Callable[[Verdict], None]


async def verify(home: Home, tick: Tick = lambda verdict: None) -> Verdict:
    """Check everything in ``home``; ``tick`` is called now and then with what was done so far.

    Archiving may go on meanwhile: the catalog is compared as it was when this began.
    """
    verdict = Verdict()
    with _own_folder(home) as folder:
        replayed = folder / "replayed.sqlite"
        replayed.touch(0o600)
        snapshot = await _Snapshot.take(home, replayed, verdict)
        try:
            await _check_volumes(home, verdict, tick)
            if snapshot is not None:
                await _check_catalog(home, snapshot, replayed, verdict)
        finally:
            if snapshot is not None:
                await snapshot.database.close()
    return verdict


@contextmanager
def _own_folder(home: Home) -> Iterator[Path]:
    """A folder for the replayed catalog; what a verify that was killed left behind goes first."""
    for leftover in home.path.glob(f"{FOLDER}*"):
        with _claimed(leftover) as claimed:
            if claimed:
                shutil.rmtree(leftover)
    try:
        folder = Path(mkdtemp(prefix=FOLDER, dir=home.path))
    except OSError as error:
        raise StorageError(f"{home.path} cannot be written: {error.strerror}.", "Make space and try again.") from error
    try:
        with _claimed(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _claimed(folder: Path) -> Iterator[bool]:
    """Hold the folder's flock; False when another process does."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The catalog in a read transaction, and up to where the ledger was applied in it."""

    database: Database
    head: Head

    @classmethod
    async def take(cls, home: Home, replayed: Path, verdict: Verdict) -> _Snapshot | None:
        if not home.catalog.exists():
            verdict.add("catalog", "archive.sqlite is missing; archivar rebuild makes it anew.")
            return None
        database = None
        try:
            database = await Database.open(home.catalog, read_only=True)
            # Attached now, since that is not possible within a transaction; filled and first read later.
            await database.read("ATTACH DATABASE ? AS replayed", (str(replayed),))
            await database.read("BEGIN")
            row = await database.one("SELECT seq, hash FROM applied")
        except DamagedError as error:
            verdict.add("catalog", error.message)
            if database is not None:
                await database.close()
            return None
        except BaseException:
            if database is not None:
                await database.close()
            raise
        return cls(database, Head(*row) if row else Head(0, ZERO_HASH))


async def _check_volumes(home: Home, verdict: Verdict, tick: Tick) -> None:
    archived: set[bytes] = set()
    stored: set[bytes] = set()
    previous: Volume | None = None
    numbers = home.volume_numbers()
    for number in range(1, (numbers[-1] if numbers else 0) + 1):
        name = home.volume(number).name
        try:
            volume = await Volume.open(home.volume(number), read_only=True)
        except (DamagedError, StorageError) as error:
            verdict.add(name, error.message)
            previous = None
            continue
        try:
            verdict.volumes += 1
            await _check_meta(volume, number, last=number == numbers[-1], verdict=verdict)
            await _check_joint(volume, previous, verdict)
            await _check_pages(volume, verdict)
            # The ledger before the messages: what is archived meanwhile is then among the messages.
            archived |= await _check_ledger(volume, verdict)
            damaged = await _check_parts(volume, verdict, tick)
            stored |= await _check_messages(volume, damaged, verdict, tick)
        finally:
            await volume.close()
        previous = volume
    if not numbers:
        verdict.add("volumes", "There are no volumes.")
    for sha256 in sorted(archived - stored):
        verdict.add("ledger", f"Message {sha256.hex()[:16]} is in the ledger, but in no volume.")


async def _check_meta(volume: Volume, number: int, *, last: bool, verdict: Verdict) -> None:
    name = volume.path.name
    if volume.meta.number != number:
        verdict.add(name, f"It is volume {volume.meta.number}, not {number}.")
    try:
        if not last and not await volume.is_sealed():
            verdict.add(name, "It is not sealed, but another volume follows.")
        sql = "SELECT count(*) FROM ledger WHERE seq <= ?"
        if count := await volume.database.value(sql, (volume.meta.previous.seq,)):
            verdict.add("ledger", f"{name}: {count} entries stand before the volume's first.")
    except (DamagedError, StorageError) as error:
        verdict.add(name, error.message)


async def _check_joint(volume: Volume, previous: Volume | None, verdict: Verdict) -> None:
    expected = verdict.head
    if previous is None and volume.meta.number != 1:
        # What came before could not be read: the chain goes on from what this volume says of it.
        verdict.head = volume.meta.previous
        return
    if previous is not None and previous.meta.archive_id != volume.meta.archive_id:
        verdict.add(volume.path.name, "It belongs to another archive than the volume before.")
    if volume.meta.previous != expected:
        verdict.add(
            volume.path.name,
            f"It continues after entry {volume.meta.previous.seq}, but the ledger before it ends with entry {expected.seq}"
            + (" of another hash." if volume.meta.previous.seq == expected.seq else "."),
        )
        verdict.head = volume.meta.previous


async def _check_pages(volume: Volume, verdict: Verdict) -> None:
    try:
        rows = await volume.database.read("PRAGMA integrity_check(20)")
    except (DamagedError, StorageError) as error:
        verdict.add(volume.path.name, error.message)
        return
    for row in rows:
        if row[0] != "ok":
            verdict.add(volume.path.name, f"SQLite finds: {row[0]}")


async def _check_parts(volume: Volume, verdict: Verdict, tick: Tick) -> set[int]:
    """Re-hash every part; the ids of the damaged ones."""
    damaged: set[int] = set()
    sql = "SELECT id, sha256, codec, size, data FROM part WHERE id > ? ORDER BY id LIMIT ?"
    async for rows in _pages(volume, sql, "parts", verdict):
        wrong = await asyncio.to_thread(_wrong_parts, rows)
        for part, reason in wrong:
            damaged.add(part)
            verdict.add(volume.path.name, f"Part {part} {reason}.")
        verdict.parts += len(rows)
        verdict.bytes += sum(row[3] for row in rows if isinstance(row[3], int))
        tick(verdict)
    return damaged


def _wrong_parts(rows: list[Row]) -> list[tuple[int, str]]:
    wrong = []
    for part, sha256, codec, size, data in rows:
        try:
            content = plain(codec, size, data)
        except DamagedError as error:
            wrong.append((part, error.message))
            continue
        if len(content) != size or hashlib.sha256(content).digest() != sha256:
            wrong.append((part, "does not match its SHA-256"))
    return wrong


async def _check_messages(volume: Volume, damaged: set[int], verdict: Verdict, tick: Tick) -> set[bytes]:
    """Put every message together and re-hash it; the SHA-256 of those that the volume holds."""
    found: set[bytes] = set()
    after = b""
    while True:
        try:
            rows = await volume.database.read(
                "SELECT sha256, size, recipe FROM message WHERE sha256 > ? ORDER BY sha256 LIMIT ?", (after, ROWS)
            )
        except (DamagedError, StorageError) as error:
            verdict.add(volume.path.name, f"Messages after {after.hex()[:16] or 'the first'} cannot be read: {error.message}")
            return found
        for sha256, size, recipe in rows:
            if not isinstance(sha256, bytes):
                verdict.add(volume.path.name, f"A message has {sha256!a:.40} for its SHA-256.")
                return found
            if sha256 <= after:
                verdict.add(volume.path.name, f"Message {sha256.hex()[:16]} is out of order: the table is damaged.")
                return found
            found.add(sha256)
            reason = await _message_fault(volume, sha256, size, recipe, damaged)
            if reason:
                verdict.add(volume.path.name, f"Message {sha256.hex()[:16]} {reason}.")
            after = sha256
        if not rows:
            return found
        verdict.messages += len(rows)
        tick(verdict)


async def _message_fault(volume: Volume, sha256: bytes, size: int, recipe: bytes, damaged: set[int]) -> str:
    try:
        if broken := [part for part in unpack(recipe) if part in damaged]:
            return f"is damaged (part {broken[0]})"
        raw = await volume.raw(sha256)
    except KeyError:
        return "is listed, but cannot be found"
    except (DamagedError, StorageError) as error:
        return f"cannot be read: {error.message}".rstrip(".")
    return "" if len(raw) == size else f"has {len(raw)} bytes instead of {size}"


async def _check_ledger(volume: Volume, verdict: Verdict) -> set[bytes]:
    """Walk the chain; the SHA-256 of all messages that the entries name."""
    named: set[bytes] = set()
    sql = "SELECT seq, at, kind, actor, payload, hash FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?"
    async for rows in _pages(volume, sql, "ledger entries", verdict, first=verdict.head.seq):
        for seq, at, kind, actor, payload, stored in rows:
            verdict.entries += 1
            name = f"{volume.path.name}: entry {seq}"
            if not all(isinstance(text, str) for text in (at, kind, actor)) or not isinstance(stored, bytes):
                verdict.add("ledger", f"{name} cannot be read: a value is of a wrong kind")
                verdict.head = Head(seq, stored if isinstance(stored, bytes) else b"")
                continue
            before, verdict.head = verdict.head, Head(seq, stored)
            if seq != before.seq + 1:
                gap = f"entry {before.seq + 1}" if seq == before.seq + 2 else f"entries {before.seq + 1} to {seq - 1}"
                verdict.add("ledger", f"{volume.path.name}: {gap} missing before entry {seq}.")
            try:
                entry = Entry(seq, at, kind, actor, decompress(payload), stored)
                if seq == before.seq + 1 and not entry.follows(before):
                    verdict.add("ledger", f"{name} ({kind}) does not follow from the entry before: it was changed.")
                named.update(catalog.digests(entry))
            except (DamagedError, KeyError, TypeError, ValueError) as error:
                verdict.add("ledger", f"{name} cannot be read: {error}")
    return named


async def _pages(volume: Volume, sql: str, what: str, verdict: Verdict, *, first: int = 0) -> AsyncIterator[list[Row]]:
    """Rows by ascending first column, a page at a time; where a page cannot be read, row by row around the damage."""
    after, size = first, ROWS
    while True:
        try:
            rows = await volume.database.read(sql, (after, size))
        except (DamagedError, StorageError) as error:
            if size > 1:
                size = 1
                continue
            verdict.add(volume.path.name, f"The {what} after number {after} cannot be read: {error}")
            return
        if not rows:
            return
        if rows[0][0] <= after or any(one[0] >= other[0] for one, other in pairwise(rows)):
            verdict.add(volume.path.name, f"The {what} after number {after} are out of order: the table is damaged.")
            return
        yield rows
        after = rows[-1][0]


async def _check_catalog(home: Home, snapshot: _Snapshot, replayed: Path, verdict: Verdict) -> None:
    """Replay the ledger into an empty catalog and compare it with the one in use, table by table."""
    if snapshot.head.seq > verdict.head.seq:
        verdict.add(
            "ledger",
            f"It ends with entry {verdict.head.seq}, but the catalog has seen entry {snapshot.head.seq}: the end is missing.",
        )
    if verdict.findings:
        # What cannot be replayed cannot be compared; the damage has been named.
        return
    try:
        last = await _replay(home, replayed, snapshot.head.seq)
        if last != snapshot.head:
            verdict.add("ledger", f"Entry {snapshot.head.seq} is not the one that the catalog has seen.")
        await _compare(snapshot.database, verdict)
    except DamagedError as error:
        verdict.add("catalog", error.message)


async def _replay(home: Home, target: Path, last: int) -> Head:
    """Apply the ledger up to entry ``last`` to an empty catalog; the entry reached."""
    head = Head(0, ZERO_HASH)
    database = await Database.open(target, pragmas=("journal_mode = OFF", "synchronous = OFF"))
    try:
        await migrate(database)
        async with database.transaction() as transaction:
            await transaction.execute(
                "INSERT INTO applied (id, archive_id, volume, seq, hash) VALUES (1, '', 1, 0, ?)", (ZERO_HASH,)
            )
        for number in home.volume_numbers():
            volume = await Volume.open(home.volume(number), read_only=True)
            try:
                async for entry in volume.entries():
                    if entry.seq > last:
                        return head
                    wanted = [sha256 for sha256 in dict.fromkeys(catalog.digests(entry))]
                    async with database.transaction() as transaction:
                        details = {}
                        for sha256 in wanted:
                            if await transaction.one("SELECT 1 FROM message WHERE sha256 = ?", (sha256,)) is None:
                                raw = await volume.raw(sha256)
                                details[sha256] = Detail(len(raw), await asyncio.to_thread(describe, raw))
                        await catalog.apply(transaction, entry, number, details)
                    head = Head(entry.seq, entry.hash)
            finally:
                await volume.close()
    finally:
        await database.close()
    return head


async def _compare(database: Database, verdict: Verdict) -> None:
    for row in await database.read("PRAGMA main.integrity_check(5)"):
        if row[0] != "ok":
            verdict.add("catalog", f"archive.sqlite: SQLite finds: {row[0]}")
            return
    for table in catalog.TABLES:
        # Some columns compare without regard to case; here every letter counts.
        names = [row[1] for row in await database.read(f"PRAGMA replayed.table_info({table})")]
        columns = ", ".join(f"{name} COLLATE BINARY" for name in names)
        for here, there, text in (("main", "replayed", "is not in the ledger"), ("replayed", "main", "is missing")):
            sql = f"SELECT {columns} FROM {here}.{table} EXCEPT SELECT {columns} FROM {there}.{table} LIMIT {NAMED + 1}"
            rows = await database.read(sql)
            for row in rows[:NAMED]:
                verdict.add("catalog", f"{table} {_row_name(row)} {text}; archivar rebuild corrects the catalog.")
            if len(rows) > NAMED:
                verdict.add("catalog", f"{table}: more than {NAMED} rows differ.")


def _row_name(row: tuple[object, ...]) -> str:
    return ", ".join(value.hex()[:16] if isinstance(value, bytes) else str(value)[:40] for value in row[:4])


async def describe_message(archive: Archive, sha256_prefix: str) -> str:
    """Where a message that a finding names lies: user, folder, subject; empty when the catalog does not know it."""
    rows = await archive.database.read(
        "SELECT user.name, folder.path, message.subject FROM message JOIN placement ON placement.message_id = message.id "
        "JOIN folder ON folder.id = placement.folder_id JOIN user ON user.id = folder.owner "
        "WHERE lower(hex(message.sha256)) LIKE ? || '%' LIMIT 3",
        (sha256_prefix,),
    )
    return "; ".join(f"{user}: {path}: {subject}" for user, path, subject in rows)
