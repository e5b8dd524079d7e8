"""Reading back: messages by id, their places and history, folders with their counts."""

from __future__ import annotations

from core.archive.archive import Archive
from core.archive.catalog import digests
from core.archive.catalog.twins import STANDING
from core.errors import InputError
from core.problems import search as problems
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as the catalog lists it. ``date`` is that of the Date header, None when it is missing or cannot be used.

    ``arrived`` is INTERNALDATE, None when no server told it. Both in seconds since 1970.
    """

    id: int
    sha256: bytes
    volume: int
    size: int
    subject: str
    sender: str
    recipients: str
    date: int | None
    attachments: int
    arrived: int | None

    @property
    def moment(self) -> int | None:
        """The date of its header, or else its arrival, in seconds since 1970."""
        return self.arrived if self.date is None else self.date


#: The columns of ``message`` that make a ``Stored``.
STORED = (
    "id, sha256, volume, size, subject, sender, recipients, date, attachments, "
    "(SELECT min(internaldate) FROM source_message WHERE source_message.message_id = message.id)"
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A placement of a message, present or past. ``until`` is empty while it is there; times as in the ledger."""

    user: str
    folder: str
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class FolderCount:
    """A folder in a user's archive: the messages and bytes in it now."""

    path: str
    messages: int
    bytes: int


async def find(archive: Archive, wanted: str) -> Stored:
    """The message with the id ``wanted``, or whose SHA-256 begins with it. Raises ``InputError``."""
    rows = []
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 19:
        rows = await archive.database.read(f"SELECT {STORED} FROM message WHERE id = ?", (int(wanted),))
    if not rows and len(wanted) >= 8 and len(wanted) <= 64 and set(wanted.lower()) <= set("0123456789abcdef"):
        low = bytes.fromhex(wanted.ljust(64, "0"))
        high = bytes.fromhex(wanted.ljust(64, "f"))
        sql = f"SELECT {STORED} FROM message WHERE {digests.between('?1', '?2')} LIMIT 2"
        rows = await archive.database.read(sql, (low, high))
    if len(rows) != 1:
        problem = problems.SEVERAL_MESSAGES if rows else problems.NO_MESSAGE
        raise InputError(problem(id=wanted))
    return Stored(*rows[0])


async def places(archive: Archive, message: int) -> list[Placed]:
    """The placements of a message, the oldest first. Times come from the ledger's entries."""
    rows = await archive.database.read(
        "SELECT user.name, folder.path, placement.since_seq, placement.until_seq FROM placement "
        "JOIN folder ON folder.id = placement.folder_id JOIN user ON user.id = folder.owner "
        f"WHERE placement.message_id = (SELECT {STANDING} FROM message WHERE id = ?) "
        "ORDER BY placement.since_seq, placement.id",
        (message,),
    )
    times = await archive.volumes.entry_times({seq for row in rows for seq in row[2:4] if seq})
    return [
        Placed(user, path, times.get(since, ""), times.get(until, "") if until else "") for user, path, since, until in rows
    ]


async def folders(archive: Archive, owner: str) -> list[FolderCount]:
    """The folders of a user's archive by path, empty ones included."""
    rows = await archive.database.read(
        "SELECT folder.path, count(message.id), coalesce(sum(message.size), 0) FROM folder "
        "LEFT JOIN placement ON placement.folder_id = folder.id AND placement.until_seq IS NULL "
        "LEFT JOIN message ON message.id = placement.message_id WHERE folder.owner = ? "
        "GROUP BY folder.id ORDER BY folder.path",
        (owner,),
    )
    return [FolderCount(*row) for row in rows]
