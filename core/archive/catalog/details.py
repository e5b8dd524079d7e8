"""Size and envelope of messages, which the catalog keeps beside their hashes, read from a volume."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import aclosing
from typing import TypeAlias

from core.archive.catalog import digests
from core.archive.catalog.messages import Detail
from core.archive.store import row_order
from core.archive.store.ledger import Entry
from core.archive.store.volume import Volume
from core.db.database import Database, Transaction
from core.message.envelope import describe
from core.message.octets import Bytes

#: Gives the details of messages for entries that are to be applied, as ``of_entries`` does.
DetailsOf: TypeAlias = Callable[[Database | Transaction, Volume, Iterable[Entry]], Awaitable[dict[bytes, Detail]]]

#: A damaged message has no readable envelope, but it stays listed, so that it can be named and fetched again.
UNREADABLE = Detail(0, describe(b""))


async def of_entries(catalog: Database | Transaction, volume: Volume, entries: Iterable[Entry]) -> dict[bytes, Detail]:
    """Those of the messages that the catalog lacks before ``entries`` of ``volume`` are applied, or that are stored anew."""
    return await details(volume, await wanted(catalog, entries))


async def wanted(
    catalog: Database | Transaction, entries: Iterable[Entry], found: Collection[bytes] = frozenset()
) -> list[bytes]:
    """The SHA-256 of these messages, each once, but for new ones whose details were ``found``."""
    several = list(entries)
    named = [sha256 for entry in several for sha256 in entry.digests() if sha256 not in found]
    known = await digests.ids(catalog, named)
    renewed = [sha256 for entry in several for sha256 in entry.renewed()]
    return list(dict.fromkeys([*(sha256 for sha256 in named if sha256 not in known), *renewed]))


async def details(volume: Volume, messages: Iterable[bytes]) -> dict[bytes, Detail]:
    """Size and envelope of messages in ``volume``, in this order; those of an empty message for one that cannot be read."""
    found: dict[bytes, Detail] = {}
    several = list(dict.fromkeys(messages))
    if not several:
        return found
    records = await row_order.find(volume, several)
    async with aclosing(row_order.read(volume, several, _detail, records=records)) as pages:
        async for page in pages:
            for one in page:
                detail, record = one.result, records.get(one.sha256)
                if not isinstance(detail, Detail):
                    found[one.sha256] = UNREADABLE
                else:
                    found[one.sha256] = detail._replace(row=record.row) if record is not None else detail
    return found


def _detail(raw: Bytes) -> Detail:
    return Detail(len(raw), describe(raw))
