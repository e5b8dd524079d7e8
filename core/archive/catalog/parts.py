"""Parts of the open volume that several messages may share, by their SHA-256, so that each is stored once in it.

They are forgotten with the first entry of the next volume. What is missing here costs space alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping

from core.archive.catalog.levels import KEY_BYTES, Levels
from core.archive.store.volume import Volume
from core.archive.store.volume_format import unpack
from core.db.database import Transaction
from core.db.queries import Queries

_LEVELS = Levels("part", "part_id")
_VOLUME = "SELECT volume FROM part_volume"


async def find(source: Queries, volume: int, wanted: Collection[bytes]) -> dict[bytes, int]:
    """The ids of those of the parts ``wanted`` that ``volume`` may have: the beginnings of their SHA-256 are equal."""
    found: dict[bytes, int] = {}
    if not wanted or await source.value(_VOLUME) != volume:
        return found
    by_key = {sha256[:KEY_BYTES]: sha256 for sha256 in wanted}
    for sql, keys in _LEVELS.among(list(by_key.values())):
        found |= {by_key[key]: number for key, number in await source.read(sql, keys)}
    return found


async def shared(volume: Volume, size: int) -> AsyncGenerator[dict[bytes, int]]:
    """Yield the ids of the parts of at least ``size`` plain bytes of messages of several, by SHA-256, some at a time."""
    sql = "SELECT id, recipe FROM message WHERE id > ? AND length(recipe) > 8 ORDER BY id LIMIT 2000"
    after = 0
    with volume.used():
        reader = await volume.reader()
        while rows := await reader.read(sql, (after,)):
            ids = sorted({part for row in rows for part in unpack(row[1])})
            found = await reader.among("SELECT sha256, id, size FROM part WHERE id IN (??)", ids)
            yield {sha256: number for sha256, number, plain_size in found if plain_size >= size}
            after = rows[-1][0]


async def add(transaction: Transaction, volume: int, rows: Mapping[bytes, int]) -> None:
    """Add parts of ``volume``, the open one."""
    if not rows:
        return
    if await transaction.value(_VOLUME) != volume:
        await _LEVELS.clear(transaction)
        await transaction.execute("INSERT OR REPLACE INTO part_volume (id, volume) VALUES (1, ?)", (volume,))
    await _LEVELS.add(transaction, list(rows.items()))


async def clear(transaction: Transaction) -> None:
    """Forget all parts."""
    await _LEVELS.clear(transaction)
    await transaction.execute("DELETE FROM part_volume")
