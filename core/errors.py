"""Errors that a person can act on: a sentence, a remedy, an exit code.

Two families: an *item's* error (one message, one folder, one mailbox) is counted and named as a ``model.Problem`` and the
run goes on; what is raised from here stops the command or the run. Foreign exceptions are translated at the one place
where their library is imported. Exit codes are those of the command line contract.
"""

from __future__ import annotations

from typing import Any


class ArchivarError(Exception):
    """Base of all errors that are shown to a person: what happened (``message``) and what to do (``hint``)."""

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    @property
    def others(self) -> list[str]:
        """What else is wrong, with what to do, in lines for people."""
        return []

    def as_json(self) -> dict[str, Any]:
        """What is told of the error beside message, hint and exit code."""
        return {}


class InputError(ArchivarError):
    """Wrong usage or input: nothing was changed."""

    exit_code = 2


class HomeError(InputError):
    """The home folder cannot be used: not writable, not ours, newer than the program, or not there."""


class ConnectError(ArchivarError):
    """The server could not be reached or refused us; ``step`` is the step of the connection that failed.

    ``retry``: trying again may help. ``busy``: the server has too much to do. ``master``: the login that all mailboxes of a
    profile share was refused.
    """

    def __init__(
        self, step: str, message: str, hint: str = "", *, retry: bool = False, busy: bool = False, master: bool = False
    ) -> None:
        super().__init__(message, hint)
        self.step = step
        self.retry = retry
        self.busy = busy
        self.master = master


class Dropped(ConnectError):
    """The connection ended or fell silent in the middle of the work; trying again may help."""

    def __init__(self, message: str, hint: str = "", *, busy: bool = False) -> None:
        super().__init__("connection", message, hint, retry=True, busy=busy)


class Sluggish(Dropped):
    """An answer came so slowly that it was given up."""


class Boundless(Dropped):
    """The answer to a command did not end where any answer would: asking again is of no use."""


class Exhausted(ConnectError):
    """The server would not, or hardly, give what was asked for, after all tries: what is left waits for the next run."""

    def __init__(self, message: str, hint: str = "", *, busy: bool = False) -> None:
        super().__init__("connection", message, hint, busy=busy)


class Spent(Exhausted):
    """The share that a profile may download in one day is used up."""


class ProtocolError(ArchivarError):
    """The server answered NO or BAD to a command, or something that cannot be read."""


class DirectoryError(ArchivarError):
    """The directory gave no answer that users may be changed by: an error of its own, nothing, or only a part."""


class StorageError(ArchivarError):
    """The archive could not be written (disk full, read-only, input/output error); nothing half written is visible."""


class ReadOnlyError(StorageError):
    """The archive lies where nothing can be written, so that it can only be read: nothing was changed."""

    exit_code = 2


class DamagedError(ArchivarError):
    """The archive itself is damaged."""

    exit_code = 4


class BusyError(ArchivarError):
    """Somebody else holds the lock."""

    exit_code = 5


class Cancelled(ArchivarError):
    """The run was cancelled."""

    exit_code = 130
