"""Mail of mailboxes in the catalog: where it lies, and where it is on its server. Each function applies one kind of entry."""

from __future__ import annotations

from core.archive.catalog import catchall, messages, twins
from core.archive.catalog.messages import Details, Payload
from core.archive.catalog.twins import STANDING, Came
from core.db.database import Transaction
from core.text import sequence


async def archived(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    folder = await messages.folder(transaction, payload["owner"], payload["folder"])
    source = await messages.source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await messages.insert(transaction, payload, volume, details)
    await messages.place(transaction, seq, folder, source, payload["messages"])


async def imported(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    """Mail from files. Flags and dates are kept where those of servers are: in a mailbox that is this entry's own."""
    folder = await messages.folder(transaction, payload["owner"], payload["folder"])
    source = await messages.source_folder(transaction, f"{twins.FROM_FILES}{payload['owner']}", payload["folder"], seq)
    came = Came.EXPORT if payload.get("exported") else Came.FILES
    await messages.insert(transaction, payload, volume, details, came)
    numbered = [(sha256, number, *rest) for number, (sha256, *rest) in enumerate(payload["messages"], 1)]
    await messages.place(transaction, seq, folder, source, numbered)


async def restored(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    """Mail that was put back on a server: known where it lies now, so that no run takes it for new; its place here stays."""
    if not payload["known"]:
        return
    folder = await messages.folder(transaction, payload["owner"], payload["folder"])
    source = await messages.source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    # A run that went on at the same time may have fetched it already.
    await transaction.many(
        "INSERT OR IGNORE INTO source_message "
        "(source_folder_id, uid, message_id, folder_id, size, internaldate, flags, fetched) "
        "SELECT ?, ?, id, ?, ?, ?, ?, 0 FROM message WHERE sha256 = ?",
        [
            (source, uid, folder, size, internaldate, flags, bytes.fromhex(sha256))
            for sha256, uid, size, internaldate, flags in payload["messages"]
            if uid is not None
        ],
    )


async def linked(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    """Archived messages at another place of their mailbox, not fetched there. Without a UID they are placed only;
    without a folder (a catch-all mailbox) it is only known."""
    source = await messages.source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    if payload["folder"] is not None:
        folder = await messages.folder(transaction, payload["owner"], payload["folder"])
        await messages.place(transaction, seq, folder, source, payload["messages"], fetched=False)
        return
    await transaction.many(
        "INSERT OR REPLACE INTO source_message (source_folder_id, uid, message_id, size, internaldate, flags, fetched) "
        "SELECT ?, ?, id, ?, ?, ?, 0 FROM message WHERE sha256 = ?",
        [(source, *rest, bytes.fromhex(sha256)) for sha256, *rest in payload["messages"]],
    )


async def moved(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await transaction.execute(
        "CREATE TEMP TABLE IF NOT EXISTS moving (from_source INTEGER, from_uid INTEGER, from_folder INTEGER, "
        "message_id INTEGER, standing INTEGER, source INTEGER, uid INTEGER, folder INTEGER, size INTEGER, "
        "internaldate INTEGER, flags TEXT, ours INTEGER, report_header BLOB, report_size INTEGER)"
    )
    await transaction.execute("DELETE FROM moving")
    sources: dict[tuple[str, int], int] = {}
    # What lies in a catch-all mailbox is filed by person: where it is moved to there changes nothing here.
    folders: dict[str | None, int | None] = {None: None}
    rows = []
    for move in payload["moves"]:
        from_name, from_validity, from_uid, path, name, validity, uid, size, internaldate, flags, *ours = move
        for key in ((from_name, from_validity), (name, validity)):
            if key not in sources:
                sources[key] = await messages.source_folder(transaction, payload["source"], *key)
        if path not in folders:
            folders[path] = await messages.folder(transaction, payload["owner"], path)
        origin = (sources[from_name, from_validity], from_uid)
        rows.append((sources[name, validity], uid, folders[path], size, internaldate, flags, ours == [True], *origin))
    await transaction.many(
        "INSERT INTO moving (from_source, from_uid, from_folder, message_id, standing, source, uid, folder, size, "
        "internaldate, flags, ours, report_header, report_size) SELECT source_folder_id, uid, folder_id, message_id, "
        f"(SELECT {STANDING} FROM message WHERE id = source_message.message_id), ?, ?, ?, ?, ?, ?, ?, "
        "report_header, report_size FROM source_message WHERE source_folder_id = ? AND uid = ?",
        rows,
    )
    for statement in (
        "DELETE FROM source_message WHERE (source_folder_id, uid) IN (SELECT from_source, from_uid FROM moving)",
        "INSERT OR REPLACE INTO source_message (source_folder_id, uid, message_id, folder_id, size, internaldate, flags, "
        "fetched, delete_seq, report_header, report_size) "
        "SELECT source, uid, message_id, folder, size, internaldate, flags, 0, CASE WHEN ours THEN :seq END, "
        "report_header, report_size FROM moving",
        # A twin that is still in the old folder keeps the old placement open.
        "UPDATE placement SET until_seq = :seq WHERE until_seq IS NULL "
        "AND message_id IN (SELECT standing FROM moving) AND EXISTS (SELECT 1 FROM moving "
        "WHERE moving.standing = placement.message_id AND from_folder = placement.folder_id AND folder <> from_folder) "
        "AND NOT EXISTS (SELECT 1 FROM source_message s JOIN message form ON form.id = s.message_id "
        "WHERE (form.id = placement.message_id OR form.twin_of = placement.message_id) "
        "AND s.folder_id = placement.folder_id AND s.gone_seq IS NULL)",
        "INSERT OR IGNORE INTO placement (message_id, folder_id, since_seq) SELECT standing, folder, :seq FROM moving "
        "WHERE folder <> from_folder",
    ):
        await transaction.execute(statement, {"seq": seq} if ":seq" in statement else ())


async def vanished(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await messages.source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await transaction.many(
        "UPDATE source_message SET gone_seq = ? WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(seq, source, uid) for uid in sequence.unpack(payload["uids"])],
    )
    await catchall.forget_left(transaction, source, sequence.unpack(payload["uids"]))


async def relisted(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await messages.source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await transaction.many(
        "UPDATE source_message SET size = ?, internaldate = ?, flags = ? "
        "WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(size, internaldate, flags, source, uid) for uid, size, internaldate, flags in payload["messages"]],
    )


async def returned(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await messages.source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await transaction.many(
        "UPDATE source_message SET gone_seq = NULL, delete_seq = NULL WHERE source_folder_id = ? AND uid = ?",
        [(source, uid) for uid in sequence.unpack(payload["uids"])],
    )


async def deleting(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await messages.source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await transaction.many(
        "UPDATE source_message SET delete_seq = ? WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(seq, source, uid) for uid in sequence.unpack(payload["uids"])],
    )


async def deleted(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await vanished(transaction, seq, payload, volume, details)
    source = await messages.source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await transaction.many(
        "UPDATE source_message SET delete_seq = NULL WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(source, uid) for uid in sequence.unpack(payload["kept"])],
    )
