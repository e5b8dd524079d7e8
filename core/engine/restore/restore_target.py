"""One folder on a server that a restore fills, with its progress; outlives connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from core.archive.read.selection import SelectedFolder, SelectedMessage
from core.engine.restore.restore_places import Spot
from core.values import dataclass


@dataclass(slots=True)
class Appended:
    """A message appended to the server, with its folder in the archive; not recorded in the ledger yet."""

    folder: SelectedFolder
    place: SelectedMessage
    flags: str
    internaldate: int | None
    size: int
    uid: int | None = None


@dataclass(slots=True)
class Target:
    """A folder on the server with the messages for it; outlives a broken connection. ``wished`` is the requested path."""

    wished: str
    folders: Sequence[SelectedFolder]
    spot: Spot | None = None
    uidvalidity: int = 0
    #: Up to which message each folder of the archive is settled, and single messages beyond that.
    after: dict[int, int] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    count: int = 0
    put: int = 0
    tries: dict[int, int] = field(default_factory=dict)
    waiting: list[Appended] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The folder's path on the server, as far as known."""
        return self.spot.path if self.spot is not None else self.wished

    @property
    def name(self) -> str:
        """The folder's name as on the wire."""
        return self.spot.name if self.spot is not None else ""

    @property
    def whose(self) -> str | None:
        """The folder's owner, as in the ledger; None where the server does not tell."""
        return self.spot.whose.standing.value if self.spot is not None and self.spot.whose is not None else None

    @property
    def total(self) -> int:
        return sum(folder.messages for folder in self.folders)
