"""Mail of mailboxes in the catalog: placements in the archive, and positions on servers.

Each function applies one kind of entry.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.archive.catalog import catchall, digests, messages, tallies, twins
from core.archive.catalog.messages import Details, ProjectionStep
from core.archive.catalog.twins import STANDING, Came
from core.archive.store.entries.mail import Archived, Deleted, Deleting, Linked, Moved, Relisted, Returned, Vanished
from core.archive.store.entries.transfers import Imported, Restored
from core.archive.store.entries.values import SourceFolder, SourceMessage
from core.db.database import Transaction
from core.text import sequence


async def archived(step: ProjectionStep, entry: Archived) -> None:
    folder = await messages.folder(step.transaction, entry.folder.owner, entry.folder.path)
    source = await messages.source_folder(step.transaction, entry.source)
    known = await messages.insert(step, entry, entry.canonical)
    await messages.place(step, folder, source, entry.messages, known)


async def archived_together(
    transaction: Transaction, volume: int, details: Details, entries: Sequence[tuple[int, str, Archived]]
) -> None:
    """Apply consecutive entries, each with its seq and its time, as ``archived`` would one by one: a few statements for all."""
    folders = await messages.folders(transaction, [entry.folder for *_, entry in entries])
    sources = await messages.source_folders(transaction, [entry.source for *_, entry in entries])
    canonical = {sha256: form for *_, entry in entries for sha256, form in entry.canonical.items()}
    named: dict[bytes, str] = {}
    for _, at, entry in entries:
        for sha256 in entry.digests():
            # The first entry that names a message stored it.
            named.setdefault(sha256, at)
    known = await messages.insert_all(transaction, volume, details, named, canonical)
    placed = [(folders[entry.folder], sources[entry.source], seq, one) for seq, _, entry in entries for one in entry.messages]
    await messages.place_all(transaction, placed, known)


async def imported(step: ProjectionStep, entry: Imported) -> None:
    """Apply mail from files. Flags and dates are kept as sources are, under a source of this entry alone."""
    owner, path = entry.folder.owner, entry.folder.path
    folder = await messages.folder(step.transaction, owner, path)
    source = await messages.source_folder(step.transaction, SourceFolder(f"{twins.FROM_FILES}{owner}", path, step.seq))
    known = await messages.insert(step, entry, entry.canonical, Came.EXPORT if entry.files.exported else Came.FILES)
    numbered = (
        SourceMessage(one.sha256, number, one.size, one.internaldate, one.flags) for number, one in enumerate(entry.messages, 1)
    )
    await messages.place(step, folder, source, numbered, known)


async def restored(step: ProjectionStep, entry: Restored) -> None:
    """Apply mail put back on a server: its new position is known, so that no run takes it for new; its placement stays."""
    if not entry.known:
        return
    folder = await messages.folder(step.transaction, entry.folder.owner, entry.folder.path)
    source = await messages.source_folder(step.transaction, entry.source)
    # A run at the same time may have fetched it already.
    known = await digests.ids(step.transaction, [one.sha256 for one in entry.messages])
    await step.transaction.many(
        "INSERT OR IGNORE INTO source_message "
        "(source_folder_id, uid, message_id, folder_id, size, internaldate, flags, fetched) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        [
            (source, one.uid, known[one.sha256], folder, one.size, one.internaldate, one.flags)
            for one in entry.messages
            if one.uid is not None and one.sha256 in known
        ],
    )


async def linked(step: ProjectionStep, entry: Linked) -> None:
    """Apply archived messages found at another place of their mailbox, not fetched again.

    Without a UID they are only placed; without a folder (a catch-all mailbox) only their source is recorded.
    """
    source = await messages.source_folder(step.transaction, entry.source)
    known = await digests.find(step.transaction, [one.sha256 for one in entry.messages])
    if entry.path is not None:
        folder = await messages.folder(step.transaction, entry.owner, entry.path)
        placed = [(folder, source, step.seq, one) for one in entry.messages]
        await messages.place_all(step.transaction, placed, known, fetched=False)
        return
    await step.transaction.many(
        "INSERT OR REPLACE INTO source_message (source_folder_id, uid, message_id, size, internaldate, flags, fetched) "
        "VALUES (?, ?, ?, ?, ?, ?, 0)",
        [
            (source, one.uid, known[one.sha256].id, one.size, one.internaldate, one.flags)
            for one in entry.messages
            if one.sha256 in known
        ],
    )


async def moved(step: ProjectionStep, entry: Moved) -> None:
    await step.transaction.execute(
        "CREATE TEMP TABLE IF NOT EXISTS moving (from_source INTEGER, from_uid INTEGER, from_folder INTEGER, "
        "message_id INTEGER, standing INTEGER, source INTEGER, uid INTEGER, folder INTEGER, size INTEGER, "
        "internaldate INTEGER, flags TEXT, ours INTEGER, report_header BLOB, report_size INTEGER)"
    )
    await step.transaction.execute("DELETE FROM moving")
    sources: dict[SourceFolder, int] = {}
    # Mail of a catch-all mailbox is placed by recipient: a move on the server changes no placement.
    folders: dict[str | None, int | None] = {None: None}
    rows = []
    for move in entry.moves:
        origin = SourceFolder(entry.source, move.origin.name, move.origin.uidvalidity)
        target = SourceFolder(entry.source, move.name, move.uidvalidity)
        for source in (origin, target):
            if source not in sources:
                sources[source] = await messages.source_folder(step.transaction, source)
        if move.path is not None and move.path not in folders:
            folders[move.path] = await messages.folder(step.transaction, entry.owner, move.path)
        now = (move.message.uid, folders[move.path], move.message.size, move.message.internaldate, move.message.flags)
        rows.append((sources[target], *now, move.ours is True, sources[origin], move.origin.uid))
    await step.transaction.many(
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
    ):
        await step.transaction.execute(statement, {"seq": step.seq} if ":seq" in statement else ())
    await tallies.place(
        step.transaction,
        "INSERT OR IGNORE INTO placement (message_id, folder_id, since_seq) SELECT standing, folder, ? FROM moving "
        "WHERE folder <> from_folder",
        [(step.seq,)],
    )


async def vanished(step: ProjectionStep, entry: Vanished | Deleted) -> None:
    source = await messages.source_folder(step.transaction, entry.source)
    uids = sequence.unpack(entry.uids)
    await step.transaction.many(
        "UPDATE source_message SET gone_seq = ? WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(step.seq, source, uid) for uid in uids],
    )
    await catchall.forget_left(step.transaction, source, uids)


async def relisted(step: ProjectionStep, entry: Relisted) -> None:
    source = await messages.source_folder(step.transaction, entry.source)
    await step.transaction.many(
        "UPDATE source_message SET size = ?, internaldate = ?, flags = ? "
        "WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(one.size, one.internaldate, one.flags, source, one.uid) for one in entry.messages],
    )


async def returned(step: ProjectionStep, entry: Returned) -> None:
    source = await messages.source_folder(step.transaction, entry.source)
    await step.transaction.many(
        "UPDATE source_message SET gone_seq = NULL, delete_seq = NULL WHERE source_folder_id = ? AND uid = ?",
        [(source, uid) for uid in sequence.unpack(entry.uids)],
    )


async def deleting(step: ProjectionStep, entry: Deleting) -> None:
    source = await messages.source_folder(step.transaction, entry.source)
    await step.transaction.many(
        "UPDATE source_message SET delete_seq = ? WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(step.seq, source, uid) for uid in sequence.unpack(entry.uids)],
    )


async def deleted(step: ProjectionStep, entry: Deleted) -> None:
    await vanished(step, entry)
    source = await messages.source_folder(step.transaction, entry.source)
    await step.transaction.many(
        "UPDATE source_message SET delete_seq = NULL WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(source, uid) for uid in sequence.unpack(entry.kept)],
    )
