"""The backing-up process: makes scheduled backups and verifies them, beside the service with the lowest priority.

It is a process of its own, so that a disk that does not answer blocks neither a run nor the end of the service. It dies with
the service, at any moment: the next one carries on. Scheduled backups are made by services that were started on their own
account, since one that was started for a run ends with it.
"""

from __future__ import annotations

import logging

from core.archive.archive import Archive
from core.archive.transfer import backup_plan
from core.archive.transfer.backup_plan import BackupOutcome
from core.config import Home
from core.model import now
from core.service.companion import Companion, DueWork, main

#: The actor of scheduled backups.
SCHEDULE = "schedule"

logger = logging.getLogger("archivar.backing-up")


class BackingUp(DueWork):
    """The service's control of the backing-up process; the next service carries on."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive, Companion("core.service.backing_up", logger), logger, "backups cannot be seen to")
        #: The service was started on its own account.
        self.lasting = False

    async def is_due(self) -> bool:
        due = self.lasting and await backup_plan.look(self._archive, now())
        if due:
            logger.info("a backup is due")
        return due


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
