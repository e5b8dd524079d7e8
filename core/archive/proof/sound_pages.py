"""Long pages of a volume's tables, each checked in one crossing of threads.

What is found sound here is sound. All else is left to the check of single rows, which names the damage: a page that cannot be
read or is out of order, and rows that are not plainly right.
"""

from __future__ import annotations

import hashlib
import sqlite3
from array import array
from collections.abc import Collection, Sequence
from contextlib import aclosing
from dataclasses import field
from functools import partial
from itertools import pairwise

from core.archive.catalog.proven_details import ProvenDetails
from core.archive.proof.ledger_check import ROWS
from core.archive.proof.message_order import Key, MessageOrder
from core.archive.proof.messages_of_parts import MessagesOfParts
from core.archive.proof.strangers import named
from core.archive.store.row_order import Unreadable
from core.archive.store.volume import Volume
from core.archive.store.volume_format import plain, unpack
from core.db.keys import keyed
from core.db.queries import Row, pieces
from core.errors import DamagedError, StorageError
from core.message.octets import LARGE
from core.problems import finding as problems
from core.problems.code import Reason
from core.values import dataclass

#: Bytes of stored parts, and rows, of a page; the single rows are read in pages of which this is a multiple.
PAGE_BYTES, PAGE_ROWS = 2 * 1024 * 1024, 1024
#: Parts of which a page has a whole number.
PARTS = 16
#: Bytes of messages in a page that are read once more.
UNPROVED_BYTES = 16 * 1024 * 1024
#: Bytes of stored parts after which a page ends at any part.
MOST_BYTES = 16 * 1024 * 1024
#: Plain bytes of parts that are kept until the next page is read, for messages that have one in each. Those of large messages
#: are read block by block, when their turn comes.
CONTENT_BYTES = 4 * 1024 * 1024
#: Messages without an entry yet that are looked for in the entries since; of more than that the tables are compared.
MOST_UNNAMED = 10_000
#: Parts before the first page, and those of the index of format 1 among them.
_PARTS_BEFORE = "SELECT 1 FROM part WHERE id < 1"
_OLD_PARTS_BEFORE = "SELECT 1 FROM (SELECT min(id) AS first FROM part INDEXED BY sqlite_autoindex_part_1) WHERE first < 1"


@dataclass(slots=True)
class PartPage:
    """Checked parts: the last id, their number, their plain bytes, the wrong ones by id."""

    last: int
    count: int
    size: int
    wrong: dict[int, Reason] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Rows of messages (key, SHA-256, size, recipe) in their order, each found by itself; ``unproved`` are to be read again."""

    rows: Sequence[Row]
    unproved: Sequence[Row]


class SoundRows:
    """The rows of one volume that this process has found sound, so that no message of one part is read a second time.

    It keeps eight bytes for a part, for a message, and for one that the ledger names. A number of 64 bits stands for each, made
    with a secret of this process, so that no other message can be made to have the same one.
    """

    def __init__(self, proven: ProvenDetails | None = None, *, is_old: bool = False) -> None:
        self._parts = array("q", [0])
        self._at_hand = MessagesOfParts(self._parts, proven, is_old=is_old)
        #: True once the first part was read here.
        self._from_start = False
        self._named = [array("q") for _ in range(256)]
        self._used = bytearray()
        self._listed: list[array[int]] | None = None

    # Parts ---------------------------------------------------------------------------------------------------------------

    async def parts(self, volume: Volume, after: int) -> PartPage | None:
        """The next page of parts with an id over ``after``, each hashed; None at the end and where it cannot be read so."""
        try:
            return await volume.database.job(partial(self._part_page, after))
        except (DamagedError, StorageError):
            return None

    def _part_page(self, after: int, connection: sqlite3.Connection) -> PartPage | None:
        rows, stored = [], 0
        cursor = connection.execute("SELECT id, sha256, codec, size, data FROM part WHERE id > ? ORDER BY id", (after,))
        for row in cursor:
            rows.append(row)
            stored += len(row[4]) if isinstance(row[4], bytes) else 0
            if stored >= MOST_BYTES or (len(rows) % PARTS == 0 and (stored >= PAGE_BYTES or len(rows) == PAGE_ROWS)):
                break
        # Before they are hashed: a commit to the volume waits as long as a statement is not at its end.
        cursor.close()
        if not rows or rows[0][0] <= after or any(one[0] >= other[0] for one, other in pairwise(rows)):
            return None
        page = PartPage(rows[-1][0], len(rows), sum(row[3] for row in rows if isinstance(row[3], int)))
        unfound = unfound_parts([row[0] for row in rows], connection)
        contents: dict[int, bytes] = {}
        left = CONTENT_BYTES
        for part, sha256, codec, size, data in rows:
            if (reason := unfound.get(part)) is None:
                content = sound_content(part, sha256, codec, size, data)
                if not isinstance(content, bytes):
                    reason = content
                elif len(content) <= min(left, LARGE):
                    contents[part] = content
                    left -= len(content)
                # A large one makes room before the next is read.
                del content
            if reason is not None:
                page.wrong[part] = reason
            if part == len(self._parts):
                self._parts.append(0 if reason else hash((sha256, size)))
        self._from_start |= after == 0
        if self._from_start:
            self._at_hand.follow(connection, rows, contents)
        return page

    # Messages ------------------------------------------------------------------------------------------------------------

    def name(self, digests: Sequence[bytes]) -> None:
        """Keep that the ledger names these messages."""
        for sha256 in digests:
            self._named[sha256[0] if sha256 else 0].append(hash(sha256))

    async def messages(self, volume: Volume, after: Key, last_part: int) -> MessagePage | None:
        """The next page of messages whose key is over ``after``; None where it cannot be read so.

        The parts of messages up to ``last_part`` are marked as used, if all of them were seen: a damaged id may be any number.
        """
        if after in (b"", 0) and not self._used and last_part < len(self._parts):
            self._used, self._listed = bytearray(last_part + 1), [array("q") for _ in range(256)]
        try:
            order = MessageOrder(volume.meta)
            page = await volume.database.job(partial(self._message_page, order, volume.rows.indexed, after))
        except (DamagedError, StorageError):
            page = None
        if page is None:
            self._listed = None
        return page

    def _message_page(
        self, order: MessageOrder, indexed: bool, after: Key, connection: sqlite3.Connection
    ) -> MessagePage | None:
        rows = connection.execute(order.page, (after, PAGE_ROWS)).fetchall()
        if not order.holds(after, rows):
            return None
        if not order.is_old and not all_found("message", [row[0] for row in rows], connection):
            return None
        if indexed:
            found = 0
            digests = list({row[1] for row in rows})
            for some, piece in pieces("SELECT count(DISTINCT sha256) FROM message WHERE sha256 IN (??)", digests):
                found += connection.execute(some, piece).fetchone()[0]
            if found < len(digests):
                return None
        page = self._fitting(rows)
        self._look_for_strangers(page.rows)
        return page

    def _fitting(self, rows: Sequence[Row]) -> MessagePage:
        """As many of ``rows`` as are looked at in a moment: those to be read once more take time."""
        unproved: list[Row] = []
        size = 0
        for number, row in enumerate(rows):
            if size >= UNPROVED_BYTES and number % ROWS == 0:
                return MessagePage(rows[:number], unproved)
            if not self._proves(*row[1:]):
                unproved.append(row)
                size += row[2] if isinstance(row[2], int) else 0
        return MessagePage(rows, unproved)

    def _proves(self, sha256: bytes, size: int, recipe: bytes) -> bool:
        if not isinstance(recipe, bytes) or len(recipe) != 8:
            return self._at_hand.has_joined(sha256, size, recipe)
        return self._at_hand.is_part(int.from_bytes(recipe, "big"), sha256, size)

    # Strangers -----------------------------------------------------------------------------------------------------------

    def _look_for_strangers(self, rows: Sequence[Row]) -> None:
        if self._listed is None:
            return
        for _, sha256, _, recipe in rows:
            self._listed[sha256[0] if sha256 else 0].append(hash(sha256))
            try:
                for part in unpack(recipe):
                    if part < len(self._used):
                        self._used[part] = 1
            except DamagedError:
                # Its part may be any.
                continue

    def unlisted(self) -> Collection[int] | None:
        """The numbers of the messages given to ``name`` that the volume's table does not have; None where not all were seen."""
        if self._listed is None:
            return None
        found: set[int] = set()
        for listed, known in zip(self._listed, self._named, strict=True):
            found |= set(known).difference(listed)
        return found

    async def are_explained(self, volume: Volume, after: int) -> bool:
        """True when the ledger names every message of the volume, and messages use every part, as far as is known.

        ``after``: the last entry whose messages were given to ``name``. False tells nothing.
        """
        if self._listed is None or self._used.find(0, 1) >= 0:
            return False
        unnamed: set[int] = set()
        for listed, known in zip(self._listed, self._named, strict=True):
            unnamed |= set(listed).difference(known)
            if len(unnamed) > MOST_UNNAMED:
                return False
        try:
            # Where no page begins.
            parts_before = _OLD_PARTS_BEFORE if volume.meta.is_old else _PARTS_BEFORE
            if any(await volume.database.read(f"{MessageOrder(volume.meta).before} UNION ALL {parts_before}")):
                return False
            async with aclosing(volume.entries(after)) as entries:
                async for entry in entries:
                    unnamed.difference_update(map(hash, named(entry)))
        except (DamagedError, StorageError):
            return False
        return not unnamed


def all_found(table: str, ids: Sequence[int], connection: sqlite3.Connection) -> bool:
    """True when each of the ascending ``ids`` is found in ``table`` by itself; False tells nothing.

    They are asked for from the last to the first: SQLite tries the row behind the last one before it begins at the root.
    """
    found = 0
    try:
        for wanted, piece in keyed([(one,) for one in reversed(ids)]):
            sql = f"{wanted} SELECT count(*) FROM w CROSS JOIN {table} ON {table}.id = w.a"
            found += connection.execute(sql, piece).fetchone()[0]
    except sqlite3.OperationalError:
        # The file cannot be read now; that tells nothing of the rows.
        raise
    except sqlite3.DatabaseError:
        return False
    return found == len(ids)


def unfound_parts(parts: Sequence[int], connection: sqlite3.Connection) -> dict[int, Reason]:
    """The findings on those of ``parts``, met in the order of the table, that are not found by their id alone.

    A damaged key in an inner page hides them from every message, and not from a reader of all rows in their order.
    """
    found: dict[int, Reason] = {}
    if all_found("part", parts, connection):
        return found
    for part in parts:
        try:
            row = connection.execute("SELECT 1 FROM part WHERE id = ?", (part,)).fetchone()
        except sqlite3.OperationalError:
            # The file cannot be read now; that tells nothing of the part.
            raise
        except sqlite3.DatabaseError:
            row = None
        if row is None:
            found[part] = problems.PART_UNFOUND(part=part)
    return found


def wrong_part(part: int, sha256: bytes, codec: int, size: int, data: bytes) -> Reason | None:
    """The finding on a stored part; None for one that is as it was stored."""
    content = sound_content(part, sha256, codec, size, data)
    return None if isinstance(content, bytes) else content


def sound_content(part: int, sha256: bytes, codec: int, size: int, data: bytes) -> bytes | Reason:
    """The bytes of a part that is as it was stored, or the finding on it."""
    try:
        content = plain(codec, size, data)
    except DamagedError as error:
        return problems.PART_DAMAGED(part=part, why=error.reason)
    if len(content) != size or hashlib.sha256(content).digest() != sha256:
        return problems.PART_CHANGED(part=part)
    return content


def wrong_message(sha256: bytes, size: int, found: int | Unreadable) -> Reason | None:
    """The finding on a message: of ``size`` bytes by its row, and as it was ``found``."""
    name = sha256.hex()[:16]
    if isinstance(found, KeyError):
        return problems.MESSAGE_ABSENT(message=name)
    if isinstance(found, DamagedError | StorageError):
        return problems.MESSAGE_UNREAD(message=name, why=found.reason)
    return None if found == size else problems.MESSAGE_SIZE(message=name, found=found, size=size)
