"""Messages of the catalog by their SHA-256, in three tables of growing size.

Digests are random, so in one large tree each new message changes a page of its own, and a batch writes as many pages as it has
messages. New ones go into a small table instead, whose rows are moved into the next one in the order of their keys when there
are many: then each page of that is written once for many messages. A key is the beginning of a SHA-256; the whole one stands
in the row of the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.db.database import Database, Row, Transaction
from core.db.keys import PIECE

#: The tables, and the rows from which on the first two are emptied into the next one.
LEVELS = ("digest_0", "digest_1", "digest_2")
MOST = (10_000, 320_000)
KEY_BYTES = 8


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A message in the catalog: its id, and id and date (seconds since 1970, None without one) of the one that stands for it.

    Another stands for it when it is a twin (``twins``).
    """

    id: int
    standing: int
    date: int | None


#: Messages in the catalog by their SHA-256.
KnownMessages = Mapping[bytes, KnownMessage]


async def find(source: Database | Transaction, digests: Iterable[bytes]) -> dict[bytes, KnownMessage]:
    """Those of ``digests`` that are in the catalog."""
    rows = await _read(
        source,
        "m.sha256, m.id, coalesce(t.id, m.id), iif(t.id IS NULL, m.date, t.date)",
        "LEFT JOIN message t ON t.id = m.twin_of",
        digests,
    )
    return {bytes(sha256): KnownMessage(*rest) for sha256, *rest in rows}


async def ids(source: Database | Transaction, digests: Iterable[bytes]) -> dict[bytes, int]:
    """The ids of those of ``digests`` that are in the catalog."""
    return {bytes(sha256): number for sha256, number in await _read(source, "m.sha256, m.id", "", digests)}


async def id_of(source: Database | Transaction, sha256: bytes) -> int | None:
    """The id of one message; None when it is not in the catalog."""
    return (await ids(source, (sha256,))).get(sha256)


async def volumes(source: Database | Transaction, digests: Iterable[bytes]) -> dict[bytes, int]:
    """The numbers of the volumes of those of ``digests`` that are in the catalog."""
    return {bytes(sha256): number for sha256, number in await _read(source, "m.sha256, m.volume", "", digests)}


async def _read(source: Database | Transaction, columns: str, join: str, digests: Iterable[bytes]) -> list[Row]:
    """Rows of the messages ``m`` with one of ``digests``; the first column must be the SHA-256."""
    wanted = list(dict.fromkeys(digests))
    found: list[Row] = []
    for start in range(0, len(wanted), PIECE):
        piece = wanted[start : start + PIECE]
        # Each table is asked for the same numbered parameters.
        marks = ",".join(f"?{number}" for number in range(1, len(piece) + 1))
        places = " UNION ALL ".join(f"SELECT message_id FROM {level} WHERE key IN ({marks})" for level in LEVELS)
        sql = f"SELECT {columns} FROM ({places}) place CROSS JOIN message m ON m.id = place.message_id {join}"
        some = set(piece)
        found += [row for row in await source.read(sql, [sha256[:KEY_BYTES] for sha256 in piece]) if row[0] in some]
    return found


def between(low: str, high: str, schema: str = "main") -> str:
    """The SQL condition on ``message`` of a SHA-256 from ``low`` to ``high``, both SQL expressions."""
    keys = f"WHERE key BETWEEN substr({low}, 1, {KEY_BYTES}) AND substr({high}, 1, {KEY_BYTES})"
    places = " UNION ALL ".join(f"SELECT message_id FROM {schema}.{level} {keys}" for level in LEVELS)
    return f"(id IN ({places}) AND sha256 BETWEEN {low} AND {high})"


async def add(transaction: Transaction, rows: Sequence[tuple[bytes, int]]) -> None:
    """Add the digests and ids of new messages."""
    await transaction.many(
        f"INSERT INTO {LEVELS[0]} (key, message_id) VALUES (?, ?)", [(sha256[:KEY_BYTES], number) for sha256, number in rows]
    )
    for level, following, most in zip(LEVELS, LEVELS[1:], MOST, strict=False):
        if int(await transaction.value(f"SELECT count(*) FROM {level}")) < most:
            break
        await transaction.execute(
            f"INSERT INTO {following} (key, message_id) SELECT key, message_id FROM {level} ORDER BY key, message_id"
        )
        await transaction.execute(f"DELETE FROM {level}")


async def remove(transaction: Transaction, sha256: bytes, number: int) -> None:
    """Forget the digest of a message that is taken out of the catalog."""
    for level in LEVELS:
        await transaction.execute(f"DELETE FROM {level} WHERE key = ? AND message_id = ?", (sha256[:KEY_BYTES], number))


async def clear(transaction: Transaction) -> None:
    """Forget all digests."""
    for level in LEVELS:
        await transaction.execute(f"DELETE FROM {level}")
