"""Values shared by all parts: users, runs, progress, problems.

Times are aware UTC, sizes are bytes, states are ``StrEnum``. Values are frozen; only the engine's tallies change.
"""

from __future__ import annotations

import json
from dataclasses import field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from core.problems import table
from core.problems.code import Reason
from core.problems.command_line import COMMAND_LINE
from core.values import dataclass


def now() -> datetime:
    """The present time, aware, in UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and ``Z``: ``2026-01-31T09:05:00.250Z``; sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The reverse of ``timestamp``."""
    return datetime.fromisoformat(text)


class RunStatus(StrEnum):
    """The state of a run. The last four are final and are the results of the command line contract."""

    QUEUED = "queued"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    SUCCEEDED = "succeeded"
    WITH_ERRORS = "completed_with_errors"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        return self in (RunStatus.SUCCEEDED, RunStatus.WITH_ERRORS, RunStatus.CANCELLED, RunStatus.FAILED)

    @property
    def exit_code(self) -> int:
        return {
            RunStatus.SUCCEEDED: 0,
            RunStatus.WITH_ERRORS: 1,
            RunStatus.FAILED: 3,
            RunStatus.CANCELLED: 130,
        }.get(self, 3)


class Phase(StrEnum):
    """The present step of a run in a mailbox."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    LISTING = "listing"
    ARCHIVING = "archiving"
    CHECKING = "checking"
    DELETING = "deleting"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class User:
    """A person whose mail is archived. ``id`` never changes; the first address is the primary one.

    ``directory_id`` is the permanent id of a user from a directory, ``directory_addresses`` are the directory's (others were
    added by hand, and stay). ``disabled``: left the directory, so that profiles for all users skip the mailbox.
    """

    id: str
    name: str
    addresses: tuple[str, ...] = ()
    login: str = ""
    full_name: str = ""
    removed: bool = False
    disabled: bool = False
    directory_id: str = ""
    directory_addresses: tuple[str, ...] = ()

    def by_hand(self) -> User:
        """The same user, kept by hand from now on: the directory has no effect any more."""
        return replace(self, disabled=False, directory_id="", directory_addresses=())

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "addresses": list(self.addresses),
            "login": self.login,
            "full_name": self.full_name,
            "removed": self.removed,
            "disabled": self.disabled,
            "directory_id": self.directory_id,
            "directory_addresses": list(self.directory_addresses),
        }


@dataclass(frozen=True, slots=True)
class Problem:
    """One message (``uid``), folder or mailbox (``uid`` None) that could not be archived, with the reason."""

    folder: str
    uid: int | None
    reason: Reason

    @property
    def text(self) -> str:
        """The reason as a sentence of the command line."""
        return self.reason.sentence(COMMAND_LINE)

    def as_json(self) -> dict[str, Any]:
        return {"folder": self.folder, "uid": self.uid, "reason": self.text, **self.reason.as_json()}

    @classmethod
    def kept(cls, value: dict[str, Any]) -> Problem:
        """Decode a problem in the result of a run, of older versions too."""
        return cls(value["folder"], value["uid"], table.kept(value))


COUNTERS = ("found", "archived", "known", "moved", "excluded", "failed", "deleted", "bytes")


@dataclass(slots=True)
class Tally:
    """Counts of messages; ``bytes`` are the raw bytes archived in this run."""

    found: int = 0
    archived: int = 0
    known: int = 0
    moved: int = 0
    excluded: int = 0
    failed: int = 0
    deleted: int = 0
    bytes: int = 0

    def add(self, other: Tally) -> None:
        for name in COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def as_json(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in COUNTERS}


@dataclass(frozen=True, slots=True)
class Forecast:
    """A dry run's forecast for one folder. ``delete`` holds the UIDs that would be deleted on the server."""

    folder: str
    new: int
    bytes: int
    excluded: int
    delete: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "folder": self.folder,
            "new": self.new,
            "bytes": self.bytes,
            "excluded": self.excluded,
            "delete": list(self.delete),
        }


@dataclass(slots=True)
class MailboxResult:
    """The result of one mailbox in a run."""

    mailbox: str
    user: str
    status: RunStatus = RunStatus.QUEUED
    tally: Tally = field(default_factory=Tally)
    problems: list[Problem] = field(default_factory=list)
    excluded_folders: dict[str, str] = field(default_factory=dict)
    forecast: list[Forecast] | None = None

    def as_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "mailbox": self.mailbox,
            "user": self.user,
            "status": self.status.value,
            **self.tally.as_json(),
            "problems": [problem.as_json() for problem in self.problems],
            "excluded_folders": dict(sorted(self.excluded_folders.items())),
        }
        if self.forecast is not None:
            value["folders"] = [one.as_json() for one in self.forecast]
        return value


@dataclass(frozen=True, slots=True)
class Run:
    """A run in the queue: queued, active, or finished with ``result`` (the contract's JSON object).

    ``automatic``: started by the schedule of its profile, not by a person.
    """

    id: int
    profile: str
    status: RunStatus
    requested: datetime
    started: datetime | None = None
    finished: datetime | None = None
    cancel_requested: bool = False
    dry_run: bool = False
    resumed: int = 0
    reason: str = ""
    result: dict[str, Any] | None = None
    automatic: bool = False

    @property
    def why(self) -> Reason | None:
        """The reason why it failed; of a run of an older version the sentence alone is known."""
        if not self.reason:
            return None
        result = self.result or {}
        return table.kept({"reason": self.reason, "code": result.get("code"), "values": result.get("values")})


class EventKind(StrEnum):
    """The kind of a run's event."""

    STARTED = "started"
    RESUMED = "resumed"
    DIRECTORY = "directory"
    WAITING = "waiting"
    PLAN = "plan"
    MOVED = "moved"
    DELETED = "deleted"
    WARNING = "warning"
    PROBLEM = "problem"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Told:
    """The content of an event: its code with the values, and the folder and the message (``uid``) that it is about, if any."""

    reason: Reason
    folder: str = ""
    uid: int | None = None

    @property
    def text(self) -> str:
        """The place and the sentence, in the words of the command line."""
        place = ", ".join(filter(None, (self.folder, f"UID {self.uid}" if self.uid else "")))
        return ": ".join(filter(None, (place, self.reason.sentence(COMMAND_LINE))))

    def as_json(self) -> dict[str, Any]:
        return {"folder": self.folder, "uid": self.uid, **table.as_kept(self.reason)}

    @classmethod
    def kept(cls, text: str) -> Told:
        """The event from its JSON; from a sentence alone, which earlier versions wrote."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            return cls(table.kept({"reason": text}))
        return cls(table.kept(value), str(value.get("folder", "")), value.get("uid"))


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One event of a run, append-only. ``kind`` is an ``EventKind``, or that of an older version."""

    id: int
    run: int
    at: datetime
    kind: str
    mailbox: str
    told: Told

    @property
    def text(self) -> str:
        return self.told.text

    def as_json(self) -> dict[str, Any]:
        return {"at": timestamp(self.at), "kind": self.kind, "mailbox": self.mailbox, **self.told.as_json()}
