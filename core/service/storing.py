"""The storing process: puts sealed volumes into the storage, beside the service, soon after they are sealed.

It is a process of its own, so that a storage that does not answer blocks neither a run nor the end of the service. What it
could not store waits on this machine; it is tried again, and told on Home.
"""

from __future__ import annotations

import logging
import time

from core.archive.archive import Archive
from core.config import Home
from core.errors import ArchivarError, DamagedError, StorageError
from core.model import now
from core.problems import bucket as problems
from core.service.companion import Companion, main
from core.storage import configuration, copies

#: Seconds between looks for volumes that wait.
LOOK_SECONDS = 5.0
#: Seconds before the next try after one that failed.
AGAIN_SECONDS = 60.0
#: Seconds after which the log is told again of a failure that goes on.
TOLD_SECONDS = 6 * 3600.0

logger = logging.getLogger("archivar.storing")


class VolumeStoring:
    """The service's control of the storing process."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._companion = Companion("core.service.storing", logger)
        self._looked = self._failed = self._told = float("-inf")

    async def look(self) -> bool:
        """Start or end the process; True while one is running. Never raises."""
        moment = time.monotonic()
        if moment - self._looked < LOOK_SECONDS:
            return self._companion.started
        self._looked = moment
        try:
            if self._companion.started:
                self._handle(self._companion.ended(), moment)
            elif moment - self._failed > AGAIN_SECONDS and await self._is_due():
                self._companion.start(self._archive.home)
        except (ArchivarError, OSError) as error:
            self._failed = moment
            logger.warning("volumes cannot be stored: %s", error)
        return self._companion.started

    def _handle(self, code: int | None, moment: float) -> None:
        """Take note of the process's exit code; None while it runs."""
        if code:
            self._failed = moment
            # A failure that lasts is on Home: a log full of it hides all else.
            if moment - self._told > TOLD_SECONDS:
                self._told = moment
                logger.error("storing ended with code %d", code)
        elif code == 0:
            self._told = float("-inf")

    async def _is_due(self) -> bool:
        home = self._archive.home
        # The first question costs nothing where no storage is set.
        if not configuration.path_of(home).exists() or home.is_backup:
            return False
        from core.archive.proof import stored_seals
        from core.storage.line import LineLimit

        if LineLimit.parse(configuration.line(home)).rate(now()) == 0:
            return False
        return any(True for _ in copies.waiting(home)) or await stored_seals.due(self._archive)

    def close(self) -> None:
        """End the process; the next service stores the rest."""
        self._companion.close()


async def store(home: Home) -> None:
    """Store what waits. Raises ``SystemExit`` when something could not be stored, which is noted for Home."""
    from core.archive.proof import stored_seals
    from core.archive.registry import storing

    archive = await Archive.open(home, actor="storing", follow=False)
    try:
        done = await storing.push(archive, actor="storing")
        if not done.failed and done.held is None:
            try:
                # What was removed there is put again only by the command, which tells it.
                await stored_seals.push(archive, again=False)
            except (StorageError, DamagedError) as error:
                if error.reason.code == problems.LINE_CLOSED:
                    return
                raise SystemExit(1) from error
    finally:
        await archive.close()
    if done.failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main(store, logger)
