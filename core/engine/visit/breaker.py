"""Circuit breaker of a run: stops trying more mailboxes of a server when all so far have failed. Pure.

A thousand mailboxes must not mean a thousand logins with a wrong master password, nor a thousand times the wait for a server
that is down. One mailbox's own failure (P6) never counts for the others.
"""

from __future__ import annotations

from core.errors import ConnectError
from core.problems import connection
from core.problems.code import Reason

#: Failures in a row after which a server is taken to be out of reach.
UNREACHABLE = 5
#: Logins refused from the very first on, after which the master login is taken to be refused.
REFUSED = 10
#: Steps whose failure concerns every mailbox alike: one is enough.
_SETTINGS = ("lookup", "certificate")


class Breaker:
    """``open`` holds the reason to stop, once there is one; ``worked`` is True once any mailbox was opened."""

    def __init__(self) -> None:
        self.open: Reason | None = None
        self.worked = False
        self._unreachable = self._masters = 0
        self._refused = 0

    def succeeded(self) -> None:
        """Record that a mailbox was opened."""
        self.worked = True
        self._unreachable = self._masters = 0

    def failed(self, error: ConnectError) -> None:
        """Record that a mailbox could not be opened, after all tries."""
        if error.master:
            self._masters += 1
            if not self.worked or self._masters >= UNREACHABLE:
                self.open = error.reason
        elif error.step in _SETTINGS and not self.worked:
            self.open = error.reason
        elif error.step == "mailbox":
            self._unreachable = 0
        elif error.step == "login" and not error.busy:
            self._refused += 1
            if not self.worked and self._refused >= REFUSED:
                self.open = connection.ALL_LOGINS_REFUSED(count=self._refused, why=error.reason)
        else:
            self._unreachable += 1
            if self._unreachable >= UNREACHABLE:
                self.open = connection.NEVER_REACHED(count=self._unreachable, why=error.reason)
