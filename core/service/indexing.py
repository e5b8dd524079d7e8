"""The indexing process: brings the search index up to date, beside the service with the lowest priority.

It slows a run by at most a tenth: the service starts it only when no run is active, or when one has been for so long that the
index would fall far behind; while a run is active it rests nine times as long as it worked. It dies with the service, at any
moment: an unfinished batch is rolled back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from core.archive.archive import Archive
from core.archive.search import index_failure, search_index
from core.archive.search.search_index import FEW_MESSAGES, MOST_MESSAGES, Index
from core.config import Home
from core.errors import ArchivarError, BusyError
from core.problems.search import INDEX_ENDED
from core.service.companion import PATIENCE_SECONDS, REST, Companion, Patience, main
from core.service.queue import Queue

#: Seconds between checks for messages to index.
LOOK_SECONDS = 1.0
#: Seconds before another try after a failure (disk full, a lock).
AGAIN_SECONDS = 60.0

logger = logging.getLogger("archivar.indexing")


class Indexing:
    """The service's control of the indexing process."""

    def __init__(self, archive: Archive, *, patience: float = PATIENCE_SECONDS) -> None:
        self._archive = archive
        self._patience = Patience(patience)
        self._companion = Companion("core.service.indexing", logger)
        self._looked = self._failed = float("-inf")
        self._behind = False

    async def look(self, *, busy: bool) -> bool:
        """Start or end the process; True when it has work. ``busy``: runs are active. Never raises."""
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
                if code != BusyError.exit_code:
                    await self._note(code)
        self._behind = await self._is_behind() and now - self._failed > AGAIN_SECONDS
        if self._behind and free:
            self._start()
        return self._behind

    async def _note(self, code: int) -> None:
        """Keep the failure of a process that could not keep its reason."""
        # On a full disk nothing can be kept, and that is told by itself.
        with suppress(ArchivarError):
            if await index_failure.standing(self._archive.database) is None:
                await index_failure.failed(self._archive.database, INDEX_ENDED(status=code))

    async def _is_behind(self) -> bool:
        try:
            return (await search_index.progress(self._archive))[1] > 0
        except ArchivarError:
            return False

    def _start(self) -> None:
        try:
            self._companion.start(self._archive.home)
        except OSError as error:
            self._failed = time.monotonic()
            logger.error("indexing cannot be started: %s", error)

    def close(self) -> None:
        """End the process; unfinished work is repeated later."""
        self._companion.close()


async def catch_up(home: Home) -> None:
    """Index all messages, gently while runs are active, and those that come soon after. Raises ``ArchivarError``."""
    archive = await Archive.open(home, actor="indexing", follow=False)
    try:
        await archive.date_arrivals()
        index = await Index.open(archive)
        try:
            await index.again()
            await _work(Queue(archive.database), index)
        finally:
            await index.close()
        await index_failure.succeeded(archive.database)
    except ArchivarError as error:
        # What is busy is free in a minute.
        if not isinstance(error, BusyError):
            with suppress(ArchivarError):
                await index_failure.failed(archive.database, error.reason)
        raise
    finally:
        await archive.close()


async def _work(queue: Queue, index: Index) -> None:
    busy = True
    while True:
        begun = time.monotonic()
        count = await index.step(FEW_MESSAGES if busy else MOST_MESSAGES)
        worked = time.monotonic() - begun
        busy = bool(await queue.active())
        if not count and not busy:
            return
        # More may come as long as runs are active, and starting costs more than waiting.
        await asyncio.sleep(max(worked * REST, 0 if count else LOOK_SECONDS) if busy else 0)


if __name__ == "__main__":
    main(catch_up, logger)
