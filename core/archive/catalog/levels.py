"""Tables of random keys, in three of growing size.

Keys that are digests are random, so in one large tree each new one changes a page of its own, and a batch writes as many pages
as it has keys. New ones go into a small table instead, whose rows are moved into the next one in the order of their keys when
there are many: then each page of that is written once for many keys. A key is the beginning of a SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.db.database import Transaction
from core.db.keys import listed
from core.values import dataclass

#: The rows from which on the first two tables are emptied into the next one.
MOST = (10_000, 320_000)
KEY_BYTES = 8


@dataclass(frozen=True, slots=True)
class Levels:
    """Three tables ``NAME_0`` to ``NAME_2`` with the columns key and ``column``, a number."""

    name: str
    column: str

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(f"{self.name}_{level}" for level in range(len(MOST) + 1))

    def among(self, digests: Sequence[bytes]) -> Iterator[tuple[str, list[bytes]]]:
        """Yield queries of the rows (key, number) with the keys of ``digests``, each with its parameters."""
        for piece in listed(digests):
            # Each table is asked for the same numbered parameters.
            marks = ",".join(f"?{number}" for number in range(1, len(piece) + 1))
            yield self.where(f"key IN ({marks})", columns=f"key, {self.column}"), [sha256[:KEY_BYTES] for sha256 in piece]

    def where(self, condition: str, schema: str = "main", columns: str = "") -> str:
        """The query of the numbers, or of other ``columns``, of the keys for which the condition holds."""
        wanted = columns or self.column
        return " UNION ALL ".join(f"SELECT {wanted} FROM {schema}.{table} WHERE {condition}" for table in self.tables)

    async def add(self, transaction: Transaction, rows: Sequence[tuple[bytes, int]]) -> None:
        """Add the numbers of new digests."""
        columns = f"key, {self.column}"
        await transaction.many(
            f"INSERT OR IGNORE INTO {self.tables[0]} ({columns}) VALUES (?, ?)",
            [(sha256[:KEY_BYTES], number) for sha256, number in rows],
        )
        for level, following, most in zip(self.tables, self.tables[1:], MOST, strict=False):
            if int(await transaction.value(f"SELECT count(*) FROM {level}")) < most:
                break
            await transaction.execute(
                f"INSERT OR IGNORE INTO {following} ({columns}) SELECT {columns} FROM {level} ORDER BY {columns}"
            )
            await transaction.execute(f"DELETE FROM {level}")

    async def remove(self, transaction: Transaction, sha256: bytes, number: int) -> None:
        """Forget one digest."""
        for table in self.tables:
            await transaction.execute(f"DELETE FROM {table} WHERE key = ? AND {self.column} = ?", (sha256[:KEY_BYTES], number))

    async def clear(self, transaction: Transaction) -> None:
        """Forget all digests."""
        for table in self.tables:
            await transaction.execute(f"DELETE FROM {table}")
