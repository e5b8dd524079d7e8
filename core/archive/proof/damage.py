"""Findings of verifications that still stand, kept beside the catalog; and descriptions of the messages concerned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog import digests
from core.archive.proof.findings import Finding
from core.db.database import Transaction
from core.model import moment, now, timestamp
from core.problems import table
from core.values import dataclass

#: Findings kept; the verification itself counts all of them.
MOST = 10_000
#: Places listed for one message.
PLACES = 3


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """A finding that still stands, and when it was first found."""

    finding: Finding
    found: datetime


@dataclass(frozen=True, slots=True)
class NamedMessage:
    """A message as the catalog knows it. ``places``: its users and folders, present or past; ``date`` in seconds since 1970."""

    sha256: bytes
    subject: str = ""
    sender: str = ""
    date: int | None = None
    places: tuple[tuple[str, str], ...] = field(default=())

    def sentence(self) -> str:
        """The message's places and subject; unknown values are left out. Texts from outside stand in it unchanged."""
        where = "; ".join(f"{user}: {folder}" for user, folder in self.places)
        return ": ".join(text for text in (where, self.subject) if text)

    def as_json(self) -> dict[str, Any]:
        places = [{"user": user, "folder": folder} for user, folder in self.places]
        return {"sha256": self.sha256.hex(), "subject": self.subject, "from": self.sender, "date": self.date, "places": places}


async def keep(transaction: Transaction, findings: Iterable[Finding], at: datetime, *, instead_of: str = "") -> None:
    """Keep ``findings`` beside those that are known, each with the time at which it was first found.

    ``instead_of`` is a condition on table damage: rows that meet it and were not found again are forgotten.
    """
    listed = list(findings)[:MOST]
    if instead_of:
        known = await transaction.read(f"SELECT id, place, text FROM damage WHERE {instead_of}")
        again = {(one.where, one.text) for one in listed}
        await transaction.many("DELETE FROM damage WHERE id = ?", [(row[0],) for row in known if row[1:] not in again])
    await transaction.many(
        "INSERT OR IGNORE INTO damage (place, text, sha256, found) VALUES (?, ?, ?, ?)",
        [
            (one.where, one.text.encode("utf-8", "replace").decode(), bytes.fromhex(one.sha256) or None, timestamp(at))
            for one in listed
        ],
    )


async def mended(transaction: Transaction, renewed: Iterable[bytes]) -> None:
    """Forget findings about messages that were stored anew."""
    await transaction.many("DELETE FROM damage WHERE sha256 = ?", [(sha256,) for sha256 in renewed])


async def catalog_is_new(archive: Archive) -> None:
    """Forget findings about the catalog, which was made anew."""
    async with archive.database.transaction() as transaction:
        await keep(transaction, (), now(), instead_of="place = 'catalog'")


async def known(archive: Archive) -> list[KnownFinding]:
    """All findings that stand, in the order in which they were found."""
    rows = await archive.database.read("SELECT place, text, sha256, found FROM damage ORDER BY id")
    return [
        KnownFinding(Finding(place, table.kept({"reason": text}), bytes(sha256 or b"").hex()), moment(found))
        for place, text, sha256, found in rows
    ]


async def count(archive: Archive) -> tuple[int, int]:
    """The number of findings that stand, and of the messages among them."""
    row = await archive.database.one("SELECT count(*), count(DISTINCT sha256) FROM damage")
    return (int(row[0]), int(row[1])) if row else (0, 0)


async def names(archive: Archive, messages: Sequence[bytes]) -> dict[bytes, NamedMessage]:
    """The catalog's knowledge of messages, by SHA-256; only the SHA-256 for a message that it does not know."""
    found: dict[bytes, NamedMessage] = {}
    numbers = await digests.ids(archive.database, messages)
    for sha256 in messages:
        rows = await archive.database.read(
            "SELECT message.subject, message.sender, message.date, user.name, folder.path FROM message "
            "LEFT JOIN placement ON placement.message_id = coalesce(message.twin_of, message.id) "
            "LEFT JOIN folder ON folder.id = placement.folder_id "
            "LEFT JOIN user ON user.id = folder.owner WHERE message.id = ? "
            "ORDER BY placement.until_seq IS NOT NULL, placement.id LIMIT ?",
            (numbers.get(sha256), PLACES),
        )
        places = tuple((row[3], row[4]) for row in rows if row[3] is not None)
        subject, sender, date = rows[0][:3] if rows else ("", "", None)
        found[sha256] = NamedMessage(sha256, subject, sender, date, places)
    return found
