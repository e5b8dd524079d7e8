"""Texts kept by name in the table ``setting``: state of this machine beside the catalog."""

from __future__ import annotations

from core.db.database import Database, Transaction


async def value(source: Database | Transaction, name: str) -> str | None:
    """The text under ``name``; None when there is none."""
    text = await source.value("SELECT value FROM setting WHERE name = ?", (name,))
    return None if text is None else str(text)


async def keep(transaction: Transaction, name: str, text: str) -> None:
    """Keep ``text`` under ``name``, in place of what was there."""
    await transaction.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", (name, text))


async def forget(transaction: Transaction, name: str) -> None:
    """Delete the text under ``name``."""
    await transaction.execute("DELETE FROM setting WHERE name = ?", (name,))
