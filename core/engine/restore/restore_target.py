"""One folder on a server that a restore fills, and how far it is; outlives the connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.archive.read.selection import Folder, Place
from core.engine.restore.restore_places import Spot


@dataclass(slots=True)
class Appended:
    """A message that the server took, with the folder of the archive it came from; not written down yet."""

    folder: Folder
    place: Place
    flags: str
    internaldate: int | None
    size: int
    uid: int | None = None


@dataclass(slots=True)
class Target:
    """A folder on the server with what goes there; lives on when a connection breaks. ``wished`` is what was asked for."""

    wished: str
    folders: Sequence[Folder]
    spot: Spot | None = None
    uidvalidity: int = 0
    #: Up to which message each folder of the archive is settled, and what is settled beyond that.
    after: dict[int, int] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    count: int = 0
    put: int = 0
    tries: dict[int, int] = field(default_factory=dict)
    waiting: list[Appended] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Where it is on the server, as far as that is known."""
        return self.spot.path if self.spot is not None else self.wished

    @property
    def name(self) -> str:
        """Its name as on the wire."""
        return self.spot.name if self.spot is not None else ""

    @property
    def whose(self) -> str | None:
        """Whose it is, as in the ledger; None where the server does not tell."""
        return self.spot.whose.standing.value if self.spot is not None and self.spot.whose is not None else None

    @property
    def total(self) -> int:
        return sum(folder.messages for folder in self.folders)
