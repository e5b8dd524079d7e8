"""A catalog of an older version where nothing can be written: read from a temporary copy that is brought up to date.

The copy is for one process, with mode 0600 in a folder of its own, and is removed when it is closed. One that a killed process
left is removed by the next.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from tempfile import gettempdir, mkdtemp

from core import config, files
from core.db.database import Database
from core.db.migrate import migrate
from core.errors import StorageError
from core.problems import archive as problems
from core.problems.disk import UNWRITTEN

_FOLDER = "archivar-catalog-"
#: Room that a copy needs, in times of the catalog: scripts may write tables anew.
_ROOM = 2


async def brought_up(home: config.Home, older: Database, refusal: StorageError) -> Database:
    """The catalog ``older`` as a copy of the present version; ``older`` is closed then.

    Raises ``StorageError`` where there is no room for it: why nothing can be written beside it, too.
    """
    with ExitStack() as left:
        folder = _made(home, refusal)
        left.callback(shutil.rmtree, folder, ignore_errors=True)
        left.enter_context(files.lock(folder))
        copy = await copied(older, folder / home.catalog.name)
        copy.unseen = older.unseen
        await older.close()
        copy.at_close = left.pop_all().close
    return copy


async def copied(older: Database, place: Path) -> Database:
    """The catalog ``older`` copied to ``place`` and brought up to the present version."""
    await older.backup(place)
    copy = await Database.open(place, pragmas=("temp_store = MEMORY",), damaged=problems.CATALOG_DAMAGED)
    try:
        await migrate(copy, keep=False)
    except BaseException:
        await copy.close()
        raise
    return copy


def _made(home: config.Home, refusal: StorageError) -> Path:
    """An empty folder with room for the copy."""
    for leftover in Path(gettempdir()).glob(f"{_FOLDER}*"):
        _remove(leftover)
    needed = _ROOM * home.catalog.stat().st_size
    try:
        status = os.statvfs(gettempdir())
        if status.f_bavail * status.f_frsize > needed:
            return Path(mkdtemp(prefix=_FOLDER))
    except OSError as error:
        raise StorageError(UNWRITTEN(path=gettempdir(), said=str(error.strerror))) from error
    raise StorageError(problems.CATALOG_OLDER(file=home.catalog.name, place=gettempdir(), bytes=needed, why=refusal.reason))


def _remove(leftover: Path) -> None:
    """Remove the folder of a process that is no more; one of another account, or in use, stays."""
    try:
        if leftover.stat().st_uid == os.geteuid():
            with files.lock(leftover) as claimed:
                if claimed:
                    shutil.rmtree(leftover, ignore_errors=True)
    except OSError:
        return
