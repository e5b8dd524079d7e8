"""Values of ledger entries, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.archive.store.ledger import Entry
from tests.payloads import encode

PAYLOADS = Path(__file__).parent / "unit" / "ledger_payloads.txt"
LINES = [line.split("\t") for line in PAYLOADS.read_text("utf-8").splitlines()]
SHA256 = "ab" * 32
SOURCE = {"run": 7, "source": "imap://anna@example.test@mail.example.test:994 -> 0123/anna"}
PLACE = SOURCE | {"server_folder": "INBOX", "uidvalidity": 1}
USER = {"id": "1", "name": "anna", "addresses": ["a@x.test", "b@x.test"], "login": "al", "full_name": "", "removed": False}
SYNCED = dict.fromkeys(("created", "adopted", "back", "changed", "disabled", "removed", "conflicts", "withheld"), 0)
MOVE = ["INBOX", 1, 1, "anna/Done", "Done", 1, 1, 100, None, ""]


def entry(kind: str, payload: Mapping[str, Any]) -> Entry:
    return Entry(1, "2026-01-01T00:00:00.000Z", kind, "test", encode(dict(payload)), b"")
