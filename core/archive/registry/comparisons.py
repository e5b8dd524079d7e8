"""Progress of deep comparisons with servers: the messages found equal, so that a stopped comparison can continue.

State of this machine. A result counts for some days only, for the same UIDVALIDITY, and for the very message that is recorded
for the UID now. Only equal messages are kept; different ones are read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from core.archive.archive import Archive
from core.model import moment, now, timestamp
from core.text import sequence
from core.values import dataclass

#: Bytes of a SHA-256 that tell if the record of a UID is still the one that was compared.
PREFIX = 8


@dataclass(frozen=True, slots=True)
class ComparedFolder:
    """A folder of a mailbox under one UIDVALIDITY, in the comparison of ``profile``."""

    profile: str
    source: str
    name: str
    uidvalidity: int


@dataclass(frozen=True, slots=True)
class Equal:
    """A message found equal ``at`` that time; ``digest`` begins its SHA-256."""

    at: datetime
    digest: bytes

    def is_of(self, sha256: bytes) -> bool:
        """True when it is the message with this SHA-256."""
        return sha256[:PREFIX] == self.digest


async def begin(archive: Archive, profile: str, *, anew: bool = False, ended_too: bool = False, days: int) -> datetime:
    """Begin the comparison of a profile, or continue a stopped one; the time of its beginning.

    ``anew`` forgets earlier results. So does an earlier comparison that ended, unless ``ended_too``. Results older than
    ``days`` are forgotten in any case, and so are those from the future: the clock was wrong then.
    """
    start = now()
    async with archive.database.transaction() as transaction:
        row = await transaction.one("SELECT started, ended FROM comparison WHERE profile = ?", (profile,))
        if row is None or anew or (row[1] is not None and not ended_too):
            await transaction.execute("DELETE FROM compared WHERE profile = ?", (profile,))
            await transaction.execute(
                "INSERT OR REPLACE INTO comparison (profile, started, ended) VALUES (?, ?, NULL)", (profile, timestamp(start))
            )
            return start
        await transaction.execute(
            "DELETE FROM compared WHERE profile = ? AND (at < ? OR at > ?)",
            (profile, timestamp(start - timedelta(days=days)), timestamp(start)),
        )
        await transaction.execute("UPDATE comparison SET ended = NULL WHERE profile = ?", (profile,))
        return moment(row[0])


async def end(archive: Archive, profile: str, *, clean: bool) -> None:
    """Record the end of a profile's comparison. ``clean``: nothing differs, so no result is needed for a repair."""
    async with archive.database.transaction() as transaction:
        if clean:
            await transaction.execute("DELETE FROM compared WHERE profile = ?", (profile,))
            await transaction.execute("DELETE FROM comparison WHERE profile = ?", (profile,))
        else:
            await transaction.execute("UPDATE comparison SET ended = ? WHERE profile = ?", (timestamp(now()), profile))


async def equal(archive: Archive, place: ComparedFolder) -> dict[int, Equal]:
    """Messages of a folder found equal, by UID. Those under another UIDVALIDITY are forgotten."""
    folder = (place.profile, place.source, place.name)
    async with archive.database.transaction() as transaction:
        await transaction.execute(
            "DELETE FROM compared WHERE profile = ? AND source = ? AND name = ? AND uidvalidity <> ?",
            (*folder, place.uidvalidity),
        )
    rows = await archive.database.read(
        "SELECT at, uids, digests FROM compared WHERE profile = ? AND source = ? AND name = ? AND uidvalidity = ? ORDER BY id",
        (*folder, place.uidvalidity),
    )
    found: dict[int, Equal] = {}
    for at, uids, digests in rows:
        read, packed = moment(at), bytes(digests)
        for position, uid in enumerate(sequence.unpack(uids)):
            found[uid] = Equal(read, packed[position * PREFIX : (position + 1) * PREFIX])
    return found


async def note(archive: Archive, place: ComparedFolder, digests: Mapping[int, bytes]) -> None:
    """Record messages found equal now: SHA-256 by UID."""
    if not digests:
        return
    uids = sorted(digests)
    packed = b"".join(digests[uid][:PREFIX] for uid in uids)
    async with archive.database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO compared (profile, source, name, uidvalidity, at, uids, digests) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (place.profile, place.source, place.name, place.uidvalidity, timestamp(now()), sequence.pack(uids), packed),
        )
