"""Rows of messages and folders in the catalog, shared by several kinds of ledger entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.archive.catalog import restated, totals, twins
from core.archive.catalog.twins import STANDING, Came
from core.archive.store.entries.statement import Storing
from core.archive.store.entries.upkeep import Repaired, Salvaged
from core.archive.store.entries.values import Canonical, OwnedFolder, SourceFolder, SourceMessage
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
    await insert_all(step.transaction, step.volume, step.details, entry.digests(), canonical, came)


async def insert_all(
    transaction: Transaction,
    volume: int,
    details: Details,
    digests: Sequence[bytes],
    canonical: Canonical,
    came: Came = Came.SERVER,
) -> None:
    """Add the messages ``details``, which are new in ``volume``; ``digests``: all messages of the entries, in their order."""
    await transaction.many(
        f"INSERT OR IGNORE INTO message ({_MESSAGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_message_row(sha256, volume, detail) for sha256, detail in details.items()],
    )
    await twins.link(transaction, canonical, digests, details, came)


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
    await place_all(step.transaction, [(folder, source, step.seq, one) for one in messages], fetched=fetched)


async def place_all(
    transaction: Transaction, placed: Sequence[tuple[int, int, int, SourceMessage]], *, fetched: bool = True
) -> None:
    """Place messages and record their UIDs: the ids of folder and source folder, the seq of the entry, the message."""
    await transaction.many(
        f"INSERT OR IGNORE INTO placement (message_id, folder_id, since_seq) SELECT {STANDING}, ?, ? FROM message "
        "WHERE sha256 = ?",
        [(folder, seq, one.sha256) for folder, _, seq, one in placed],
    )
    await transaction.many(
        "INSERT OR REPLACE INTO source_message "
        "(source_folder_id, uid, message_id, folder_id, size, internaldate, flags, fetched) "
        "SELECT ?, ?, id, ?, ?, ?, ?, ? FROM message WHERE sha256 = ?",
        [
            (source, one.uid, folder, one.size, one.internaldate, one.flags, int(fetched), one.sha256)
            for folder, source, _, one in placed
            if one.uid is not None
        ],
    )


async def folder(transaction: Transaction, owner: str, path: str) -> int:
    """The id of a folder of the archive, made if need be."""
    return (await folders(transaction, [OwnedFolder(owner, path)]))[OwnedFolder(owner, path)]


async def folders(transaction: Transaction, wanted: Sequence[OwnedFolder]) -> dict[OwnedFolder, int]:
    """The ids of folders of the archive, made if need be in this order."""
    keys = [(one.owner, one.path) for one in dict.fromkeys(wanted)]
    await transaction.many("INSERT OR IGNORE INTO folder (owner, path) VALUES (?, ?)", keys)
    found = await transaction.matching("SELECT owner, path, id FROM w CROSS JOIN folder ON owner = a AND path = b", keys)
    return {OwnedFolder(owner, path): id_ for owner, path, id_ in found}


async def source_folder(transaction: Transaction, source: SourceFolder) -> int:
    """The id of a folder on a server, made if need be."""
    return (await source_folders(transaction, [source]))[source]


async def source_folders(transaction: Transaction, wanted: Sequence[SourceFolder]) -> dict[SourceFolder, int]:
    """The ids of folders on servers, made if need be in this order."""
    keys = [(one.source, one.name, one.uidvalidity) for one in dict.fromkeys(wanted)]
    await transaction.many("INSERT OR IGNORE INTO source_folder (source, name, uidvalidity) VALUES (?, ?, ?)", keys)
    sql = "SELECT source, name, uidvalidity, id FROM w CROSS JOIN source_folder ON source = a AND name = b AND uidvalidity = c"
    found = await transaction.matching(sql, keys)
    return {SourceFolder(source, name, uidvalidity): id_ for source, name, uidvalidity, id_ in found}
