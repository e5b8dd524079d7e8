"""Size and envelope of messages, which the catalog keeps beside their hashes, read from a volume."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from core.archive.catalog.messages import Detail
from core.archive.store import row_order
from core.archive.store.volume import Volume
from core.message.envelope import describe
from core.message.octets import Bytes

#: A damaged message has no readable envelope, but it stays listed, so that it can be named and fetched again.
UNREADABLE = Detail(0, describe(b""))


async def details(volume: Volume, digests: Sequence[bytes]) -> dict[bytes, Detail]:
    """Size and envelope of messages in ``volume``, in this order; those of an empty message for one that cannot be read."""
    found: dict[bytes, Detail] = {}
    async with aclosing(row_order.read(volume, list(dict.fromkeys(digests)), _detail)) as pages:
        async for page in pages:
            found |= {one.sha256: one.result if isinstance(one.result, Detail) else UNREADABLE for one in page}
    if not volume.meta.is_old and (whole := [sha256 for sha256, detail in found.items() if detail is not UNREADABLE]):
        for sha256, record in (await volume.records(whole)).items():
            found[sha256] = found[sha256]._replace(row=record.row)
    return found


def _detail(raw: Bytes) -> Detail:
    return Detail(len(raw), describe(raw))
