"""The process that brings the search index up to the archive, beside the service and below everything else.

It never slows a run by more than a tenth: the service starts it only when no run is under way, or when one has been for so long
that the index would fall far behind; it has the lowest priority, and while a run is under way it rests nine times as long as it
worked. It dies with the service, and at any moment: an unfinished batch is none.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import core
from core.archive import search_index
from core.archive.archive import Archive
from core.archive.search_index import Index
from core.config import Home, find
from core.errors import ArchivarError, BusyError, StorageError
from core.service import notify
from core.service.queue import Queue
from core.tasks import spawn

#: While runs are under way: how much longer it rests than it worked.
REST = 9
#: A run that has been under way for so long is not waited for.
PATIENCE_SECONDS = 600.0
#: How often it is looked whether there is something to index.
LOOK_SECONDS = 1.0
#: After a failure (disk full, a lock) it is not tried again so soon.
AGAIN_SECONDS = 60.0
NICE = 19

logger = logging.getLogger("archivar.indexing")


class Indexing:
    """What the service knows of the process, and when it starts it."""

    def __init__(self, archive: Archive, *, patience: float = PATIENCE_SECONDS) -> None:
        self._archive = archive
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        self._looked = self._quiet = self._failed = float("-inf")
        self._behind = False

    async def look(self, *, busy: bool) -> bool:
        """See to the process; is there work for it? ``busy``: runs are under way. Never raises."""
        now = time.monotonic()
        if not busy or self._quiet == float("-inf"):
            self._quiet = now
        if now - self._looked < LOOK_SECONDS:
            return self._behind
        self._looked = now
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                self._behind = True
                return True
            for line in self._end().splitlines():
                logger.warning("indexing: %s", line)
            if code:
                self._failed = now
                logger.error("indexing ended with code %d; it is tried again in %d s", code, AGAIN_SECONDS)
        self._behind = await self._is_behind() and now - self._failed > AGAIN_SECONDS
        if self._behind and (not busy or now - self._quiet > self._patience):
            self._start()
        return self._behind

    async def _is_behind(self) -> bool:
        try:
            return (await search_index.glance(self._archive)).behind > 0
        except (BusyError, StorageError):
            return False

    def _start(self) -> None:
        source = str(Path(core.__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
        inherited = {name: value for name, value in os.environ.items() if name not in notify.VARIABLES}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "core.service.indexing", str(self._archive.home.path)],
                env={**inherited, "PYTHONPATH": path},
                cwd="/",
                # It ends when this pipe does.
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                # Told at the end: two processes must not turn over one log file.
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            self._failed = time.monotonic()
            logger.error("indexing cannot be started: %s", error)

    def close(self) -> None:
        """End the process; what it has not finished is done another time."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _end(self) -> str:
        """Forget the process, which has ended or is about to; what it said."""
        process, self._process = self._process, None
        return process.communicate()[1].decode("utf-8", "replace") if process is not None else ""


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


async def _until_alone() -> None:
    """Wait until the service is gone: its end of the pipe closes, however it ends."""
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), gone.set)
    await gone.wait()


async def _main(home: Home) -> None:
    work = spawn(catch_up(home), name="catch up")
    alone = spawn(_until_alone(), name="wait for the service's end")
    await asyncio.wait((work, alone), return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        # Nothing needs tidying up: an unfinished transaction is none.
        os._exit(0)
    alone.cancel()
    work.result()


if __name__ == "__main__":
    os.nice(NICE)
    place = find(Path(sys.argv[1]))
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        asyncio.run(_main(place))
    except ArchivarError as failure:
        logger.error("indexing ended: %s", failure)
        raise SystemExit(failure.exit_code) from None
