"""Messages as the catalog knows them, with their places and sources, and the entries that restate them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from core.archive.catalog import digests, tallies
from core.archive.store.entries.restated import Restated, RestatedSource, SourceState
from core.archive.store.entries.values import Canonical, OwnedFolder, ReportHeader, ServerMessage, SourceFolder
from core.db.database import Database, Row, Transaction

_PLACES = (
    "SELECT folder.owner, folder.path FROM placement JOIN folder ON folder.id = placement.folder_id "
    "WHERE placement.message_id = (SELECT coalesce(twin_of, id) FROM message WHERE id = ?) {} ORDER BY placement.id"
)
_SOURCES = (
    "SELECT f.source, f.name, f.uidvalidity, s.uid, folder.owner, folder.path, s.size, s.internaldate, s.flags, s.fetched, "
    "s.gone_seq IS NOT NULL, s.delete_seq IS NOT NULL, s.report_header, s.report_size FROM source_message s "
    "JOIN source_folder f ON f.id = s.source_folder_id LEFT JOIN folder ON folder.id = s.folder_id "
    "WHERE s.message_id = ? ORDER BY f.id, s.uid"
)


async def of(catalog: Database, sha256: bytes) -> Restated:
    """A message as the catalog knows it; only the SHA-256 for one that it does not know."""
    wanted = await digests.id_of(catalog, sha256)
    row = await catalog.one("SELECT id, subject, sender, date FROM message WHERE id = ?", (wanted,))
    if row is None:
        return Restated(sha256)
    number, subject, sender, date = row
    places = await catalog.read(_PLACES.format("AND placement.until_seq IS NULL"), (number,))
    places = places or await catalog.read(_PLACES.format(""), (number,))
    sources = tuple(map(_source, await catalog.read(_SOURCES, (number,))))
    folders = tuple(OwnedFolder(owner, path) for owner, path in dict.fromkeys(places))
    return Restated(sha256, folders, sources, subject, sender, date)


def _source(row: Row) -> RestatedSource:
    source, name, uidvalidity, uid, owner, path, size, internaldate, flags, fetched, gone, ours, report, report_size = row
    return RestatedSource(
        SourceFolder(source, name, uidvalidity),
        ServerMessage(uid, size, internaldate, flags),
        OwnedFolder(owner, path) if path is not None else None,
        SourceState(bool(fetched), bool(gone), bool(ours)),
        ReportHeader(bytes(report), report_size) if report is not None else None,
    )


async def forms(catalog: Database, wanted: Sequence[bytes]) -> Canonical:
    """SHA-256 of messages' CRLF forms by their own SHA-256, for messages that have other line ends."""
    found = {}
    for sha256, number in (await digests.ids(catalog, wanted)).items():
        form = await catalog.value("SELECT canonical FROM message WHERE id = ?", (number,))
        if form is not None:
            found[sha256] = bytes(form)
    return found


async def place(transaction: Transaction, seq: int, messages: Sequence[Restated]) -> None:
    """Set the placements of messages in the catalog to those given, and record their sources."""
    for message in messages:
        known = (await digests.find(transaction, (message.sha256,))).get(message.sha256)
        if known is None:
            continue
        folders = [await _folder(transaction, place) for place in message.places]
        marks = ",".join("?" * len(folders))
        await transaction.execute(
            f"UPDATE placement SET until_seq = ? WHERE message_id = ? AND until_seq IS NULL AND folder_id NOT IN ({marks})",
            (seq, known.standing, *folders),
        )
        await tallies.place(
            transaction,
            "INSERT OR IGNORE INTO placement (message_id, folder_id, since_seq) VALUES (?, ?, ?)",
            [(known.standing, folder, seq) for folder in folders],
        )
        for source in message.sources:
            await _know(transaction, seq, known.id, source)


async def _know(transaction: Transaction, seq: int, message: int, said: RestatedSource) -> None:
    key = (said.source.source, said.source.name, said.source.uidvalidity)
    await transaction.execute("INSERT OR IGNORE INTO source_folder (source, name, uidvalidity) VALUES (?, ?, ?)", key)
    sql = "SELECT id FROM source_folder WHERE source = ? AND name = ? AND uidvalidity = ?"
    number = await transaction.value(sql, key)
    folder = await _folder(transaction, said.folder) if said.folder is not None else None
    listed, state = said.message, said.state
    report = (said.report.sha256, said.report.size) if said.report else (None, None)
    await transaction.execute(
        "INSERT OR REPLACE INTO source_message (source_folder_id, uid, message_id, folder_id, size, internaldate, flags, "
        "fetched, delete_seq, gone_seq, report_header, report_size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(number, listed.uid, message, folder, listed.size, listed.internaldate, listed.flags, int(state.fetched)),
            *(seq if state.ours else None, seq if state.gone else None, *report),
        ),
    )


async def lose(transaction: Transaction, volume: int, lost: Collection[bytes]) -> None:
    """Take messages of ``volume`` out of the catalog, with placements and sources: their UIDs count as not archived."""
    for sha256 in lost:
        number = await digests.id_of(transaction, sha256)
        number = await transaction.value("SELECT id FROM message WHERE id = ? AND volume = ?", (number, volume))
        await transaction.execute("DELETE FROM server_identity WHERE sha256 = ?", (sha256,))
        if number is not None:
            await _hand_over(transaction, number)
            for table in ("source_message", "placement", "unknown_message"):
                await transaction.execute(f"DELETE FROM {table} WHERE message_id = ?", (number,))
            await tallies.leave(transaction, [number])
            await transaction.execute("DELETE FROM message WHERE id = ?", (number,))
            await digests.remove(transaction, sha256, number)


async def _hand_over(transaction: Transaction, number: int) -> None:
    """Promote another form of a message, if there is one, to stand for it: it inherits the placements."""
    heir = await transaction.value("SELECT min(id) FROM message WHERE twin_of = ?", (number,))
    if heir is not None:
        await transaction.execute("UPDATE OR IGNORE placement SET message_id = ? WHERE message_id = ?", (heir, number))
        await transaction.execute("UPDATE message SET twin_of = ? WHERE twin_of = ?", (heir, number))
        await transaction.execute("UPDATE message SET twin_of = NULL WHERE id = ?", (heir,))


async def _folder(transaction: Transaction, place: OwnedFolder) -> int:
    key = (place.owner, place.path)
    await transaction.execute("INSERT OR IGNORE INTO folder (owner, path) VALUES (?, ?)", key)
    return int(await transaction.value("SELECT id FROM folder WHERE owner = ? AND path = ?", key))
