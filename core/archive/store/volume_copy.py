"""A copy of one volume, brought up to date: a sealed one as a file, an open one by its rows, while others write to it.

Invariant: after every transaction the copy is a volume that can be read alone, whose ledger is a prefix of the original's. Rows
are copied in the order parts, messages, ledger, seal, so that what the ledger names is there, and a copy with the original's
seal and last hash is complete. Each read of the original covers a few megabytes, since a commit to a volume waits for its
readers.

The first copy of an open volume, and one that lacks much, is written aside without a journal, and renamed when it is whole:
durable pieces would write the two trees of SHA-256 again and again. A file that was copied is read back.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from core import files
from core.archive.store import page_copy, volume_file
from core.archive.store.ledger import COLUMNS, Head
from core.archive.store.volume import Volume
from core.archive.store.volume_extent import Extent, extent
from core.archive.store.volume_format import PAGE_BYTES
from core.db.database import Database, Row, Transaction
from core.errors import DamagedError, InputError, StorageError
from core.problems import backup as problems
from core.values import dataclass

#: Bytes of parts, or of a file, that are read at once.
PIECE = 8 * 1024 * 1024
ROWS = 500
#: Bytes of a row beside its data, as counted for a piece.
ROW_BYTES = 100
#: Ledger entries copied at once; each names up to 500 messages.
ENTRIES = 16
#: Pragmas of a copy that is written aside: the trees that grow at random places are kept in memory.
ASIDE = ("journal_mode = OFF", "synchronous = OFF", "cache_size = -98304")
#: Pages that a row written durably changes and saves in the journal, at most; a smaller copy than this is never begun anew.
PAGES_A_ROW, SMALL = 4, 64 * 1024 * 1024

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

Tick = Callable[[int], None]
#: What rows are written to: a database durably, or the transaction of a file that is written aside.
Target = Database | Transaction


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table of a volume: its key, all columns, and the one with the data."""

    name: str
    key: str
    columns: str
    data: str


#: Copies the rows of a volume up to an extent to an empty one.
Rows = Callable[[Volume, Extent, Database, Tick], Coroutine[Any, Any, None]]


async def bring_up(source: Path, target: Path, tick: Tick) -> tuple[Head, bool]:
    """Make ``target`` equal to ``source``; its last entry, and whether anything was copied.

    ``tick`` is called with the bytes of each piece. Raises ``InputError`` (``target`` is no beginning of ``source``),
    ``DamagedError``, ``StorageError``, ``OSError``.
    """
    files.aside(target).unlink(missing_ok=True)
    original = await Volume.open(source, read_only=True)
    try:
        wanted = await extent(original)
        there = await _extent_of_copy(original, wanted, target) if target.exists() else None
        if there is None:
            _forget_journal(target)
        if there == wanted:
            if wanted.sealed and not there.indexed:
                await _index(target, wanted)
            _protect(target, wanted)
            return wanted.head, False
        if original.meta.is_old:
            await _copy_whole(original, target, tick, 0o400 if wanted.sealed else 0o600)
        elif there is None or _lacks_much(source, there, wanted):
            if wanted.sealed:
                await _copy_whole(original, target, tick, 0o400)
                if not wanted.indexed:
                    await _index(target, wanted)
            else:
                wanted = await _copy_open(original, wanted, target, tick)
        else:
            await _bring_up_rows(original, there, wanted, target, tick)
        return wanted.head, True
    finally:
        await original.close()


async def _copy_whole(original: Volume, target: Path, tick: Tick, mode: int) -> None:
    """Copy the file of a sealed volume, or of one of format 1, which this version does not write to any more.

    It is read under SQLite's lock: the indexes of a sealed one may be about to be written, and another version may be at work.
    """
    reading = await Database.open(original.path, read_only=True)
    try:
        await reading.read("BEGIN")
        await reading.read("SELECT 1 FROM meta LIMIT 1")
        await _copy_file(original.path, target, tick, mode)
    finally:
        await reading.close()


async def _index(target: Path, wanted: Extent) -> None:
    """Write the indexes of a copy that was taken before the volume had any."""
    async with _opened(target, wanted) as copy:
        await copy.index()


@asynccontextmanager
async def _opened(target: Path, wanted: Extent) -> AsyncIterator[Volume]:
    """Context of a copy that is written to; it has its mode again afterwards."""
    target.chmod(0o600)
    copy = await Volume.open(target)
    try:
        yield copy
    finally:
        await copy.close()
    _protect(target, wanted)


def _forget_journal(target: Path) -> None:
    """Remove what a killed backup left beside a copy that was moved away since: it would be rolled back into the next file."""
    journal = target.with_name(f"{target.name}-journal")
    if journal.exists():
        journal.unlink()
        # Before the new file can be there, whatever the disk writes first.
        files.durable(target.parent)


def _lacks_much(source: Path, there: Extent, wanted: Extent) -> bool:
    """True when the missing rows, each written durably, would be more bytes than the whole volume."""
    size = source.stat().st_size
    return size > SMALL and (wanted.part - there.part) * PAGES_A_ROW * PAGE_BYTES > size


async def _extent_of_copy(original: Volume, wanted: Extent, target: Path) -> Extent:
    """The extent of the copy at ``target``. Raises ``DamagedError``, ``InputError`` when it is no prefix of ``original``."""
    try:
        copy = await Volume.open(target)
        try:
            there = await extent(copy)
        except BaseException:
            await copy.close()
            raise
    except DamagedError as error:
        raise DamagedError(problems.COPY_UNREADABLE(path=str(target), why=error.reason)) from error
    try:
        await _refuse_other(original, copy, wanted, there, target)
    finally:
        await copy.close()
    return there


async def _copy_open(original: Volume, wanted: Extent, target: Path, tick: Tick) -> Extent:
    """Write an open volume to a new file, which takes the place of ``target``; the extent of the copy.

    By its pages, in a fifth of the time that its rows take; by its rows where others write to it all the time, and where it is
    damaged, which they tell.
    """
    fresh = files.aside(target)
    try:
        copied = await _copied_pages(original, fresh, tick)
        if copied is not None:
            _protect(fresh, copied)
            await asyncio.to_thread(files.put, fresh, target)
            return copied
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    fresh.unlink(missing_ok=True)
    await _copy_anew(original, wanted, target, tick)
    return wanted


async def _copied_pages(original: Volume, fresh: Path, tick: Tick) -> Extent | None:
    """Copy a volume by its pages; the extent of the copy, None where it is not whole."""
    if not await page_copy.copy(original, fresh, PIECE, tick):
        return None
    try:
        copy = await Volume.open(fresh, read_only=True)
        try:
            return await extent(copy) if await page_copy.is_whole(copy) else None
        finally:
            await copy.close()
    except DamagedError:
        return None


async def _copy_anew(original: Volume, wanted: Extent, target: Path, tick: Tick) -> None:
    """Write all rows to a new file, which takes the place of ``target``."""
    fresh = files.aside(target)
    try:
        try:
            await _write(original, wanted, fresh, tick, _copy_tables)
        except DamagedError:
            # Row by row the error names the damaged file and the place in it.
            fresh.unlink()
            await _write(original, wanted, fresh, lambda size: None, _copy_rows)
        _protect(fresh, wanted)
        await asyncio.to_thread(files.put, fresh, target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


async def _write(original: Volume, wanted: Extent, fresh: Path, tick: Tick, rows: Rows) -> None:
    """Write ``rows`` of ``original`` to a new volume."""
    await volume_file.create(fresh, original.meta)
    copy = await Database.open(fresh, pragmas=ASIDE, make=False)
    try:
        await rows(original, wanted, copy, tick)
    finally:
        await copy.close()


async def _copy_rows(original: Volume, wanted: Extent, copy: Database, tick: Tick) -> None:
    async with copy.transaction() as transaction:
        await _copy_parts(original.database, transaction, 0, wanted.part, tick)
        await _copy_messages(original.database, transaction, 0, wanted.message)
        await _copy_ledger(original.database, transaction, 0, wanted.head.seq, tick)


async def _copy_tables(original: Volume, wanted: Extent, copy: Database, tick: Tick) -> None:
    """The same within SQLite, with the original locked for a piece at a time. Without a journal a piece costs no more."""
    await copy.read("ATTACH DATABASE ? AS original", (original.database.uri,))
    part = CopiedTable("part", "id", "id, sha256, codec, size, data", "data")
    message = CopiedTable("message", "id", "id, sha256, size, recipe", "recipe")
    for table, last in (
        (part, wanted.part),
        (message, wanted.message),
        (CopiedTable("ledger", "seq", COLUMNS, "payload"), wanted.head.seq),
    ):
        after = 0
        while after < last:
            after, size = await copy.job(partial(_copy_piece, table, after, last))
            tick(size)


def _copy_piece(table: CopiedTable, after: int, last: int, connection: sqlite3.Connection) -> tuple[int, int]:
    """Copy the next rows of ``table``, at least one; the key of the last of them, and the bytes of their data."""
    upto, size, rows = after, 0, 0
    sizes = f"SELECT {table.key}, coalesce(length({table.data}), 0) FROM original.{table.name}"
    span = f"WHERE {table.key} > ? AND {table.key} <= ?"
    with closing(connection.execute(f"{sizes} {span} ORDER BY {table.key}", (after, last))) as found:
        for key, length in found:
            if rows and size + length + (rows + 1) * ROW_BYTES > PIECE:
                break
            upto, size, rows = key, size + length, rows + 1
    connection.execute(
        f"INSERT INTO main.{table.name} ({table.columns}) SELECT {table.columns} FROM original.{table.name} {span}",
        (after, upto),
    )
    return (upto if rows else last), size


async def write_anew(original: Volume, target: Path) -> None:
    """Write all rows of a sealed volume, and its indexes, to a new file. Raises ``DamagedError``, ``StorageError``."""
    wanted = await extent(original)
    await _copy_anew(original, wanted, target, lambda size: None)
    async with _opened(target, wanted) as copy:
        await _seal(copy, wanted)


async def _seal(copy: Volume, wanted: Extent) -> None:
    async with copy.database.transaction() as transaction:
        await transaction.execute("INSERT INTO meta VALUES ('sealed', ?)", (wanted.sealed,))
    await copy.index()


async def _bring_up_rows(original: Volume, there: Extent, wanted: Extent, target: Path, tick: Tick) -> None:
    async with _opened(target, wanted) as copy:
        await _copy_parts(original.database, copy.database, there.part, wanted.part, tick)
        await _copy_messages(original.database, copy.database, there.message, wanted.message)
        await _copy_ledger(original.database, copy.database, there.head.seq, wanted.head.seq, tick)
        if wanted.sealed:
            await _seal(copy, wanted)


async def _refuse_other(original: Volume, copy: Volume, wanted: Extent, there: Extent, target: Path) -> None:
    """Raise ``InputError`` when the copy is not a prefix of ``original``: it may have messages of its own."""
    if copy.meta != original.meta:
        raise InputError(problems.COPY_OF_OTHER(path=str(target)))
    same = there.head in (wanted.head, original.meta.previous)
    if not same:
        digest = await original.database.value("SELECT hash FROM ledger WHERE seq = ?", (there.head.seq,))
        same = digest is not None and bytes(digest) == there.head.hash
    # A backup that was broken off may have parts that no entry names yet.
    for table, last in (("part", there.part), ("message", there.message)):
        if same and last:
            sql = f"SELECT sha256 FROM {table} WHERE id = ?"
            same = await original.database.one(sql, (last,)) == await copy.database.one(sql, (last,))
    if not same or (there.sealed and there != wanted):
        raise InputError(problems.COPY_DIVERGED(path=str(target), entry=there.head.seq))


async def _copy_parts(source: Database, target: Target, after: int, last: int, tick: Tick) -> None:
    while after < last:
        rows, size = await source.job(partial(_part_rows, after, last))
        if not rows:
            return
        await _insert(target, "INSERT INTO part (id, sha256, codec, size, data) VALUES (?, ?, ?, ?, ?)", rows)
        after = rows[-1][0]
        tick(size)


def _part_rows(after: int, last: int, connection: sqlite3.Connection) -> tuple[list[Row], int]:
    """The next parts, and their bytes; at least one part."""
    rows: list[Row] = []
    total = 0
    sql = "SELECT id, sha256, codec, size, data FROM part WHERE id > ? AND id <= ? ORDER BY id"
    cursor = connection.execute(sql, (after, last))
    for row in cursor:
        size = len(row[4])
        if rows and total + size > PIECE:
            break
        rows.append(row)
        total += size
    cursor.close()
    return rows, total


async def _copy_messages(source: Database, target: Target, after: int, last: int) -> None:
    sql = "SELECT id, sha256, size, recipe FROM message WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
    while rows := await source.read(sql, (after, last, ROWS)):
        await _insert(target, "INSERT INTO message (id, sha256, size, recipe) VALUES (?, ?, ?, ?)", rows)
        after = rows[-1][0]


async def _copy_ledger(source: Database, target: Target, after: int, last: int, tick: Tick) -> None:
    sql = f"SELECT {COLUMNS} FROM ledger WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
    while rows := await source.read(sql, (after, last, ENTRIES)):
        await _insert(target, f"INSERT INTO ledger ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        after = rows[-1][0]
        tick(sum(len(row[4] or b"") for row in rows))


async def _insert(target: Target, sql: str, rows: Sequence[Row]) -> None:
    """Write ``rows``: to a database durably, in a transaction of its own."""
    if isinstance(target, Transaction):
        await target.many(sql, rows)
        return
    async with target.transaction() as transaction:
        await transaction.many(sql, rows)


def _protect(target: Path, wanted: Extent) -> None:
    """Set the mode of a copy: for its owner only, and read-only when sealed."""
    target.chmod(0o400 if wanted.sealed else 0o600)


async def _copy_file(source: Path, target: Path, tick: Tick, mode: int) -> None:
    """Copy a file under a temporary name; renamed when it is whole, synced, and was read back from the disk.

    By its bytes and not by a reference to the same blocks, as a file system may offer: one fault of the disk would be in both.
    """
    copied = hashlib.sha256()
    with source.open("rb") as reading, files.replacing(target, mode) as writing:
        while piece := await asyncio.to_thread(reading.read, PIECE):
            await asyncio.to_thread(_write_bytes, writing, copied, piece)
            tick(len(piece))
        writing.flush()
        # In a thread, so that the final sync is short; the event loop would block in it.
        await asyncio.to_thread(os.fsync, writing.fileno())
        if await asyncio.to_thread(_read_back, files.aside(target)) != copied.digest():
            raise StorageError(problems.COPY_CHANGED(path=str(target)))


def _write_bytes(file: BinaryIO, copied: Hash, piece: bytes) -> None:
    file.write(piece)
    copied.update(piece)


def _read_back(path: Path) -> bytes:
    """The SHA-256 of a synced file, read past the system's cache as far as it allows."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return hashlib.file_digest(file, "sha256").digest()
