"""The backing-up process: makes scheduled backups and verifies them, beside the service with the lowest priority.

It is a process of its own, so that a disk that does not answer blocks neither a run nor the end of the service. It dies with
the service, at any moment: the next one carries on. Scheduled backups are made by services that were started on their own
account, since one that was started for a run ends with it.
"""

from __future__ import annotations

import logging
import time

from core.archive.archive import Archive
from core.archive.transfer import backup_plan
from core.archive.transfer.backup_plan import BackupOutcome
from core.config import Home
from core.errors import ArchivarError
from core.model import now
from core.service.companion import Companion, main

#: Seconds between looks for a due backup.
LOOK_SECONDS = 5.0
#: Seconds before a restart after an error that could not be noted.
AGAIN_SECONDS = 60.0
#: The actor of scheduled backups.
SCHEDULE = "schedule"

logger = logging.getLogger("archivar.backing-up")


class BackingUp:
    """The service's control of the backing-up process."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._companion = Companion("core.service.backing_up", logger)
        self._looked = self._failed = float("-inf")

    async def look(self, *, lasting: bool) -> bool:
        """Start or end the process; True while one is running. Never raises.

        ``lasting``: the service was started on its own account.
        """
        moment = time.monotonic()
        if moment - self._looked < LOOK_SECONDS:
            return self._companion.started
        self._looked = moment
        try:
            if self._companion.started:
                if code := self._companion.ended():
                    self._failed = moment
                    logger.error("backing up ended with code %d", code)
            elif lasting and moment - self._failed > AGAIN_SECONDS and await backup_plan.look(self._archive, now()):
                logger.info("a backup is due")
                self._companion.start(self._archive.home)
        except (ArchivarError, OSError) as error:
            # A lock or a full disk passes.
            self._failed = moment
            logger.warning("backups cannot be seen to: %s", error)
        return self._companion.started

    def close(self) -> None:
        """End the process; the next service carries on."""
        self._companion.close()


async def back_up(home: Home) -> None:
    """Make the due backup. Raises ``ArchivarError`` for one that failed, and ``SystemExit`` for one that is not whole."""
    archive = await Archive.open(home, actor="backing up", follow=False)
    try:
        if await backup_plan.look(archive, now()):
            # What copies and verifies is loaded only where a backup is due.
            from core.archive.transfer import backup_work

            made = await backup_work.make(archive, actor=SCHEDULE)
            if made.end.outcome is not BackupOutcome.MADE:
                raise SystemExit(4)
    finally:
        await archive.close()


if __name__ == "__main__":
    main(back_up, logger)
