"""Findings of a comparison of a mailbox with the archive: values, and the JSON that the command line contract promises."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from core.model import now, timestamp
from core.problems import command_line, comparison, deletion, message, table
from core.problems.code import Reason
from core.text.format import counted, size, when
from core.values import dataclass


class DifferenceKind(StrEnum):
    """The difference between a message on the server and its archived record."""

    NOT_ARCHIVED = "not-archived"
    #: Known, but listed with another size or date than recorded: it may be another message, which only bytes tell.
    OTHER_NUMBERS = "other-numbers"
    #: The server has another message at the UID than the archived one.
    OTHER_BYTES = "other-bytes"
    #: The archived message has another length than the server announces, on a server whose sizes are right.
    OTHER_LENGTH = "other-length"
    #: Listed, but not sent on request.
    NOT_GIVEN = "not-given"
    #: The server has the right bytes; the archive's copy is unreadable.
    DAMAGED = "damaged"

    @property
    def words(self) -> str:
        """The difference in words."""
        return _WORDS[self]


_WORDS = {
    DifferenceKind.NOT_ARCHIVED: "not archived",
    DifferenceKind.OTHER_NUMBERS: "listed with another size or date than recorded: it may be another message",
    DifferenceKind.OTHER_BYTES: "another message than the one that was archived",
    DifferenceKind.OTHER_LENGTH: "of another length than announced",
    DifferenceKind.NOT_GIVEN: "not given by the server",
    DifferenceKind.DAMAGED: "the archived copy is damaged",
}
#: The codes of differences without a reason of their own.
_CODES = {
    DifferenceKind.NOT_ARCHIVED: comparison.NOT_ARCHIVED,
    DifferenceKind.OTHER_NUMBERS: comparison.OTHER_NUMBERS,
    DifferenceKind.OTHER_BYTES: comparison.OTHER_BYTES,
    DifferenceKind.OTHER_LENGTH: comparison.OTHER_LENGTH,
    DifferenceKind.NOT_GIVEN: message.LEFT_OUT,
    DifferenceKind.DAMAGED: deletion.DAMAGED_COPY,
}


def _told(reasons: Sequence[Reason]) -> dict[str, Any]:
    """The fields of errors in JSON: their sentences in one, the code of the first, and all of them with codes and values."""
    kept = [table.as_kept(one) for one in reasons]
    return {"error": _joined(reasons), "code": kept[0]["code"] if kept else "", "reasons": kept}


def _joined(reasons: Sequence[Reason]) -> str:
    return "; ".join(map(command_line.sentence, reasons))


@dataclass(frozen=True, slots=True)
class Differing:
    """A message that differs. ``size`` in bytes and ``internaldate`` in seconds (or None) as the server lists them."""

    uid: int
    size: int
    internaldate: int | None
    what: DifferenceKind
    reason: Reason | None = None

    @property
    def told(self) -> str:
        """The reason as a sentence of the command line; empty where the kind says all."""
        return command_line.sentence(self.reason) if self.reason is not None else ""

    def as_json(self) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "size": self.size,
            "internaldate": self.internaldate,
            "what": self.what.value,
            "reason": self.told,
            "code": (self.reason.code if self.reason is not None else _CODES[self.what]).word,
        }


@dataclass(frozen=True, slots=True)
class Depth:
    """The work of a deep comparison in a folder.

    ``compared`` messages were read now, ``kept`` before the comparison was stopped, the oldest at ``kept_since``.
    ``renumbered``: equal, but listed with other numbers than recorded. ``left_over`` messages were not read, since the folder
    became unavailable.
    """

    compared: int = 0
    bytes: int = 0
    kept: int = 0
    kept_since: datetime | None = None
    renumbered: int = 0
    left_over: int = 0
    repaired: tuple[Differing, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "compared": self.compared,
            "bytes": self.bytes,
            "kept": self.kept,
            "kept_since": timestamp(self.kept_since) if self.kept_since else None,
            "renumbered": self.renumbered,
            "left_over": self.left_over,
            "repaired": [one.as_json() for one in self.repaired],
        }


@dataclass(frozen=True, slots=True)
class MissingFolder:
    """A folder compared with the archive. ``archived`` of its ``found`` messages are there, unchanged.

    ``reasons`` tell why a part could not be compared. ``left_out`` counts messages that the profile's filter excludes,
    and those left in a catch-all mailbox. ``depth`` is None where only numbers were compared.
    """

    path: str
    found: int
    archived: int
    excluded: str
    differences: tuple[Differing, ...] = ()
    reasons: tuple[Reason, ...] = ()
    left_out: int = 0
    depth: Depth | None = None

    @property
    def error(self) -> str:
        """The reasons as sentences of the command line; empty without any."""
        return _joined(self.reasons)

    @property
    def missing(self) -> tuple[tuple[int, int, int | None], ...]:
        """(UID, size in bytes, INTERNALDATE in seconds or None) of the differences."""
        return tuple((one.uid, one.size, one.internaldate) for one in self.differences)

    @property
    def done(self) -> bool:
        """True when all requested messages were read."""
        return self.depth is None or not self.depth.left_over

    def as_json(self) -> dict[str, Any]:
        value = {
            "folder": self.path,
            "found": self.found,
            "archived": self.archived,
            "excluded": self.excluded,
            "left_out": self.left_out,
            **_told(self.reasons),
            "missing": [one.as_json() for one in self.differences],
        }
        return value | ({"deep": self.depth.as_json()} if self.depth else {})


@dataclass(frozen=True, slots=True)
class MissingMailbox:
    """A mailbox compared with the archive; ``reasons`` tell why it was not, not wholly, or not repaired.

    ``unfinished``: a later comparison can continue this one.
    """

    mailbox: str
    user: str
    folders: tuple[MissingFolder, ...] = ()
    reasons: tuple[Reason, ...] = ()
    unfinished: bool = False

    @property
    def error(self) -> str:
        """The reasons as sentences of the command line; empty without any."""
        return _joined(self.reasons)

    @property
    def missing(self) -> int:
        """The number of differing messages."""
        return sum(len(folder.differences) for folder in self.folders)

    @property
    def errors(self) -> int:
        """The number of errors: of the mailbox as a whole, and of its folders."""
        return bool(self.error) + sum(bool(folder.error) for folder in self.folders)

    @property
    def repaired(self) -> int:
        """The number of messages that differed and were repaired."""
        return sum(len(folder.depth.repaired) for folder in self.folders if folder.depth)

    def as_json(self) -> dict[str, Any]:
        return {
            "mailbox": self.mailbox,
            "user": self.user,
            **_told(self.reasons),
            "missing": self.missing,
            "folders": [folder.as_json() for folder in self.folders],
        }


def account(found: Sequence[MissingMailbox]) -> list[str]:
    """The extent of a deep comparison, and the age of its results, in sentences."""
    depths = [folder.depth for one in found for folder in one.folders if folder.depth]
    compared, read = sum(depth.compared for depth in depths), sum(depth.bytes for depth in depths)
    told = [f"{counted(compared, 'message')} read and compared, {size(read)}."]
    if kept := sum(depth.kept for depth in depths):
        oldest = min(depth.kept_since for depth in depths if depth.kept_since)
        told.append(f"{counted(kept, 'message')} read earlier (the first of them: {when(oldest, now())}), and not again.")
    if renumbered := sum(depth.renumbered for depth in depths):
        told.append(f"{counted(renumbered, 'message')} listed with other numbers than recorded, with the same bytes: no loss.")
    if repaired := sum(one.repaired for one in found):
        told.append(f"{counted(repaired, 'message')} repaired: what the server has is archived beside what was there.")
    if any(one.unfinished for one in found):
        told.append("Not all of it could be read: the same again goes on from there.")
    return told
