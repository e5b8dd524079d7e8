"""The file of a volume: making and opening it, telling it from another one of its name, dropping its pages from the cache."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from core import files
from core.archive.store.volume_format import OLD_SCHEMA, SCHEMA, Meta
from core.db.database import Database
from core.errors import DamagedError, StorageError
from core.problems import volume as problems
from core.problems.storage import NOT_MADE

T = TypeVar("T")
#: Seconds that a writer waits for SQLite's lock: a verification reads a whole volume under it.
PATIENCE_SECONDS = 600.0
#: Ending of the note about a volume that is stored elsewhere (``core.storage.notes``).
STORED = ".stored"
#: Pragmas of a file that is synced when it is whole.
_ASIDE = ("journal_mode = OFF", "synchronous = OFF")


def forget_pages(path: Path) -> None:
    """Ask the system to drop its cached pages of a file that this process has open.

    An existing descriptor is used: closing another one would release every lock that this process has on the file, and a reader
    elsewhere would roll back what is being written.
    """
    facts = path.stat()
    for name in os.listdir("/proc/self/fd"):
        # Another thread may close the descriptor, and its number may be reused: then another file's pages are read once more.
        with suppress(OSError):
            if os.path.samestat(os.fstat(int(name)), facts):
                os.posix_fadvise(int(name), 0, 0, os.POSIX_FADV_DONTNEED)
                return


async def create(path: Path, meta: Meta) -> None:
    """Create an empty volume at ``path``: written aside, synced, renamed, so that it is whole or absent."""
    temporary = files.aside(path)
    for leftover in (temporary, temporary.with_name(f"{temporary.name}-journal")):
        leftover.unlink(missing_ok=True)
    database = await Database.open(temporary, pragmas=_ASIDE)
    try:
        await database.script(OLD_SCHEMA if meta.is_old else SCHEMA)
        async with database.transaction() as transaction:
            await transaction.many("INSERT INTO meta (key, value) VALUES (?, ?)", meta.rows())
    finally:
        await database.close()
    try:
        files.put(temporary, path)
    except OSError as error:
        raise StorageError(NOT_MADE(file=path.name, said=str(error.strerror))) from error


async def opened(path: Path) -> Database:
    """Open the file for writing if that is possible, so that SQLite rolls back what a crash left."""
    try:
        database = await Database.open(path, make=False, patience=PATIENCE_SECONDS, damaged=problems.DAMAGED)
    except StorageError:
        return await Database.open(path, read_only=True, patience=PATIENCE_SECONDS, damaged=problems.DAMAGED)
    try:
        await database.read("SELECT 1 FROM sqlite_schema LIMIT 1")
    except StorageError:
        await database.close()
        return await Database.open(path, read_only=True, patience=PATIENCE_SECONDS, damaged=problems.DAMAGED)
    except DamagedError:
        # ``read_meta`` reports the error.
        return database
    except BaseException:
        await database.close()
        raise
    return database


async def bring(path: Path) -> None:
    """Have a volume in its place that is stored elsewhere. Raises ``DamagedError``, ``UnfetchedError``."""
    if path.with_suffix(STORED).exists():
        # Loaded only where volumes are stored elsewhere.
        from core.storage import fetching

        await asyncio.to_thread(fetching.bring, path)


async def with_file(path: Path, work: Callable[[], Awaitable[T]]) -> T:
    """The result of ``work`` on a volume, which is fetched before if it is stored elsewhere alone."""
    while True:
        await bring(path)
        try:
            return await work()
        except (DamagedError, StorageError):
            # The copy of a stored volume may be removed between the two.
            if not is_away(path):
                raise


def is_at(path: Path, file: tuple[int, int]) -> bool:
    """True when ``path`` is still that file, or its copy of a stored volume was removed: what is open stays readable."""
    return identity(path) == file or is_away(path)


def is_there(path: Path) -> bool:
    """True when the volume is here, or stored elsewhere."""
    return path.exists() or path.with_suffix(STORED).exists()


def is_away(path: Path) -> bool:
    """True when the volume is stored elsewhere alone."""
    return not path.exists() and path.with_suffix(STORED).exists()


def identity(path: Path) -> tuple[int, int]:
    try:
        there = path.stat()
    except OSError:
        return (0, 0)
    return there.st_dev, there.st_ino
