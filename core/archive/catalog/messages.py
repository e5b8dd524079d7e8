"""Rows of messages and folders in the catalog, shared by several kinds of ledger entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.archive.catalog import restated, totals, twins
from core.archive.catalog.twins import STANDING, Came
from core.archive.store.entries.statement import Storing
from core.archive.store.entries.upkeep import Repaired, Salvaged
from core.archive.store.entries.values import Canonical, SourceFolder, SourceMessage
from core.db.database import Transaction
from core.message.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Detail:
    """The catalog's record of a message beside its hash: size in bytes, and the envelope."""

    size: int
    envelope: Envelope


Details = Mapping[bytes, Detail]


@dataclass(frozen=True, slots=True)
class ProjectionStep:
    """A ledger entry being applied: its seq, its volume, and the details of the messages that are new in it."""

    transaction: Transaction
    seq: int
    volume: int
    details: Details


_MESSAGE_COLUMNS = "sha256, volume, size, header_sha256, subject, sender, recipients, date, message_id, attachments"


async def insert(step: ProjectionStep, entry: Storing, canonical: Canonical, came: Came = Came.SERVER) -> None:
    """Add the messages of an entry that are new."""
    await step.transaction.many(
        f"INSERT OR IGNORE INTO message ({_MESSAGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_message_row(sha256, step.volume, detail) for sha256, detail in step.details.items()],
    )
    await twins.link(step.transaction, canonical, entry.digests(), step.details, came)


async def repaired(step: ProjectionStep, entry: Repaired) -> None:
    """Point messages to their good copies. A message rebuilt over a damaged one has no envelope, so it gets its own here."""
    await totals.forget(step.transaction)
    digests = entry.renewed()
    columns = _MESSAGE_COLUMNS.split(", ")
    await step.transaction.many(
        f"INSERT INTO message ({_MESSAGE_COLUMNS}) VALUES ({', '.join('?' * len(columns))}) ON CONFLICT (sha256) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in columns[1:]),
        [_message_row(sha256, step.volume, step.details[sha256]) for sha256 in digests],
    )
    await step.transaction.many(
        "UPDATE placement SET date = message.date FROM message WHERE message.sha256 = ? AND message.date IS NOT NULL "
        "AND placement.message_id = message.id",
        [(sha256,) for sha256 in digests],
    )
    # A message that was lost altogether gets its placements back.
    await restated.place(step.transaction, step.seq, entry.placed)


async def salvaged(step: ProjectionStep, entry: Salvaged) -> None:
    """Apply a salvage: take lost messages out of the catalog, and insert those that only the catalog knew."""
    await totals.forget(step.transaction)
    await restated.lose(step.transaction, step.volume, entry.lost())
    # Folders that were complete or compared may not be so any more.
    for table in ("folder_state", "compared"):
        await step.transaction.execute(f"DELETE FROM {table}")
    await insert(step, entry, entry.canonical)
    await restated.place(step.transaction, step.seq, entry.placed)


def _message_row(sha256: bytes, volume: int, detail: Detail) -> tuple[Any, ...]:
    envelope = detail.envelope
    return (
        sha256,
        volume,
        detail.size,
        envelope.header_sha256,
        envelope.subject,
        envelope.sender,
        envelope.recipients,
        envelope.date,
        envelope.message_id,
        envelope.attachments,
    )


async def place(
    step: ProjectionStep, folder: int, source: int, messages: Iterable[SourceMessage], *, fetched: bool = True
) -> None:
    """Place messages into a folder and record their UIDs; those without a UID are only placed."""
    placed = list(messages)
    await step.transaction.many(
        f"INSERT OR IGNORE INTO placement (message_id, folder_id, since_seq) SELECT {STANDING}, ?, ? FROM message "
        "WHERE sha256 = ?",
        [(folder, step.seq, one.sha256) for one in placed],
    )
    await step.transaction.many(
        "INSERT OR REPLACE INTO source_message "
        "(source_folder_id, uid, message_id, folder_id, size, internaldate, flags, fetched) "
        "SELECT ?, ?, id, ?, ?, ?, ?, ? FROM message WHERE sha256 = ?",
        [
            (source, one.uid, folder, one.size, one.internaldate, one.flags, int(fetched), one.sha256)
            for one in placed
            if one.uid is not None
        ],
    )


async def folder(transaction: Transaction, owner: str, path: str) -> int:
    """The id of a folder of the archive, made if need be."""
    await transaction.execute("INSERT OR IGNORE INTO folder (owner, path) VALUES (?, ?)", (owner, path))
    return int(await transaction.value("SELECT id FROM folder WHERE owner = ? AND path = ?", (owner, path)))


async def source_folder(transaction: Transaction, source: SourceFolder) -> int:
    """The id of a folder on a server, made if need be."""
    key = (source.source, source.name, source.uidvalidity)
    await transaction.execute("INSERT OR IGNORE INTO source_folder (source, name, uidvalidity) VALUES (?, ?, ?)", key)
    sql = "SELECT id FROM source_folder WHERE source = ? AND name = ? AND uidvalidity = ?"
    return int(await transaction.value(sql, key))
