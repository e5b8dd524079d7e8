"""A process beside the service, for work that may take hours: it has the lowest priority, and dies with the service."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import core
from core.config import Home
from core.errors import ArchivarError
from core.service import notify
from core.tasks import spawn

NICE = 19
#: The disk too is its own only when nobody else wants it, where the kernel knows of such a thing.
GENTLY = ("ionice", "-c", "3", "-t")


class Companion:
    """``module`` as a process, with a home and more ``words`` for arguments; one at a time."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def started(self) -> bool:
        """Was one started whose end has not been seen to?"""
        return self._process is not None

    def start(self, home: Home, *words: str) -> None:
        """Raises ``OSError``."""
        source = str(Path(core.__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
        inherited = {name: value for name, value in os.environ.items() if name not in notify.VARIABLES}
        gently = GENTLY if shutil.which(GENTLY[0]) else ()
        self._process = subprocess.Popen(
            [*gently, sys.executable, "-P", "-m", self._module, str(home.path), *words],
            env={**inherited, "PYTHONPATH": path},
            cwd="/",
            # It ends when this pipe does.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            # Told at the end: two processes must not turn over one log file.
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def ended(self) -> tuple[int, list[str]] | None:
        """The code and the last words of a process that has ended, told once; None while there is none."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        return code, self._forget()

    def close(self) -> None:
        """End it at once, wherever it is."""
        if self._process is not None:
            self._process.kill()
            self._forget()

    def _forget(self) -> list[str]:
        process, self._process = self._process, None
        return process.communicate()[1].decode("utf-8", "replace").splitlines() if process is not None else []


def main(work: Coroutine[Any, Any, None], logger: logging.Logger) -> None:
    """The process itself: do ``work``, to its end or to that of the service. Raises ``SystemExit`` when it fails."""
    os.nice(NICE)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        asyncio.run(_beside_the_service(work))
    except ArchivarError as failure:
        logger.error("%s", failure)
        raise SystemExit(failure.exit_code) from None


async def _beside_the_service(coroutine: Coroutine[Any, Any, None]) -> None:
    work = spawn(coroutine, name="work")
    alone = spawn(_until_alone(), name="wait for the service's end")
    await asyncio.wait((work, alone), return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        # Nothing needs tidying up: an unfinished transaction is none.
        os._exit(0)
    alone.cancel()
    work.result()


async def _until_alone() -> None:
    """Wait until the service is gone: its end of the pipe closes, however it ends."""
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), gone.set)
    await gone.wait()
