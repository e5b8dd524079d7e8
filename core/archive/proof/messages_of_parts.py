"""Messages that are proved while their parts are at hand, so that nothing is read or decompressed a second time.

Parts and messages of a volume of format 2 are written in one order, so the messages of a page of parts are the next ones of
their table; in format 1 a message of one part is found by the SHA-256 that both have. What is not proved here is no fault: it
is read by itself when its row is looked at.
"""

from __future__ import annotations

import hashlib
import sqlite3
from array import array
from collections.abc import Mapping, Sequence

from core.archive.catalog.proven_details import ProvenDetails
from core.archive.store.volume_format import unpack
from core.db.queries import Row, pieces
from core.errors import DamagedError
from core.message.envelope import describe
from core.message.octets import LARGE

#: Rows of messages that are read at once.
ROWS = 256
_NEXT = "SELECT id, sha256, size, recipe FROM message WHERE id > ? ORDER BY id LIMIT ?"
_OF_PARTS = "SELECT NULL, sha256, size, recipe FROM message WHERE sha256 IN (??)"


class MessagesOfParts:
    """The messages of the parts that were read so far. ``parts``: numbers of 64 bits for the sound ones, by id.

    ``proven``: is given the details of each message; without it only those of several parts are looked at.
    """

    def __init__(self, parts: array[int], proven: ProvenDetails | None, *, is_old: bool = False) -> None:
        self._parts = parts
        self._proven = proven
        self._is_old = is_old
        self._reached: int | None = 0
        #: The contents of the page of parts before.
        self._before: dict[int, bytes] = {}
        self._joined = [array("q") for _ in range(256)]

    def is_part(self, part: int, sha256: bytes, size: int) -> bool:
        """True when the part was found sound and is this message."""
        return 0 < part < len(self._parts) and self._parts[part] == hash((sha256, size))

    def has_joined(self, sha256: bytes, size: int, recipe: object) -> bool:
        """True when the message of several parts was joined and hashed."""
        return hash((sha256, size, recipe)) in self._joined[sha256[0] if sha256 else 0]

    def follow(self, connection: sqlite3.Connection, page: Sequence[Row], contents: dict[int, bytes]) -> None:
        """Look at the messages all of whose parts are read now, up to those of ``page``; ``contents``: of its sound ones."""
        there = self._before | contents
        self._before = contents
        if self._is_old:
            for sql, piece in pieces(_OF_PARTS, [row[1] for row in page if row[0] in contents]):
                for _, sha256, size, recipe in connection.execute(sql, piece).fetchall():
                    self._look(sha256, size, recipe, _unpacked(recipe), there)
            return
        last = page[-1][0]
        while self._reached is not None:
            rows = connection.execute(_NEXT, (self._reached, ROWS)).fetchall()
            for number, sha256, size, recipe in rows:
                parts = _unpacked(recipe)
                if max(parts, default=0) > last:
                    return
                if not isinstance(number, int) or number <= self._reached:
                    # Rows that are out of order are named when they are looked at by themselves.
                    self._reached = None
                    return
                self._reached = number
                self._look(sha256, size, recipe, parts, there)
            if len(rows) < ROWS:
                return

    def _look(self, sha256: bytes, size: int, recipe: bytes, parts: Sequence[int], there: Mapping[int, bytes]) -> None:
        if not parts or not isinstance(sha256, bytes) or not isinstance(size, int) or size >= LARGE:
            return
        if len(parts) == 1:
            # The part has this SHA-256 and size, and is sound.
            [part] = parts
            if self._proven is None or part not in there or not self.is_part(part, sha256, size):
                return
            raw = there[part]
        else:
            if any(part not in there for part in parts):
                return
            raw = b"".join([there[part] for part in parts])
            if len(raw) != size or hashlib.sha256(raw).digest() != sha256:
                return
            self._joined[sha256[0]].append(hash((sha256, size, recipe)))
        if self._proven is not None:
            self._proven.add(sha256, size, describe(raw))


def _unpacked(recipe: object) -> Sequence[int]:
    """The ids of parts in a recipe; none where it cannot be read."""
    if not isinstance(recipe, bytes):
        return ()
    try:
        return unpack(recipe)
    except DamagedError:
        return ()
