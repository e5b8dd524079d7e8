"""A hindrance of the home that runs with workers wait for: told to each of them once, when it lasts."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from core.engine.visit.story import Listener
from core.problems import command_line
from core.problems.code import Reason
from core.problems.warning import RUN_WAITS

#: Seconds after which it is told.
TOLD_SECONDS = 20.0

logger = logging.getLogger("archivar.cluster")


class Hindrance:
    """One kind of hindrance: there or not."""

    def __init__(self) -> None:
        self._since = 0.0
        self._told: list[Listener] = []

    def happens(self, why: Reason, listeners: Iterable[Listener]) -> None:
        """It is there now, as it may have been before."""
        if not self._since:
            self._since = time.monotonic()
            logger.warning("%s", command_line.told(why))
        seconds = time.monotonic() - self._since
        for one in listeners if seconds >= TOLD_SECONDS else ():
            if not any(one is told for told in self._told):
                self._told.append(one)
                one.warn("", RUN_WAITS(seconds=int(seconds), why=why))

    def is_over(self) -> None:
        """It is not there now."""
        if self._since:
            logger.info("runs go on after %.0f s", time.monotonic() - self._since)
        self._since, self._told = 0.0, []
