"""The catalog of a backup: taken whole from the archive beside its place, and put there once the volumes are copied."""

from __future__ import annotations

from pathlib import Path

from core import files
from core.config import Home
from core.db.database import Database
from core.errors import DamagedError


async def take(home: Home, place: Home) -> Path:
    """A consistent copy of the catalog beside its place, where it could be ahead of the volumes."""
    aside = place.catalog.with_name(f"{place.catalog.name}.taken")
    # Left by a killed backup; a journal among it would be applied to the new file.
    for leftover in place.path.glob(f"{aside.name}*"):
        leftover.unlink()
    # A connection of its own: the archive's would be blocked for all other uses.
    source = await Database.open(home.catalog, read_only=True)
    try:
        await source.backup(aside)
    finally:
        await source.close()
    await _into_one_file(aside)
    return aside


async def put(state: Path, place: Home) -> None:
    """Put the copy in its place."""
    if place.catalog.exists():
        # A log that a reader of the backup left would be taken for a part of the new file.
        try:
            await _into_one_file(place.catalog)
        except DamagedError:
            for suffix in ("-wal", "-shm", "-journal"):
                place.catalog.with_name(f"{place.catalog.name}{suffix}").unlink(missing_ok=True)
    files.put(state, place.catalog)


async def _into_one_file(path: Path) -> None:
    database = await Database.open(path)
    try:
        await database.configure(("journal_mode = DELETE",))
    finally:
        await database.close()
    files.durable(path)
