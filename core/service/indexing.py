"""The process that brings the search index up to the archive, beside the service and below everything else.

It never slows a run by more than a tenth: the service starts it only when no run is under way, or when one has been for so long
that the index would fall far behind; it has the lowest priority, and while a run is under way it rests nine times as long as it
worked. It dies with the service, and at any moment: an unfinished batch is none.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from pathlib import Path

from core.archive.archive import Archive
from core.archive.search import search_index
from core.archive.search.search_index import Index
from core.config import Home, find
from core.errors import ArchivarError
from core.service.companion import PATIENCE_SECONDS, REST, Companion, Patience, main
from core.service.queue import Queue

#: How often it is looked whether there is something to index.
LOOK_SECONDS = 1.0
#: After a failure (disk full, a lock) it is not tried again so soon.
AGAIN_SECONDS = 60.0

logger = logging.getLogger("archivar.indexing")


class Indexing:
    """What the service knows of the process, and when it starts it."""

    def __init__(self, archive: Archive, *, patience: float = PATIENCE_SECONDS) -> None:
        self._archive = archive
        self._patience = Patience(patience)
        self._companion = Companion("core.service.indexing", logger)
        self._looked = self._failed = float("-inf")
        self._behind = False

    async def look(self, *, busy: bool) -> bool:
        """See to the process; is there work for it? ``busy``: runs are under way. Never raises."""
        now = time.monotonic()
        free = self._patience.is_over(busy=busy)
        if now - self._looked < LOOK_SECONDS:
            return self._behind
        self._looked = now
        if self._companion.started:
            if (code := self._companion.ended()) is None:
                self._behind = True
                return True
            if code:
                self._failed = now
                logger.error("indexing ended with code %d; it is tried again in %d s", code, AGAIN_SECONDS)
        self._behind = await self._is_behind() and now - self._failed > AGAIN_SECONDS
        if self._behind and free:
            self._start()
        return self._behind

    async def _is_behind(self) -> bool:
        try:
            return (await search_index.glance(self._archive)).behind > 0
        except ArchivarError:
            return False

    def _start(self) -> None:
        try:
            self._companion.start(self._archive.home)
        except OSError as error:
            self._failed = time.monotonic()
            logger.error("indexing cannot be started: %s", error)

    def close(self) -> None:
        """End the process; what it has not finished is done another time."""
        self._companion.close()


async def catch_up(home: Home) -> None:
    """Index all there is, gently while runs are under way, and what comes soon after. Raises ``ArchivarError``."""
    archive = await Archive.open(home, actor="indexing", follow=False)
    try:
        index = await Index.open(archive)
        try:
            await index.again()
            await _work(Queue(archive.database), index)
        finally:
            await index.close()
    finally:
        await archive.close()


async def _work(queue: Queue, index: Index) -> None:
    while True:
        begun = time.monotonic()
        count = await index.step()
        worked = time.monotonic() - begun
        busy = bool(await queue.active())
        if not count and not busy:
            return
        # More may come as long as runs are under way, and starting costs more than waiting.
        await asyncio.sleep(max(worked * REST, 0 if count else LOOK_SECONDS) if busy else 0)


if __name__ == "__main__":
    main(catch_up(find(Path(sys.argv[1]))), logger)
