"""Checks before an archive is opened: all volumes there, nothing newer than the program.

All but ``set_aside_damaged`` only read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from core import config, files
from core.db import glimpse
from core.db.database import Database
from core.db.migrate import check, is_older, migrate, refuse_newer
from core.errors import DamagedError, HomeError, ReadOnlyError, StorageError
from core.problems import archive as problems
from core.problems import volume


def refuse_without_volumes(home: config.Home) -> None:
    """Raise ``DamagedError`` when no volume is left of those that the catalog knows."""
    if not home.volume_numbers():
        raise DamagedError(volume.ALL_MISSING(folder=str(home.volumes)))


def missing(home: config.Home, last: int) -> list[int]:
    """The numbers of the volumes up to ``last`` that are not there."""
    return sorted(set(range(1, last + 1)) - set(home.volume_numbers()))


def refuse_incomplete(home: config.Home) -> None:
    """Raise ``HomeError`` for a backup whose first copy was broken off.

    Opened like an archive, it would be initialised as a new one.
    """
    if home.is_backup and not home.catalog.exists():
        raise HomeError(problems.BACKUP_INCOMPLETE(path=str(home.path)))


def refuse_backup(home: config.Home) -> None:
    """Raise ``HomeError`` for a backup: with an entry of its own it would no longer be a copy."""
    if (refusal := backup_refusal(home)) is not None:
        raise refusal


def backup_refusal(home: config.Home) -> HomeError | None:
    """The reason why nothing is written to ``home`` if it is a backup; None if it is an archive."""
    if not home.is_backup:
        return None
    return HomeError(problems.BACKUP(path=str(home.path)))


def refuse_unwritable(home: config.Home) -> None:
    """Raise ``HomeError`` for a backup, ``ReadOnlyError`` for a home that cannot be written."""
    refuse_backup(home)
    if not os.access(home.path, os.W_OK):
        raise _unwritable(home)


def _unwritable(home: config.Home) -> ReadOnlyError:
    return ReadOnlyError(problems.READ_ONLY(path=str(home.path)))


async def has_seen_volumes(path: Path) -> bool:
    """True when the catalog has applied a volume. A crash while the archive is created leaves one that has not."""
    if not path.exists():
        return False
    database = await Database.open(path, read_only=True, damaged=problems.CATALOG_DAMAGED)
    try:
        if not await database.one("SELECT 1 FROM sqlite_schema WHERE name = 'applied'"):
            return False
        return await database.one("SELECT 1 FROM applied") is not None
    finally:
        await database.close()


async def open_catalog(home: config.Home, pragmas: Sequence[str]) -> tuple[Database, StorageError | None]:
    """Open the catalog; also the reason when it can only be read: no write access to the folder, or a full disk.

    One of an older version, that cannot be brought up to date, is read from a copy. Raises ``StorageError`` when it cannot be
    read either, would have to be made, or there is no room for a copy.
    """
    refusal: StorageError | None = None
    if all(os.access(place, os.W_OK) for place in (home.path, home.catalog) if place.exists()):
        try:
            database = await Database.open(home.catalog, pragmas=pragmas, damaged=problems.CATALOG_DAMAGED)
            try:
                await database.read("SELECT 1 FROM sqlite_schema LIMIT 1")
                await migrate(database)
            except BaseException:
                await database.close()
                raise
            return database, None
        except StorageError as error:
            refusal = error
    refusal = refusal or _unwritable(home)
    if not home.catalog.exists():
        raise refusal
    database = await Database.open(
        home.catalog, pragmas=("temp_store = MEMORY",), read_only=True, damaged=problems.CATALOG_DAMAGED
    )
    try:
        if await is_older(database):
            # Loaded for such a one alone.
            from core.archive import copied_catalog

            return await copied_catalog.brought_up(home, database, refusal), refusal
    except BaseException:
        await database.close()
        raise
    return database, refusal


async def refuse_newer_catalog(path: Path) -> None:
    """Raise ``HomeError`` for a catalog of a newer program, by its header alone: opening it would leave files beside it.

    The header is read through SQLite. Closing a file descriptor of our own would release all locks that this process has on the
    file; another process that ends would then take itself for the last user and remove the log that open connections use.
    """
    for (version,) in await asyncio.to_thread(glimpse.rows, path, "PRAGMA user_version"):
        refuse_newer(path, int(version))
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        return
    # A process that crashed leaves changes in the log that are not in the file yet.
    database = await Database.open(path, read_only=True)
    try:
        await check(database)
    finally:
        await database.close()


async def set_aside_damaged(home: config.Home) -> Path | None:
    """Rename a damaged catalog, or one with a foreign schema, so that a new one can be made; the new name, or None.

    Only where there are volumes to make it from, and while no other process has the archive open.
    """
    if not home.catalog.exists() or not home.volume_numbers():
        return None
    try:
        await refuse_newer_catalog(home.catalog)
        database = await Database.open(home.catalog)
        try:
            await check(database)
            sound = await database.value("PRAGMA quick_check(1)") == "ok"
            if sound:
                # Of an older version it may have rows that no script can bring up to date.
                await migrate(database)
        finally:
            await database.close()
    except DamagedError:
        sound = False
    if sound:
        return None
    number = 1
    while (aside := home.path / f"{home.catalog.name}.damaged-{number}").exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        file = home.catalog.with_name(f"{home.catalog.name}{suffix}")
        if file.exists():
            file.rename(aside.with_name(f"{aside.name}{suffix}"))
    files.durable(home.path)
    return aside
