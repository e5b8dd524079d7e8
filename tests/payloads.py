"""Payloads of ledger entries as one text, as volumes of format 1 hold them."""

from __future__ import annotations

from typing import Any

from core.archive.store.ledger import VERSION, _json


def encode(payload: dict[str, Any]) -> bytes:
    """The payload as canonical JSON. Raises ``ProtocolError`` for a number that SQLite cannot hold."""
    return _json({"v": VERSION, **payload})
