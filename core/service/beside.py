"""The processes beside the service as one: indexing, verifying, seals, storing, backups.

Loaded once the first runs are on their way.
"""

from __future__ import annotations

from core.archive.archive import Archive
from core.service.backing_up import BackingUp
from core.service.indexing import Indexing
from core.service.sealing import Sealing
from core.service.storing import VolumeStoring
from core.service.verifying import Verifying


class Beside:
    """The service's control of all of them."""

    def __init__(self, archive: Archive) -> None:
        self.indexing = Indexing(archive)
        self.verifying = Verifying(archive)
        self.sealing = Sealing(archive)
        self.storing = VolumeStoring(archive)
        self.backing_up = BackingUp(archive)

    async def look(self, *, busy: bool, lasting: bool) -> bool:
        """Start or end the processes; True when the service must stay for one. Never raises.

        ``busy``: runs are active. ``lasting``: the service was started on its own account.
        """
        indexing = await self.indexing.look(busy=busy)
        verifying = await self.verifying.look(busy=busy, lasting=lasting)
        sealing, storing = await self.sealing.look(), await self.storing.look()
        self.backing_up.lasting = lasting
        backing_up = await self.backing_up.look()
        return sealing or storing or indexing or verifying or backing_up

    def close(self) -> None:
        """End all of them; the next service continues."""
        for one in (self.indexing, self.verifying, self.sealing, self.storing, self.backing_up):
            one.close()
