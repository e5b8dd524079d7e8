"""The storing process: puts sealed volumes into the storage, beside the service, soon after they are sealed.

It is a process of its own, so that a storage that does not answer blocks neither a run nor the end of the service. What it
could not store waits on this machine; it is tried again, and told on Home.
"""

from __future__ import annotations

import logging

from core.archive.archive import Archive
from core.config import Home
from core.errors import DamagedError, StorageError
from core.model import now
from core.problems import bucket as problems
from core.service.companion import Companion, DueWork, main
from core.storage import configuration, copies

#: Seconds after which the log is told again of a failure that goes on.
TOLD_SECONDS = 6 * 3600.0

logger = logging.getLogger("archivar.storing")


class VolumeStoring(DueWork):
    """The service's control of the storing process; the next service stores the rest."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive, Companion("core.service.storing", logger), logger, "volumes cannot be stored")
        self._told = float("-inf")

    def handle(self, code: int | None, moment: float) -> None:
        super().handle(code, moment)
        if code == 0:
            self._told = float("-inf")

    def log_failure(self, code: int, moment: float) -> None:
        # A failure that lasts is on Home: a log full of it hides all else.
        if moment - self._told > TOLD_SECONDS:
            self._told = moment
            super().log_failure(code, moment)

    async def is_due(self) -> bool:
        home = self._archive.home
        # The first question costs nothing where no storage is set.
        if not configuration.path_of(home).exists() or home.is_backup:
            return False
        from core.archive.proof import stored_seals
        from core.storage.line import LineLimit

        if LineLimit.parse(configuration.line(home)).rate(now()) == 0:
            return False
        return any(True for _ in copies.waiting(home)) or await stored_seals.due(self._archive)


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
