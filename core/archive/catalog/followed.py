"""The entry up to which the catalog has followed the ledger. Commands that only read load nothing that applies entries."""

from __future__ import annotations

from core.archive.store.ledger import ZERO_HASH, Head
from core.db.database import Database, Transaction


async def applied(catalog: Database | Transaction) -> Head:
    """The position up to which the ledger has been applied."""
    row = await catalog.one("SELECT seq, hash FROM applied")
    return Head(row[0], bytes(row[1])) if row else Head(0, ZERO_HASH)


async def has_undated(catalog: Database) -> bool:
    """True when placements are left to be dated, as an older version left them."""
    return bool(await catalog.value("SELECT EXISTS (SELECT 1 FROM placement WHERE date IS NULL)"))


async def has_unknown_arrivals(catalog: Database) -> bool:
    """True when it is not known when messages came, as an older version left them."""
    first = "SELECT coalesce(min(message_id), 9e18) FROM arrival"
    return bool(await catalog.value(f"SELECT EXISTS (SELECT 1 FROM message WHERE id < ({first}))"))
