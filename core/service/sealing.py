"""The sealing process: sends seals to their places, beside the service, at night, optionally after runs, and after failures.

What sends is imported only where a place is due: the service would load mail and web for nothing.

It is a process of its own, so that a place that does not answer blocks neither a run nor the end of the service: it is killed
when it takes too long, or when the service ends, and undelivered seals are sent later.
"""

from __future__ import annotations

import logging
import time

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.proof import seal_places
from core.archive.proof.seal_places import PlaceState
from core.config import Home
from core.errors import ArchivarError
from core.model import moment, now
from core.service.companion import Companion, main

#: Seconds between checks for due seals.
LOOK_SECONDS = 5.0
#: Seconds after which a process counts as hanging, and is killed.
MOST_SECONDS = 900.0
#: Seconds before a restart after an error.
AGAIN_SECONDS = 60.0

logger = logging.getLogger("archivar.sealing")


class Sealing:
    """The service's control of the sealing process."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._companion = Companion("core.service.sealing", logger)
        self._looked = self._failed = float("-inf")
        self._started = 0.0

    async def look(self) -> bool:
        """Start or end the process; True while one is running. Never raises."""
        moment_ = time.monotonic()
        if moment_ - self._looked < LOOK_SECONDS:
            return self._companion.started
        self._looked = moment_
        try:
            if self._companion.started:
                self._see_to_process(moment_)
            elif moment_ - self._failed > AGAIN_SECONDS and not self._archive.home.is_backup and await due(self._archive):
                self._companion.start(self._archive.home)
                self._started = moment_
        except (ArchivarError, OSError) as error:
            # A lock or a full disk passes.
            self._failed = moment_
            logger.warning("seals cannot be seen to: %s", error)
        return self._companion.started

    def _see_to_process(self, moment_: float) -> None:
        code = self._companion.ended()
        if code:
            self._failed = moment_
            logger.error("sealing ended with code %d", code)
        elif code is None and moment_ - self._started > MOST_SECONDS:
            self._failed = moment_
            logger.error("sealing takes too long, and is ended")
            self._companion.close()

    def close(self) -> None:
        """End the process; the next service sends the rest."""
        self._companion.close()


async def due(archive: Archive) -> list[PlaceState]:
    """The places that are due for a seal."""
    found = await seal_places.standings(archive)
    wish = (await settings.read(archive.database)).seal if found else "off"
    if wish == "off":
        return []
    from core.engine.seals import sealing

    sql = "SELECT max(finished) FROM run WHERE dry_run = 0"
    ended = await archive.database.value(sql) if wish == "runs" else None
    last_run = moment(ended) if ended else None
    return [one for one in found if sealing.due(one, now(), last_run)]


async def seal(home: Home) -> None:
    """Send the seal to the due places. Raises ``BusyError``, ``StorageError`` when the state cannot be saved."""
    from core.engine.seals import sealing

    archive = await Archive.open(home, actor="sealing", follow=False)
    try:
        await sealing.send(archive, await due(archive))
    finally:
        await archive.close()


if __name__ == "__main__":
    main(seal, logger)
