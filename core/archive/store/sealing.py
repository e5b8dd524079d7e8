"""The last steps of sealing a volume, which another process can take when the one that sealed it has died."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from core.archive.store.volume import Volume
from core.config import Home
from core.errors import ArchivarError
from core.system.tasks import spawn

logger = logging.getLogger("archivar.archive")


async def finish_all(home: Home, numbers: Iterable[int]) -> None:
    """Write the indexes of those of the volumes that are sealed and still writable, and make their files read-only.

    By connections of its own, so that readers in this process do not wait for them.
    """
    for number in numbers:
        path = home.volume(number)
        try:
            if not path.stat().st_mode & 0o222:
                continue
            volume = await Volume.open(path)
            try:
                if await volume.is_sealed():
                    await volume.index()
                    _protect(path)
            finally:
                await volume.close()
        except FileNotFoundError:
            continue
        except (ArchivarError, OSError) as error:
            # It is complete without them, and the next process that writes tries again.
            logger.warning("the indexes of %s are not written: %s", path.name, error)


class Finishing:
    """The finishing of sealed volumes beside all else: indexes take as long as they take, and wait for readers."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, last: int, *, once: bool = False) -> None:
        """Begin to finish all volumes before ``last``; unless that was begun before, if ``once`` is enough."""
        if not (once and self._tasks):
            self._tasks.append(spawn(finish_all(self._home, range(1, last)), name="finish sealed volumes"))

    async def end(self) -> None:
        """Wait until all are finished."""
        await asyncio.gather(*self._tasks)


def _protect(path: Path) -> None:
    """Make the file read-only."""
    with suppress(OSError):
        if path.is_file() and path.stat().st_mode & 0o222:
            path.chmod(0o400)
