"""Messages of the catalog by their SHA-256: tables of the beginnings (``levels``); the whole one is in the message's row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from core.archive.catalog.levels import KEY_BYTES, Levels
from core.db.queries import Queries, Row
from core.values import dataclass

_LEVELS = Levels("digest", "message_id")
TABLES = _LEVELS.tables
add, remove, clear = _LEVELS.add, _LEVELS.remove, _LEVELS.clear


#: The last messages of the catalog, among which the last one of a volume is looked for.
LAST_MESSAGES = 20_000


class KnownMessage(NamedTuple):
    """A message in the catalog: its id, and id and date (seconds since 1970, None without one) of the one that stands for it.

    Another stands for it when it is a twin (``twins``).
    """

    id: int
    standing: int
    date: int | None


#: Messages in the catalog by their SHA-256.
KnownMessages = Mapping[bytes, KnownMessage]


async def find(source: Queries, digests: Iterable[bytes]) -> dict[bytes, KnownMessage]:
    """Those of ``digests`` that are in the catalog."""
    rows = await _read(
        source,
        "m.sha256, m.id, coalesce(t.id, m.id), iif(t.id IS NULL, m.date, t.date)",
        "LEFT JOIN message t ON t.id = m.twin_of",
        digests,
    )
    return {bytes(sha256): KnownMessage(*rest) for sha256, *rest in rows}


async def ids(source: Queries, digests: Iterable[bytes]) -> dict[bytes, int]:
    """The ids of those of ``digests`` that are in the catalog."""
    return {bytes(sha256): number for sha256, number in await _read(source, "m.sha256, m.id", "", digests)}


async def id_of(source: Queries, sha256: bytes) -> int | None:
    """The id of one message; None when it is not in the catalog."""
    return (await ids(source, (sha256,))).get(sha256)


async def volumes(source: Queries, digests: Iterable[bytes]) -> dict[bytes, int]:
    """The numbers of the volumes of those of ``digests`` that are in the catalog."""
    return {bytes(sha256): number for sha256, number in await _read(source, "m.sha256, m.volume", "", digests)}


@dataclass(frozen=True, slots=True)
class VolumeRows:
    """The rows of the messages that the catalog ``database`` has in a volume (a ``Locator`` of ``store.message_rows``)."""

    database: Queries
    volume: int

    async def rows(self, digests: Iterable[bytes]) -> dict[bytes, int]:
        """The rows of those of ``digests``."""
        found = await _read(self.database, "m.sha256, m.volume, m.volume_row", "", digests)
        return {bytes(sha256): row for sha256, number, row in found if number == self.volume and row is not None}

    async def last(self) -> int:
        """The row of the message that came last, if it is among the last of the catalog."""
        sql = "SELECT max(volume_row) FROM (SELECT volume, volume_row FROM message ORDER BY id DESC LIMIT ?) WHERE volume = ?"
        return int(await self.database.value(sql, (LAST_MESSAGES, self.volume)) or 0)


async def _read(source: Queries, columns: str, join: str, digests: Iterable[bytes]) -> list[Row]:
    """Rows of the messages ``m`` with one of ``digests``; the first column must be the SHA-256."""
    wanted = list(dict.fromkeys(digests))
    some = set(wanted)
    found: list[Row] = []
    for places, keys in _LEVELS.among(wanted):
        sql = f"SELECT {columns} FROM ({places}) place CROSS JOIN message m ON m.id = place.message_id {join}"
        found += [row for row in await source.read(sql, keys) if row[0] in some]
    return found


def between(low: str, high: str, schema: str = "main") -> str:
    """The SQL condition on ``message`` of a SHA-256 from ``low`` to ``high``, both SQL expressions."""
    keys = f"key BETWEEN substr({low}, 1, {KEY_BYTES}) AND substr({high}, 1, {KEY_BYTES})"
    return f"(id IN ({_LEVELS.where(keys, schema)}) AND sha256 BETWEEN {low} AND {high})"
