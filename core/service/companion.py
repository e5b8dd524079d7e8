"""A process beside the service, for work of hours: it has the lowest priority, and dies with the service."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.config import Home, find
from core.errors import ArchivarError, HomeError
from core.service.identity import HomeIdentity
from core.system import guard, launch
from core.system.process import is_stopped
from core.system.tasks import spawn

NICE = 19
#: Rest in multiples of the work, beside a run: it slows the run by at most a tenth.
REST = 9
#: Seconds after which work no longer waits for the end of a run.
PATIENCE_SECONDS = 600.0
#: Seconds between checks for a stopped process, and checks in a row that must find it stopped.
LOOK_SECONDS, STOPPED_LOOKS = 1.0, 4
#: Seconds between looks for due work, and before the next start after a failure.
DUE_SECONDS, AGAIN_SECONDS = 5.0, 60.0
#: Idle priority for the disk too, where the kernel knows it.
GENTLY = ("ionice", "-c", "3", "-t")


class Patience:
    """The start of work beside the service: while no run is active, or when one has been for ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._quiet = float("-inf")

    def is_over(self, *, busy: bool) -> bool:
        """True when work may begin now. Called at every look at the queue; ``busy``: runs are active."""
        now = time.monotonic()
        if not busy or self._quiet == float("-inf"):
            self._quiet = now
        return not busy or now - self._quiet > self._seconds


class Companion:
    """Runs ``module`` as a process, with a home and more ``words`` as arguments; one at a time.

    ``logger`` gets its last output.
    """

    def __init__(self, module: str, logger: logging.Logger) -> None:
        self._module = module
        self._logger = logger
        self._process: subprocess.Popen[bytes] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The name of its work in the log, such as ``sealing``."""
        return self._module.rpartition(".")[2].replace("_", " ")

    @property
    def started(self) -> bool:
        """True when one was started whose end has not been handled."""
        return self._process is not None

    def start(self, home: Home, *words: str) -> None:
        """Start the process. Raises ``OSError``."""
        self._process = launch.beside(
            self._module,
            [str(home.path), *words],
            by=GENTLY if shutil.which(GENTLY[0]) else (),
            # The process ends when this pipe does.
            stdin=subprocess.PIPE,
            # Logged at its end: two processes must not rotate one log file.
            stderr=subprocess.PIPE,
        )
        self._watching = spawn(self._watch(self._process), name="watch companion")

    async def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process that was stopped (SIGSTOP): it may hold locks that others wait for. Its work is repeated later.

        A task of its own, since the service itself may be waiting for those locks.
        """
        looks = 0
        while process is self._process and process.poll() is None:
            looks = looks + 1 if is_stopped(process.pid) else 0
            if looks >= STOPPED_LOOKS:
                self._logger.error("process %d was stopped by a signal, and is ended", process.pid)
                process.kill()
                return
            await asyncio.sleep(LOOK_SECONDS)

    def ended(self) -> int | None:
        """The exit code of a process that has ended, once, with its last output in the log; None while there is none."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        for line in self._forget():
            self._logger.warning("%s: %s", self.name, line)
        return code

    def close(self) -> None:
        """Kill it at once, whatever its state."""
        if self._process is not None:
            self._process.kill()
            self._forget()

    def _forget(self) -> list[str]:
        process, self._process = self._process, None
        if self._watching is not None:
            self._watching.cancel()
        return process.communicate()[1].decode("utf-8", "replace").splitlines() if process is not None else []


class DueWork(ABC):
    """The service's control of a companion that is started whenever its work is due, one process at a time.

    ``trouble``: what is logged of work that cannot be looked at or started, before the error.
    """

    def __init__(self, archive: Archive, companion: Companion, logger: logging.Logger, trouble: str) -> None:
        self._archive = archive
        self._companion = companion
        self._logger = logger
        self._trouble = trouble
        self._name = companion.name
        self._looked = self._failed = self._started = float("-inf")

    @abstractmethod
    async def is_due(self) -> bool:
        """True when the process is to be started. Asked at intervals while none is running."""

    async def look(self) -> bool:
        """Start the process, or handle its end; True while one is running. Never raises."""
        moment = time.monotonic()
        if moment - self._looked < DUE_SECONDS:
            return self._companion.started
        self._looked = moment
        try:
            if self._companion.started:
                self.handle(self._companion.ended(), moment)
            elif moment - self._failed > AGAIN_SECONDS and await self.is_due():
                self._companion.start(self._archive.home)
                self._started = moment
        except (ArchivarError, OSError) as error:
            # A lock or a full disk passes.
            self._failed = moment
            self._logger.warning("%s: %s", self._trouble, error)
        return self._companion.started

    def handle(self, code: int | None, moment: float) -> None:
        """Take note of the process's exit code; None while it runs."""
        if code:
            self._failed = moment
            self.log_failure(code, moment)

    def log_failure(self, code: int, moment: float) -> None:
        """Log that the process failed."""
        self._logger.error("%s ended with code %d", self._name, code)

    def close(self) -> None:
        """End the process; the next service carries on."""
        self._companion.close()


def main(work: Callable[[Home], Coroutine[Any, Any, None]], logger: logging.Logger) -> None:
    """The process itself: runs ``work`` on the home that is its first argument, to its end or to that of the service.

    Raises ``SystemExit`` when it fails.
    """
    guard.protect()
    os.nice(NICE)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        home = find(Path(sys.argv[1]))
        identity = HomeIdentity.of(home)
        asyncio.run(_beside_the_service(work(home), identity))
    except ArchivarError as failure:
        logger.error("%s", failure)
        raise SystemExit(failure.exit_code) from None


async def _beside_the_service(coroutine: Coroutine[Any, Any, None], identity: HomeIdentity) -> None:
    work = spawn(coroutine, name="work")
    alone = spawn(_until_alone(), name="wait for the service's end")
    homeless = spawn(_until_replaced(identity), name="wait for another home")
    await asyncio.wait((work, alone, homeless), return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        # Nothing needs cleaning up: an unfinished transaction is rolled back.
        os._exit(0)
    alone.cancel()
    homeless.cancel()
    work.result()


async def _until_replaced(identity: HomeIdentity) -> None:
    """Wait until another home is in the place of the one that was opened; the service, which ends too, logs it."""
    with suppress(HomeError):
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            identity.check()


async def _until_alone() -> None:
    """Wait until the service is gone: its end of the pipe closes, however it ends."""
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), gone.set)
    await gone.wait()
