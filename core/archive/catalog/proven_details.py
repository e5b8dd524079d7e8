"""Details of messages that were read from their bytes a moment ago, so that a catalog can be proved without a second reading.

A verification reads and hashes every message. What the catalog must say of it is kept as a number of 64 bits, made with a
secret of this process, so that no other details of that message, or of another one, can be made to have the same one. When the
ledger is replayed later, the rows of the catalog in use are taken for the details of new messages where they have such a
number; those of all others are read from the volume.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable

from core.archive.catalog import details
from core.archive.catalog.messages import Detail
from core.archive.store.ledger import Entry
from core.archive.store.volume import Volume
from core.db.database import Database, Transaction
from core.errors import DamagedError, StorageError
from core.message.envelope import Envelope

#: Messages whose details are kept: eight bytes each. Those of more are read a second time.
MOST = 8_000_000
#: The numbers lie apart by two bytes of the SHA-256.
_BUCKETS = 2**16
_ROWS = (
    "SELECT sha256, size, subject, sender, recipients, date, message_id, header_sha256, attachments, volume_row "
    "FROM message WHERE id >= ? ORDER BY id LIMIT ?"
)


class ProvenDetails:
    """The details that were read from messages whose SHA-256 was right."""

    def __init__(self) -> None:
        self._kept: dict[int, array[int]] = {}
        self._left = MOST

    def add(self, sha256: bytes, size: int, envelope: Envelope) -> None:
        """Keep what was read from the bytes of a message."""
        if self._left:
            self._left -= 1
            bucket = int.from_bytes(sha256[:2], "big")
            if (kept := self._kept.get(bucket)) is None:
                kept = self._kept[bucket] = array("q")
            kept.append(_number(sha256, size, envelope))

    def holds(self, sha256: bytes, size: int, envelope: Envelope) -> bool:
        """True when just this was read from the message. The values may be of any type."""
        # Values of two types may be equal, or have one hash.
        date = envelope.date
        if not (
            isinstance(sha256, bytes)
            and type(size) is type(envelope.attachments) is int
            and type(envelope.subject) is type(envelope.sender) is type(envelope.recipients) is str
            and type(envelope.message_id) is str
            and type(envelope.header_sha256) is bytes
            and (date is None or type(date) is int)
        ):
            return False
        kept = self._kept.get(int.from_bytes(sha256[:2], "big"))
        return kept is not None and _number(sha256, size, envelope) in kept


def _number(sha256: bytes, size: int, envelope: Envelope) -> int:
    subject, sender, recipients, date, message_id, header, attachments, _ = envelope
    # The numbers as a text, since Python's hash of a small number is no secret.
    return hash((sha256, subject, sender, recipients, message_id, header, f"{size} {date} {attachments}"))


class KnownDetails:
    """Details of messages for a catalog that is made beside ``known``, the one in use, whose rows must be ``proven``."""

    def __init__(self, proven: ProvenDetails, known: Database) -> None:
        self._proven = proven
        self._known = known

    async def of_entries(
        self, catalog: Database | Transaction, volume: Volume, entries: Iterable[Entry]
    ) -> dict[bytes, Detail]:
        """The same as ``details.of_entries``."""
        several = list(entries)
        found = await self._rows(catalog, {sha256 for entry in several for sha256 in entry.digests()})
        return found | await details.details(volume, await details.wanted(catalog, several, found))

    async def _rows(self, catalog: Database | Transaction, wanted: Collection[bytes]) -> dict[bytes, Detail]:
        """The proven ones among the rows of ``known`` with the ids that come next in ``catalog``: the order is the same."""
        if not wanted:
            return {}
        first = int(await catalog.value("SELECT coalesce(max(id), 0) + 1 FROM message"))
        try:
            rows = await self._known.read(_ROWS, (first, len(wanted)))
        except (DamagedError, StorageError):
            # The comparison of both catalogs finds it.
            return {}
        found = {}
        for sha256, size, subject, sender, recipients, date, message_id, header, attachments, row in rows:
            envelope = Envelope(subject, sender, recipients, date, message_id, header, attachments, readable=True)
            if sha256 in wanted and self._proven.holds(sha256, size, envelope):
                found[sha256] = Detail(size, envelope, row)
        return found
