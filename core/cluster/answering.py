"""The home's answers to what workers ask while they visit a mailbox."""

from __future__ import annotations

from typing import Any

from core.archive.archive import Archive
from core.cluster import closing, known, protocol
from core.cluster.following import NONSENSE
from core.cluster.postgres import Postgres
from core.errors import DamagedError
from core.problems import cluster as problems

#: Questions answered in one go.
AT_ONCE = 50
#: Bytes of a SHA-256.
DIGEST_BYTES = 32


async def answer(archive: Archive, database: Postgres) -> None:
    """Answer what was asked. A worker that asks nonsense is given up. Raises ``AwayError``."""
    rows = await database.rows(
        "SELECT q.id, q.kind, q.asked, q.job FROM question q WHERE q.answer IS NULL ORDER BY q.id LIMIT %s", AT_ONCE
    )
    for row in rows:
        try:
            asked = _checked(row["kind"], protocol.unpacked(row["asked"]))
        except NONSENSE as error:
            await closing.close_for_nonsense(database, row["job"], problems.NONSENSE(said=repr(error)[:200]))
            continue
        if row["kind"] == "prove":
            found: Any = await _proved(archive, [bytes.fromhex(one) for one in asked])
        else:
            found = await known.neighbours(archive, *asked)
        await database.change("UPDATE question SET answer = %s WHERE id = %s", protocol.packed(found), row["id"])


def _checked(kind: str, asked: Any) -> Any:
    """The question, if it is one that workers ask. Raises ``ValueError``, ``TypeError``."""
    if kind == "prove":
        if all(len(bytes.fromhex(one)) == DIGEST_BYTES for one in asked):
            return asked
    elif kind == "neighbours":
        source, validities = asked
        if isinstance(source, str) and all(isinstance(one, int) and 0 <= one < 1 << 63 for one in validities):
            return asked
    raise ValueError(f"{kind} {asked!r}"[:100])


async def _proved(archive: Archive, messages: list[bytes]) -> list[str]:
    """Those of ``messages`` that were just read back from this home's disk, whole."""
    found = []
    async for sha256, got in archive.read_back(messages):
        if not isinstance(got, DamagedError):
            found.append(sha256.hex())
    return found
