"""When the place in front is loaded again by itself: after changes, and now and then without any."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds after which a place is loaded without any change: elapsed times advance, a service may have died.
RESTLESS, IDLE = 1.0, 5.0
#: Pause after loading, in multiples of its duration: what is slow in a large archive is loaded less often.
REST = 20
#: Seconds of that pause at most: one slow load, of a disk that was asleep, must not leave the place as it was for minutes.
LONGEST_REST = 10.0


class Reloading:
    """``pace``: the least seconds from one load to the next after a change."""

    def __init__(self, pace: float) -> None:
        self.pace = pace
        self._stale = False
        self._loaded = 0.0
        self._rest = 0.0

    def is_due(self, *, changed: bool, restless: bool) -> bool:
        """True when the place is to be loaded now; ``changed``: the archive was written since the last question."""
        self._stale |= changed
        age = time.monotonic() - self._loaded
        return age >= max(self._rest, self.pace if self._stale else RESTLESS if restless else IDLE)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Context of one load."""
        self._stale, begun = False, time.monotonic()
        try:
            yield
        finally:
            self._loaded = time.monotonic()
            self._rest = min((self._loaded - begun) * REST, LONGEST_REST)
