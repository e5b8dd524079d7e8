"""Errors with a remedy: a reason (a code and its values, with sentence and remedy) and an exit code.

Two families: an *item's* error (one message, one folder, one mailbox) is counted and recorded as a ``model.Problem`` and the
run continues; the exceptions here stop the command or the run. Foreign exceptions are translated at the one place
where their library is imported. Exit codes are those of the command line contract.
"""

from __future__ import annotations

from typing import Any

from core.problems import command_line
from core.problems.code import Reason


class ArchivarError(Exception):
    """Base of all errors shown to users. ``reason`` is the code with its values; a sentence without a code has its ``hint``.

    ``message`` and ``hint`` are the reason's sentence and remedy in the words of the command line.
    """

    exit_code = 3

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def message(self) -> str:
        return command_line.sentence(self.reason)

    @property
    def hint(self) -> str:
        return command_line.remedy(self.reason)

    def __str__(self) -> str:
        return command_line.told(self.reason)

    @property
    def others(self) -> list[str]:
        """Further faults with their remedies, in lines for people."""
        return []

    def as_json(self) -> dict[str, Any]:
        """Fields of the error in JSON beside message, hint and exit code."""
        return {}


class InputError(ArchivarError):
    """Wrong usage or input: nothing was changed."""

    exit_code = 2


class HomeError(InputError):
    """The home folder cannot be used: not writable, not ours, newer than the program, or not there."""


class ConnectError(ArchivarError):
    """The server could not be reached or refused us; ``step`` is the step of the connection that failed.

    ``retry``: trying again may help. ``busy``: the server is overloaded. ``master``: the login shared by a profile's mailboxes
    was refused.
    """

    def __init__(self, step: str, reason: Reason, *, retry: bool = False, busy: bool = False, master: bool = False) -> None:
        super().__init__(reason)
        self.step = step
        self.retry = retry
        self.busy = busy
        self.master = master


class Dropped(ConnectError):
    """The connection ended or fell silent in the middle of the work; trying again may help."""

    def __init__(self, reason: Reason, *, busy: bool = False) -> None:
        super().__init__("connection", reason, retry=True, busy=busy)


class Sluggish(Dropped):
    """An answer came so slowly that it was abandoned."""


class Boundless(Dropped):
    """An answer exceeded any sensible length: repeating the command is of no use."""


class Exhausted(ConnectError):
    """The server refused a request, or nearly so, after all tries: the rest waits for the next run."""

    def __init__(self, reason: Reason, *, busy: bool = False) -> None:
        super().__init__("connection", reason, busy=busy)


class Spent(Exhausted):
    """The daily share of a profile's downloads is used up."""


class ProtocolError(ArchivarError):
    """The server answered a command with NO, BAD, or something unreadable."""


class DirectoryError(ArchivarError):
    """The directory gave no answer that users may be changed by: an error, nothing, or only a part."""


class StorageError(ArchivarError):
    """The archive could not be written (disk full, read-only, input/output error); nothing half written is visible."""


class ReadOnlyError(StorageError):
    """The archive is on a read-only place, so that it can only be read: nothing was changed."""

    exit_code = 2


class UnfetchedError(StorageError):
    """A volume that is only in its storage cannot be had now: nothing is known to be wrong with it."""


class DamagedError(ArchivarError):
    """The archive itself is damaged."""

    exit_code = 4


class BusyError(ArchivarError):
    """Another process holds the lock."""

    exit_code = 5
