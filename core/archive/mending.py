"""Messages that come once more while the copy in the archive cannot be read: they are stored anew, from what came.

Without this a message whose volume is damaged or missing would count as there already, and its bytes would be let go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.archive.store.ledger import Draft
from core.errors import DamagedError, StorageError

if TYPE_CHECKING:
    from core.archive.archive import Archive


async def lost(archive: Archive, digests: Sequence[bytes]) -> list[bytes]:
    """Those of ``digests`` that the archive lists and cannot give out. Only where damage is known is anything read."""
    rows = await archive.database.among("SELECT sha256, volume FROM message WHERE sha256 IN (??)", digests)
    if not rows:
        return []
    broken = {number for number in {row[1] for row in rows} if await archive.is_unusable(number)}
    named = await archive.database.among("SELECT sha256 FROM damage WHERE sha256 IN (??)", digests)
    doubtful = {bytes(row[0]) for row in rows if row[1] in broken} | {bytes(row[0]) for row in named}
    return [sha256 for sha256 in digests if sha256 in doubtful and not await _readable(archive, sha256)]


async def mend(archive: Archive, raws: Mapping[bytes, bytes], origin: str, actor: str = "archivar") -> int:
    """Store those of ``raws``, by SHA-256, anew that are lost; how many. ``origin`` says in the ledger where they came from.

    Raises as ``Archive.append`` does.
    """
    wrong = await lost(archive, list(raws))
    if wrong:
        messages = [[sha256.hex(), len(raws[sha256]), origin] for sha256 in wrong]
        await archive.renew(Draft("repaired", {"messages": messages}, actor), [raws[sha256] for sha256 in wrong])
        async with archive.database.transaction() as transaction:
            await transaction.many("DELETE FROM damage WHERE sha256 = ?", [(sha256,) for sha256 in wrong])
    return len(wrong)


async def _readable(archive: Archive, sha256: bytes) -> bool:
    try:
        await archive.raw(sha256)
    except (DamagedError, StorageError, KeyError):
        return False
    return True
