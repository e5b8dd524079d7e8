"""The sealing process: sends seals to their places, beside the service, at night, optionally after runs, and after failures.

What sends is imported only where a place is due: the service would load mail and web for nothing.

It is a process of its own, so that a place that does not answer blocks neither a run nor the end of the service: it is killed
when it takes too long, or when the service ends, and undelivered seals are sent later.
"""

from __future__ import annotations

import logging

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.proof import seal_places
from core.archive.proof.seal_places import PlaceState
from core.config import Home
from core.model import moment, now
from core.service.companion import Companion, DueWork, main

#: Seconds after which a process counts as hanging, and is killed.
MOST_SECONDS = 900.0

logger = logging.getLogger("archivar.sealing")


class Sealing(DueWork):
    """The service's control of the sealing process; the next service sends the rest."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive, Companion("core.service.sealing", logger), logger, "seals cannot be seen to")

    async def is_due(self) -> bool:
        return not self._archive.home.is_backup and bool(await due(self._archive))

    def handle(self, code: int | None, moment: float) -> None:
        super().handle(code, moment)
        if code is None and moment - self._started > MOST_SECONDS:
            self._failed = moment
            logger.error("sealing takes too long, and is ended")
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
