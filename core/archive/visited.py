"""The archive as far as a visit of a mailbox needs it: what the catalog knows of the mailbox, and where its mail goes.

Two fill it: the archive of a home (``archive.Archive``), and that of a worker, which knows one mailbox and writes a lane.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from core.archive.store.ledger import Draft, Entry
from core.db.database import Database
from core.errors import DamagedError
from core.message.octets import Bytes

if TYPE_CHECKING:
    from core.archive.store.writer import Ready


class VisitWriter(Protocol):
    """The writer of what a visit fetches."""

    def expect(self, size: int) -> None:
        """Announce ``size`` bytes of messages."""

    async def prepare(self, raws: Sequence[bytes]) -> Ready:
        """Prepare messages as far as that is possible before they are written."""

    async def append(self, drafts: Sequence[Draft], ready: Ready | None = None) -> list[Entry]:
        """Store what is ``ready`` and append ``drafts``; durable when this returns, and in the catalog."""


class VisitedArchive(Protocol):
    """The archive of a mailbox that is visited. ``database``: the catalog, or as much of it as is about the mailbox."""

    @property
    def database(self) -> Database: ...

    @property
    def writer(self) -> VisitWriter: ...

    async def append(self, drafts: Sequence[Draft], ready: Ready | None = None) -> list[Entry]:
        """Append to the ledger, and store what is ``ready``."""

    async def catch_up(self) -> int:
        """Bring the catalog to the ledger's end before anything is deleted on the server."""

    async def meet(self, source: str, validities: Iterable[int]) -> None:
        """Have in the catalog what it should know of other mailboxes' folders with these UIDVALIDITYs."""

    def read_back(self, messages: Collection[bytes]) -> AsyncIterator[tuple[bytes, Bytes | DamagedError]]:
        """Yield each of ``messages`` as read back from where the archive keeps it, or the error."""
