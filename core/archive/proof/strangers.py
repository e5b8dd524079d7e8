"""Strangers in a volume: messages that no entry of the ledger names, and parts that no message uses.

A message and its entry are written in one transaction, so a row that is read before the entries must have an entry.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, TypeVar

from core.archive.proof.message_order import MessageOrder
from core.archive.store.ledger import Entry
from core.archive.store.volume import Volume
from core.archive.store.volume_format import unpack
from core.config import Home
from core.db.database import Database, Row
from core.db.keys import PIECE
from core.errors import DamagedError, StorageError
from core.problems.volume import OUT_OF_ORDER

T = TypeVar("T", bytes, int)

#: Strangers of one kind and volume that are listed; all are counted.
NAMED = 1000
_TABLES = (
    "CREATE TABLE digest (sha256 BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TABLE part (id INTEGER PRIMARY KEY)",
)


class KnownDigests:
    """SHA-256 of messages and ids of parts, too many for memory: in an unnamed temporary SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[KnownDigests]:
        """Context of an empty one. Raises ``StorageError`` when the disk has no room for it."""
        database = await Database.scratch()
        try:
            for table in _TABLES:
                await database.read(table)
            yield cls(database)
        finally:
            await database.close()

    async def add(self, digests: Iterable[bytes]) -> None:
        async with self._database.transaction() as transaction:
            await transaction.many("INSERT OR IGNORE INTO digest VALUES (?)", ((sha256,) for sha256 in digests))

    async def strike(self, digests: Sequence[bytes]) -> None:
        """Take ``digests`` out again."""
        async with self._database.transaction() as transaction:
            await transaction.many("DELETE FROM digest WHERE sha256 = ?", ((sha256,) for sha256 in digests))

    async def add_parts(self, parts: Iterable[int]) -> None:
        async with self._database.transaction() as transaction:
            await transaction.many("INSERT OR IGNORE INTO part VALUES (?)", ((part,) for part in parts))

    async def count(self) -> int:
        """The number of distinct digests that were added."""
        return int(await self._database.value("SELECT count(*) FROM digest"))

    async def unknown(self, digests: Sequence[bytes]) -> list[bytes]:
        """Those of ``digests`` that were not added."""
        return await self._not_in("SELECT sha256 FROM digest WHERE sha256", digests)

    async def unknown_parts(self, parts: Sequence[int]) -> list[int]:
        """Those of ``parts`` that were not added."""
        return await self._not_in("SELECT id FROM part WHERE id", parts)

    async def pages(self) -> AsyncGenerator[list[bytes]]:
        """Yield all digests in their order, some hundred at a time."""
        after = b""
        while rows := await self._database.read(
            "SELECT sha256 FROM digest WHERE sha256 > ? ORDER BY sha256 LIMIT ?", (after, PIECE)
        ):
            yield [row[0] for row in rows]
            after = rows[-1][0]

    async def _not_in(self, sql: str, wanted: Sequence[T]) -> list[T]:
        found = {row[0] for row in await self._database.among(f"{sql} IN (??)", wanted)}
        return [one for one in wanted if one not in found]


def named(entry: Entry) -> list[bytes]:
    """The SHA-256 of the messages that an entry says were stored. Raises ``DamagedError``."""
    return [*entry.digests(), *entry.renewed()]


class Strangers:
    """The strangers of one volume, of each kind the first ``NAMED``; ``more_messages`` and ``more_parts`` count the rest.

    Where a message of the volume is damaged, unused parts may belong to it.
    """

    def __init__(self, home: Home, volume: Volume) -> None:
        self._home = home
        self._volume = volume
        self.messages: list[bytes] = []
        self.parts: list[int] = []
        self.more_messages = self.more_parts = 0

    async def look(self) -> None:
        """Look for them without a break, since the intermediate state is not saved for another process.

        A partly unreadable volume has findings of its own, and no strangers.
        """
        with suppress(DamagedError, StorageError):
            async with KnownDigests.open() as known:
                await self._look(known)

    async def _look(self, known: KnownDigests) -> None:
        last_part = int(await self._volume.database.value("SELECT max(id) FROM part") or 0)
        reached = 0
        async with aclosing(self._volume.entries()) as entries:
            async for entry in entries:
                await known.add(named(entry))
                reached = entry.seq
        unnamed: list[bytes] = []
        async for rows in self._rows(MessageOrder(self._volume.meta).page):
            parts: list[int] = []
            for _, _, _, recipe in rows:
                # A message with an unreadable recipe is a finding of its own.
                with suppress(DamagedError):
                    parts += unpack(recipe)
            # Parts archived since have higher ids.
            await known.add_parts(part for part in parts if part <= last_part)
            unnamed += await known.unknown([row[1] for row in rows])
        if unnamed:
            unnamed = await self._named_nowhere(known, unnamed, reached)
        self.messages, self.more_messages = unnamed[:NAMED], max(len(unnamed) - NAMED, 0)
        # In format 1 through the index, without reading the parts themselves.
        key = "sha256" if self._volume.meta.is_old else "id"
        async for rows in self._rows(f"SELECT {key}, id FROM part WHERE {key} > ? ORDER BY {key} LIMIT ?"):
            unused = await known.unknown_parts([row[1] for row in rows if row[1] <= last_part])
            room = NAMED - len(self.parts)
            self.parts += unused[:room]
            self.more_parts += len(unused[room:])

    async def _rows(self, sql: str) -> AsyncIterator[list[Row]]:
        """Yield rows in the order of their first column, which must ascend."""
        is_old = self._volume.meta.is_old
        # SQLite sorts every text before every blob, the empty blob too.
        after: Any = "" if is_old else -(2**63)
        while rows := await self._volume.database.read(sql, (after, PIECE)):
            last = rows[-1][0]
            if not isinstance(last, bytes if is_old else int) or (after != "" and last <= after):
                raise DamagedError(OUT_OF_ORDER(file=self._volume.path.name))
            yield rows
            after = last

    async def _named_nowhere(self, known: KnownDigests, unnamed: list[bytes], reached: int) -> list[bytes]:
        """Those that neither a later entry nor one in another volume names."""
        async with aclosing(self._volume.entries(reached)) as entries:
            async for entry in entries:
                await known.add(named(entry))
        unnamed = await known.unknown(unnamed)
        for number in self._home.all_volume_numbers():
            if not unnamed:
                break
            if self._home.volume(number) != self._volume.path:
                other = await Volume.open(self._home.volume(number), read_only=True)
                try:
                    async with aclosing(other.entries()) as entries:
                        async for entry in entries:
                            await known.add(named(entry))
                finally:
                    await other.close()
                unnamed = await known.unknown(unnamed)
        return unnamed
