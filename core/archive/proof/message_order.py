"""The order in which the messages of a volume are checked: by the numbers of their rows, in format 1 by their SHA-256."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from core.archive.store.message_rows import Record
from core.archive.store.volume_format import Meta
from core.db.database import Row

#: The key of a message in the order: the number of its row, or its SHA-256.
Key = int | bytes


class MessageOrder:
    """The order of the messages of a volume with this ``meta``. ``start`` comes before all keys.

    ``page`` is the query of the rows (key, SHA-256, size, recipe) over a key, up to a number of them.
    """

    def __init__(self, meta: Meta) -> None:
        self.is_old = meta.is_old
        key = "sha256" if meta.is_old else "id"
        self.start: Key = b"" if meta.is_old else 0
        self.page = f"SELECT {key}, sha256, size, recipe FROM message WHERE {key} > ? ORDER BY {key} LIMIT ?"
        #: Finds a row by its key alone, as a reader of one message does.
        self.lookup = f"SELECT 1 FROM message WHERE {key} = ?"
        self.last = "SELECT coalesce(max(id), 0) FROM message" if not meta.is_old else "SELECT 0"
        #: Finds rows before the first page.
        self.before = "SELECT 1 FROM message WHERE " + ("sha256 <= x''" if meta.is_old else "id < 1")

    def kept(self, key: Key) -> int | str:
        """The key as a position of a verification keeps it."""
        return key.hex() if isinstance(key, bytes) else key

    def of(self, kept: int | str) -> Key:
        """The reverse of ``kept``."""
        return bytes.fromhex(kept) if isinstance(kept, str) else kept

    def holds(self, after: Key, rows: Sequence[Row]) -> bool:
        """True when the keys of ``rows`` follow ``after`` in order, and each row has a SHA-256."""
        keys = [row[0] for row in rows]
        if not all(isinstance(key, type(after)) for key in keys) or not all(isinstance(row[1], bytes) for row in rows):
            return False
        return all(one < other for one, other in pairwise((after, *keys)))


def records(rows: Iterable[Row]) -> dict[bytes, Record]:
    """The records of rows (key, SHA-256, size, recipe)."""
    return {sha256: Record(key if isinstance(key, int) else None, size, recipe) for key, sha256, size, recipe in rows}
