"""A catalog of an older version, compared as a copy that is brought up to date: a verification changes no catalog.

What bringing up to date would write anew, and so mend in the copy, is looked at before.
"""

from __future__ import annotations

from pathlib import Path

from core.archive import copied_catalog
from core.archive.catalog import catalog, followed
from core.archive.proof.findings import Verdict
from core.archive.store.volume import Volume
from core.config import Home
from core.db.database import Database
from core.db.migrate import is_older
from core.errors import DamagedError
from core.problems import finding as found

#: Room that a copy needs, in times of the catalog: scripts may write tables anew.
ROOM = 2
#: Pages that are reported.
_NAMED = 5


async def room(home: Home) -> int:
    """Bytes that the copy of an older catalog takes; 0 when it is of this version, missing or damaged."""
    if not home.catalog.exists():
        return 0
    try:
        database = await Database.open(home.catalog, read_only=True)
        try:
            return ROOM * home.catalog.stat().st_size if await is_older(database) else 0
        finally:
            await database.close()
    except DamagedError:
        return 0


async def check_pages(database: Database, verdict: Verdict) -> bool:
    """Add what SQLite finds wrong in the main file of ``database``; True when that is nothing."""
    for row in await database.read(f"PRAGMA main.integrity_check({_NAMED})"):
        if row[0] != "ok":
            verdict.add("catalog", found.CATALOG_PAGES(said=str(row[0])))
            return False
    return True


async def brought_up(home: Home, folder: Path, verdict: Verdict) -> Path:
    """The catalog of ``home``; of an older one a copy in ``folder``, unless that is damaged."""
    if not await room(home):
        return home.catalog
    try:
        older = await Database.open(home.catalog, read_only=True)
        try:
            if not await check_pages(older, verdict):
                return home.catalog
            copy = await copied_catalog.copied(older, folder / home.catalog.name)
        finally:
            await older.close()
        try:
            await _date(home, copy)
            return copy.path
        finally:
            await copy.close()
    except DamagedError as error:
        verdict.add("catalog", error.reason)
        return home.catalog


async def _date(home: Home, copy: Database) -> None:
    """Date the placements that the script for it leaves to be dated by their entries. These versions know no lanes."""
    if not await followed.has_undated(copy):
        return
    left = {row[0] for row in await copy.read("SELECT DISTINCT since_seq FROM placement WHERE date IS NULL")}
    times: dict[int, str] = {}
    for number in home.volume_numbers():
        volume = await Volume.open(home.volume(number), read_only=True)
        try:
            times |= await volume.times(sorted(left - times.keys()))
        finally:
            await volume.close()
    async with copy.transaction() as transaction:
        await catalog.date_placements(transaction, times)
