"""The last steps of sealing a volume, which another process can take when the one that sealed it has died."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from core.archive.store.volume import Volume
from core.config import Home
from core.errors import BusyError, DamagedError, HomeError, StorageError

logger = logging.getLogger("archivar.archive")


async def finish(volume: Volume) -> None:
    """Write the indexes of a sealed volume, and make its file read-only."""
    try:
        await volume.index()
    except (DamagedError, StorageError, BusyError) as error:
        # It is complete without them, and the next writer tries again.
        logger.warning("the indexes of %s are not written: %s", volume.path.name, error.message)
    else:
        _protect(volume.path)


async def finish_all(home: Home, numbers: Iterable[int]) -> None:
    """Finish those of the volumes that are sealed and still writable."""
    for number in numbers:
        path = home.volume(number)
        with suppress(DamagedError, StorageError, HomeError, OSError):
            if path.stat().st_mode & 0o222:
                volume = await Volume.open(path)
                try:
                    if await volume.is_sealed():
                        await finish(volume)
                finally:
                    await volume.close()


def _protect(path: Path) -> None:
    """Make the file read-only."""
    with suppress(OSError):
        if path.is_file() and path.stat().st_mode & 0o222:
            path.chmod(0o400)
