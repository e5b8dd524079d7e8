"""The readable content of a damaged volume: its ledger up to the first break of the chain, and messages.

The file itself stays unchanged. A truncated file is read as far as it goes. A transaction that a crash left half done is rolled
back in a copy; where the first page is gone, a copy gets that of an empty volume, since all volumes begin alike.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from core.archive.store import volume_file
from core.archive.store.ledger import ZERO_HASH, Entry, Head
from core.archive.store.message_rows import MessageRows
from core.archive.store.volume import Volume
from core.archive.store.volume_format import AS_FAR_AS_IT_GOES, FORMAT, PAGE_BYTES, Meta, format_of, has_tables
from core.db.database import Database, Row
from core.errors import ArchivarError, DamagedError, StorageError
from core.problems import volume as problems

ROWS = 16


class Wreck:
    """An opened volume of a format that is readable in part; ``database`` is None when it is not readable at all."""

    def __init__(self, database: Database | None, format: int = FORMAT) -> None:
        self._database = database
        # Whatever its indexes are like: each row tells for itself.
        rows = MessageRows(indexed=format == 1, numbered=format > 1)
        self._volume = Volume(database, _no_meta(format), rows=rows) if database is not None else None

    async def meta(self) -> Meta | None:
        """The volume's table meta; None when it cannot be read."""
        if self._database is None:
            return None
        try:
            return await Volume.read_meta(self._database)
        except (DamagedError, StorageError):
            return None

    async def entries(self, after: Head) -> AsyncGenerator[tuple[Row, Entry]]:
        """Yield consecutive entries from ``after`` on, each with its row, up to the first that is not whole."""
        reached = after
        while rows := await self._ledger_rows(reached.seq):
            for row in rows:
                try:
                    entry = Entry.of_row(row)
                    if not entry.follows(reached):
                        return
                    _ = entry.value
                except (DamagedError, TypeError, AttributeError, ValueError):
                    return
                reached = Head(entry.seq, entry.hash)
                yield row, entry

    async def _ledger_rows(self, after: int) -> Sequence[Row]:
        if self._volume is None:
            return []
        sql = f"SELECT {self._volume.columns} FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?"
        for limit in (ROWS, 1):
            try:
                return await self._volume.database.read(sql, (after, limit))
            except (DamagedError, StorageError):
                continue
        return []

    async def readable(self, after: int) -> AsyncGenerator[Entry]:
        """Yield the readable entries over ``after``, consecutive or not."""
        while rows := await self._ledger_rows(after):
            for row in rows:
                seq = row[0]
                if not isinstance(seq, int) or seq <= after:
                    return
                after = seq
                try:
                    entry = Entry.of_row(row)
                    _ = entry.payload
                except (DamagedError, TypeError, AttributeError, ValueError):
                    continue
                yield entry

    async def end(self, after: Head) -> Head:
        """The last entry of ``entries``."""
        reached = after
        async for _, entry in self.entries(after):
            reached = Head(entry.seq, entry.hash)
        return reached

    async def listed(self) -> list[bytes]:
        """The SHA-256 of the messages in its table; in format 1 up to the first that cannot be read."""
        found: list[bytes] = []
        if self._volume is not None and not self._volume.meta.is_old:
            return await self._volume.rows.all(self._volume.database)
        while self._database is not None:
            sql = "SELECT sha256 FROM message WHERE sha256 > ? ORDER BY sha256 LIMIT 500"
            try:
                rows = await self._database.read(sql, (found[-1] if found else b"",))
            except (DamagedError, StorageError):
                return found
            fresh = [row[0] for row in rows if isinstance(row[0], bytes) and (not found or row[0] > found[-1])]
            if not fresh:
                return found
            found += fresh
        return found

    async def close(self) -> None:
        """Forget what was found; the file stays open."""
        if self._volume is not None:
            await self._volume.rows.close()

    async def message(self, sha256: bytes) -> bytes | None:
        """The message, matched with its SHA-256; None when it is not whole."""
        if self._volume is None:
            return None
        try:
            return await self._volume.raw(sha256)
        except (DamagedError, StorageError, KeyError, TypeError):
            return None


@asynccontextmanager
async def opened(path: Path, scratch: Path) -> AsyncIterator[Wreck]:
    """Context of the opened file at ``path``, in whatever state. Copies, if needed, are made in ``scratch``."""
    database: Database | None = None
    wreck: Wreck | None = None
    with TemporaryDirectory(prefix="salvage-", dir=scratch, ignore_cleanup_errors=True) as folder:
        try:
            if path.is_file() and path.stat().st_size:
                database = await _open(path, Path(folder))
            wreck = Wreck(database, await format_of(database) if database is not None else FORMAT)
            yield wreck
        except OSError as error:
            raise StorageError(problems.NOT_COPIED(file=path.name, said=str(error.strerror))) from error
        finally:
            if wreck is not None:
                await wreck.close()
            if database is not None:
                await database.close()


async def _open(path: Path, folder: Path) -> Database | None:
    journal = path.with_name(f"{path.name}-journal")
    if journal.exists() and journal.stat().st_size:
        copy = folder / path.name
        await asyncio.to_thread(shutil.copyfile, path, copy)
        await asyncio.to_thread(shutil.copyfile, journal, copy.with_name(journal.name))
        if (database := await _readable(copy, read_only=False)) is not None:
            return database
    if (database := await _readable(path, read_only=True)) is not None:
        return database
    for format in (FORMAT, 1):
        copy = folder / f"headed-{format}-{path.name}"
        await _copy_with_new_head(path, copy, format)
        if (database := await _readable(copy, read_only=False)) is not None:
            # The first page of the other format gives other places for the tables.
            if await _fits(database, format):
                return database
            await database.close()
    return None


async def _fits(database: Database, format: int) -> bool:
    """True when something that can be read of table meta, the ledger or the messages is of this format."""
    for sql, kind in (
        ("SELECT value FROM meta WHERE key = 'format'", int),
        ("SELECT at FROM ledger LIMIT 1", str),
        ("SELECT sha256 FROM message LIMIT 1", bytes),
    ):
        try:
            said = await database.value(sql)
        except ArchivarError:
            continue
        if isinstance(said, kind):
            return kind is not int or said == format
    return False


async def _readable(path: Path, *, read_only: bool) -> Database | None:
    """The database if its tables can be found in it, else None."""
    try:
        if read_only:
            database = await Database.open_as_it_stands(path, (AS_FAR_AS_IT_GOES,), problems.DAMAGED)
        else:
            database = await Database.open(path, pragmas=(AS_FAR_AS_IT_GOES,), make=False, damaged=problems.DAMAGED)
    except ArchivarError:
        return None
    try:
        if not has_tables(await database.shape()):
            # The first page of an empty volume has the right schema.
            await database.close()
            return None
    except ArchivarError:
        pass
    for table in ("ledger", "message", "part", "meta"):
        try:
            await database.read(f"SELECT 1 FROM {table} LIMIT 1")
        except DamagedError:
            continue
        except ArchivarError:
            break
        return database
    await database.close()
    return None


def _no_meta(format: int) -> Meta:
    return Meta("", 0, Head(0, ZERO_HASH), format=format)


async def _copy_with_new_head(path: Path, copy: Path, format: int) -> None:
    blank = copy.with_name(f"blank-{copy.name}")
    await volume_file.create(blank, _no_meta(format))
    await asyncio.to_thread(shutil.copyfile, path, copy)
    pages = -(-copy.stat().st_size // PAGE_BYTES)
    head = bytearray(blank.read_bytes()[:PAGE_BYTES])
    # The number of pages, in SQLite's file header.
    head[28:32] = pages.to_bytes(4, "big")
    with copy.open("r+b") as file:
        file.write(head)
