"""Messages of the catalog, and the folders that they lie in: rows that several kinds of ledger entries make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.archive.catalog import restated, twins
from core.archive.catalog.twins import STANDING, Came
from core.db.database import Transaction
from core.message.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Detail:
    """What the catalog says of a message beside its hash: size in bytes, and the envelope."""

    size: int
    envelope: Envelope


Details = Mapping[bytes, Detail]
Payload = dict[str, Any]

_MESSAGE_COLUMNS = "sha256, volume, size, header_sha256, subject, sender, recipients, date, message_id, attachments"


async def insert(transaction: Transaction, payload: Payload, volume: int, details: Details, came: Came = Came.SERVER) -> None:
    await transaction.many(
        f"INSERT OR IGNORE INTO message ({_MESSAGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_message_row(sha256, volume, detail) for sha256, detail in details.items()],
    )
    await twins.link(transaction, payload, [bytes.fromhex(message[0]) for message in payload["messages"]], details, came)


async def repaired(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    """From now on the good copy counts. What was rebuilt over the damaged one has no envelope, so it gets its own here."""
    digests = [bytes.fromhex(message[0]) for message in payload["messages"]]
    columns = _MESSAGE_COLUMNS.split(", ")
    await transaction.many(
        f"INSERT INTO message ({_MESSAGE_COLUMNS}) VALUES ({', '.join('?' * len(columns))}) ON CONFLICT (sha256) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in columns[1:]),
        [_message_row(sha256, volume, details[sha256]) for sha256 in digests],
    )
    await transaction.many(
        "UPDATE placement SET date = message.date FROM message WHERE message.sha256 = ? AND message.date IS NOT NULL "
        "AND placement.message_id = message.id",
        [(sha256,) for sha256 in digests],
    )
    # What was lost altogether is put back where it was.
    await restated.place(transaction, seq, payload.get("placed", ()))


async def salvaged(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await restated.lose(transaction, volume, [bytes.fromhex(message[0]) for message in payload["lost"]])
    # What was complete or compared need not be so any more.
    for table in ("folder_state", "compared"):
        await transaction.execute(f"DELETE FROM {table}")
    await insert(transaction, {**payload, "messages": payload["placed"]}, volume, details)
    await restated.place(transaction, seq, payload["placed"])


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
    transaction: Transaction, seq: int, folder: int, source: int, messages: Sequence[Sequence[Any]], *, fetched: bool = True
) -> None:
    """Put messages into a folder, as they are known at their source: SHA-256, UID, size, INTERNALDATE, flags."""
    placed = [(bytes.fromhex(sha256), *rest) for sha256, *rest in messages]
    await transaction.many(
        f"INSERT OR IGNORE INTO placement (message_id, folder_id, since_seq) SELECT {STANDING}, ?, ? FROM message "
        "WHERE sha256 = ?",
        [(folder, seq, message[0]) for message in placed],
    )
    await transaction.many(
        "INSERT OR REPLACE INTO source_message "
        "(source_folder_id, uid, message_id, folder_id, size, internaldate, flags, fetched) "
        "SELECT ?, ?, id, ?, ?, ?, ?, ? FROM message WHERE sha256 = ?",
        [
            (source, uid, folder, size, internaldate, flags, int(fetched), sha256)
            for sha256, uid, size, internaldate, flags in placed
            if uid is not None
        ],
    )


async def folder(transaction: Transaction, owner: str, path: str) -> int:
    await transaction.execute("INSERT OR IGNORE INTO folder (owner, path) VALUES (?, ?)", (owner, path))
    return int(await transaction.value("SELECT id FROM folder WHERE owner = ? AND path = ?", (owner, path)))


async def source_folder(transaction: Transaction, source: str, name: str, uidvalidity: int) -> int:
    key = (source, name, uidvalidity)
    await transaction.execute("INSERT OR IGNORE INTO source_folder (source, name, uidvalidity) VALUES (?, ?, ?)", key)
    sql = "SELECT id FROM source_folder WHERE source = ? AND name = ? AND uidvalidity = ?"
    return int(await transaction.value(sql, key))
