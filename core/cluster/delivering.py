"""Delivers what a worker has written: seals the lane's open volume, puts it into the place, and reports it.

One after another, in the order of the lane. What several visits wait for is one volume.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from core.cluster.lane_archive import LaneHand
from core.cluster.place import LanePlace, digest_of
from core.cluster.postgres import Postgres
from core.cluster.session import Delivered, WorkerSession
from core.config import IN_LANE, Home
from core.errors import BusyError
from core.storage.keys import VolumeKey
from core.system.tasks import spawn

#: Seconds for which others that are about to be ready are waited for, and after which what was written is delivered anyway.
TOGETHER_SECONDS, ANYWAY_SECONDS = 0.25, 5.0
#: Raw bytes in the open volume at which it is delivered.
ENOUGH_BYTES = 8 * 1024 * 1024
#: Seconds between two tries of a place that takes nothing, at first and at most.
FIRST_AGAIN, LAST_AGAIN = 1.0, 15.0

logger = logging.getLogger("archivar.cluster")


class Delivery:
    """The delivery of one session. ``waiting``: bytes of sealed volumes that lie here alone."""

    def __init__(self, database: Postgres, session: WorkerSession, place: LanePlace, hand: LaneHand, home: Home) -> None:
        self.waiting = 0
        self._database = database
        self._session = session
        self._place = place
        self._hand = hand
        self._home = home
        self._wanted = asyncio.Event()
        self._changed = asyncio.Condition()
        self._delivered = self._anchored = 0
        #: Delivered volumes whose files are still here, with the last entry of each.
        self._here: dict[int, int] = {}

    async def run(self) -> None:
        """Deliver whatever is wanted, until cancelled. Raises ``FencedError``."""
        while True:
            await self._due()
            self._wanted.clear()
            sealed = await self._hand.seal()
            if sealed is not None:
                number, head, jobs = sealed
                await self._deliver(number, head.seq, jobs)
            async with self._changed:
                self._changed.notify_all()

    async def _due(self) -> None:
        """Wait until something is to be delivered: it is wanted, there is enough, or it has waited for long."""
        for _ in range(int(ANYWAY_SECONDS / TOGETHER_SECONDS)):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), TOGETHER_SECONDS)
                await asyncio.sleep(TOGETHER_SECONDS)
                return
            if self._hand.bytes >= ENOUGH_BYTES:
                return

    async def _deliver(self, number: int, head: int, jobs: frozenset[int]) -> None:
        path = self._home.volume(number)
        digest = await asyncio.to_thread(digest_of, path)
        size = path.stat().st_size
        wanted = VolumeKey(self._hand.lane.archive_id, number)
        self.waiting += size
        pause = FIRST_AGAIN
        while True:
            try:
                key = await self._place.put(wanted, path, digest)
                break
            except BusyError as error:
                logger.warning("%s", error)
                # A session that is given up in between has nothing to deliver.
                await self._database.lasting(self._session.check)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_AGAIN)
        volume = Delivered(number % IN_LANE, key, digest, size, head, jobs)
        await self._database.lasting(lambda: self._session.delivered(volume))
        self.waiting -= size
        self._delivered = head
        self._here[number] = head

    async def deliver(self) -> int:
        """Have all that was written delivered; the last entry of it."""
        head = (await self._hand.head()).seq
        async with self._changed:
            while self._delivered < head:
                self._wanted.set()
                await self._changed.wait()
        return head

    async def secure(self) -> None:
        """Have all that was written delivered, and wait until the home has made it part of the archive."""
        head = await self.deliver()
        async with self._changed:
            while self._anchored < head:
                await self._changed.wait()

    def anchored(self, head: int) -> None:
        """The home has made the lane part of the archive up to this entry: the files up to there are not needed here."""
        if head <= self._anchored:
            return
        self._anchored = head
        for number in [number for number, last in self._here.items() if last <= head]:
            del self._here[number]
            self._home.volume(number).unlink(missing_ok=True)
        spawn(self._notify(), name="anchored")

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
