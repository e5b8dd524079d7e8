"""Catch-all mailboxes in the catalog: the placements of their messages, and addresses that no user had.

As in ``catalog``: the same entries give the same tables, whether applied one by one or replayed. Addresses stand in the
ledger as ``addresses.key`` made them, so that no replay by a later version can read them another way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from core.archive.catalog import digests, messages
from core.archive.catalog.digests import KnownMessage
from core.archive.catalog.messages import ProjectionStep
from core.archive.store.entries.everybody import Filed, FiledMessage, Left, Refiled, UnknownAddress
from core.archive.store.entries.records import AddressOurs
from core.archive.store.entries.values import OwnedFolder
from core.db.database import Transaction
from core.profiles.people import CATCHALL

#: SQL condition: an address in one of our domains, not marked as foreign.
COUNTS = "a.ours AND NOT EXISTS (SELECT 1 FROM not_ours n WHERE n.pattern IN (a.address, '@' || a.domain))"


async def filed(step: ProjectionStep, entry: Filed) -> None:
    """Apply mail filed from a catch-all mailbox, each message in all its folders."""
    transaction = step.transaction
    source = await messages.source_folder(transaction, entry.source)
    known = await messages.insert(step, entry, entry.canonical)
    folders = await _folders(transaction, entry.filing.places)
    placed = [(one, known[one.message.sha256]) for one in entry.messages if one.message.sha256 in known]
    await messages.put(transaction, [(message, folders[place], step.seq) for one, message in placed for place in one.places])
    rows = []
    for one, message in placed:
        listed = one.message
        report = (one.report.sha256, one.report.size) if one.report else (None, None)
        rows.append((source, listed.uid, message.id, listed.size, listed.internaldate, listed.flags, *report))
    await transaction.many(
        "INSERT OR REPLACE INTO source_message (source_folder_id, uid, message_id, folder_id, size, internaldate, flags, "
        "fetched, report_header, report_size) VALUES (?, ?, ?, NULL, ?, ?, ?, 1, ?, ?)",
        rows,
    )
    kept = entry.filing.kept
    await _strangers(step, entry, placed, source, folders[kept] if kept is not None else None)
    await forget_left(transaction, source, [one.message.uid for one in entry.messages if one.message.uid is not None])


async def _strangers(
    step: ProjectionStep,
    entry: Filed,
    placed: Sequence[tuple[FiledMessage, KnownMessage]],
    source: int,
    kept_folder: int | None,
) -> None:
    if not entry.addresses:
        return
    transaction = step.transaction
    ids = await _addresses(transaction, step.seq, entry.addresses)
    filing = (entry.source.source, entry.filing.incoming, entry.filing.outgoing)
    await transaction.execute("INSERT OR IGNORE INTO filing (source, incoming, outgoing) VALUES (?, ?, ?)", filing)
    sql = "SELECT id FROM filing WHERE source = ? AND incoming = ? AND outgoing = ?"
    filing_id = await transaction.value(sql, filing)
    seen: dict[tuple[int, int], int | None] = {}
    rows = []
    for one, message in placed:
        folder = kept_folder if entry.filing.kept in one.places else None
        for sent, numbers in ((1, one.senders), (0, one.recipients)):
            for number in numbers:
                seen.setdefault((ids[number], message.id), one.message.uid)
                rows.append((ids[number], message.id, sent, filing_id, folder))
    # Each message counts once, also when it was left before or stored already.
    await transaction.many(
        "UPDATE unknown_address SET messages = messages + 1 WHERE id = ?1 AND NOT EXISTS "
        "(SELECT 1 FROM unknown_message u WHERE u.message_id = ?2 AND u.address_id = ?1) AND NOT EXISTS "
        "(SELECT 1 FROM left_address l WHERE l.source_folder_id = ?3 AND l.uid = ?4 AND l.address_id = ?1)",
        [(address, message, source, uid) for (address, message), uid in seen.items()],
    )
    await transaction.many(
        "INSERT INTO unknown_message (address_id, message_id, sent, filing_id, folder_id) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (message_id, address_id, sent) DO UPDATE SET folder_id = coalesce(folder_id, excluded.folder_id)",
        rows,
    )


async def left(step: ProjectionStep, entry: Left) -> None:
    """Apply messages that were left in a catch-all mailbox."""
    transaction = step.transaction
    source = await messages.source_folder(transaction, entry.source)
    names = [one.address for one in entry.addresses]
    ours = [number for number, one in enumerate(entry.addresses) if one.ours]
    ids = dict(zip(ours, await _addresses(transaction, step.seq, [entry.addresses[n] for n in ours]), strict=True))
    await transaction.many(
        "INSERT OR REPLACE INTO left_message (source_folder_id, uid, reading, addresses, size, internaldate) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (source, one.uid, entry.reading, _json([names[n] for n in one.addresses]), one.size, one.internaldate)
            for one in entry.messages
        ],
    )
    rows = [(source, one.uid, ids[n]) for one in entry.messages for n in one.addresses if n in ids]
    await transaction.many(
        "UPDATE unknown_address SET messages = messages + 1 WHERE id = ?3 AND NOT EXISTS "
        "(SELECT 1 FROM left_address WHERE source_folder_id = ?1 AND uid = ?2 AND address_id = ?3)",
        rows,
    )
    await transaction.many(
        "INSERT OR IGNORE INTO left_address (source_folder_id, uid, address_id) VALUES (?, ?, ?)",
        rows,
    )
    # Read with other header fields before, the message may have had other addresses.
    await transaction.many(
        "DELETE FROM left_address WHERE source_folder_id = ? AND uid = ? "
        "AND address_id NOT IN (SELECT value FROM json_each(?))",
        [(source, one.uid, json.dumps([ids[n] for n in one.addresses if n in ids])) for one in entry.messages],
    )


def _json(names: list[str]) -> str:
    return json.dumps(names, ensure_ascii=False)


async def forget_left(transaction: Transaction, source: int, uids: Iterable[int]) -> None:
    """Forget messages left in a catch-all mailbox that are archived by now, or gone from the server."""
    if await transaction.one("SELECT 1 FROM left_message WHERE source_folder_id = ? LIMIT 1", (source,)):
        rows = [(source, uid) for uid in uids]
        await transaction.many("DELETE FROM left_message WHERE source_folder_id = ? AND uid = ?", rows)
        await transaction.many("DELETE FROM left_address WHERE source_folder_id = ? AND uid = ?", rows)


async def refiled(step: ProjectionStep, entry: Refiled) -> None:
    """Apply mail filed later to users who were not known when it came."""
    transaction, seq = step.transaction, step.seq
    folders = await _folders(transaction, entry.places)
    known = await digests.find(transaction, [message.sha256 for message in entry.messages])
    rows = [
        (known[message.sha256], one.address, int(one.sent), folders[one.place])
        for message in entry.messages
        if message.sha256 in known
        for one in message.addresses
    ]
    await messages.put(transaction, [(message, folder, seq) for message, _, _, folder in rows])
    await transaction.many(
        "UPDATE unknown_message SET resolved_seq = ? WHERE message_id = ? "
        "AND address_id = (SELECT id FROM unknown_address WHERE address = ?) AND sent = ? AND resolved_seq IS NULL",
        [(seq, message.id, address, sent) for message, address, sent, _ in rows],
    )
    # Its last unknown address is resolved, so it leaves the catch-all archive. What was sent to a named user's archive stays
    # there.
    await transaction.many(
        "UPDATE placement SET until_seq = ?1 WHERE until_seq IS NULL "
        "AND message_id = ?2 "
        "AND folder_id IN (SELECT id FROM folder WHERE owner = ?3) AND NOT EXISTS (SELECT 1 FROM unknown_message u "
        "JOIN unknown_address a ON a.id = u.address_id JOIN message form ON form.id = u.message_id "
        "WHERE (form.id = placement.message_id OR form.twin_of = placement.message_id) "
        f"AND u.resolved_seq IS NULL AND {COUNTS})",
        [(seq, standing, CATCHALL) for standing in dict.fromkeys(row[0].standing for row in rows)],
    )


async def address_ours(transaction: Transaction, entry: AddressOurs) -> None:
    """Apply the decision whether an address or domain is ours."""
    sql = "DELETE FROM not_ours WHERE pattern = ?" if entry.ours else "INSERT OR IGNORE INTO not_ours (pattern) VALUES (?)"
    await transaction.execute(sql, (entry.address,))


async def _folders(transaction: Transaction, places: Sequence[OwnedFolder]) -> list[int]:
    """The ids of folders, in their order; made if need be."""
    wanted = [place.row() for place in places]
    await transaction.many("INSERT OR IGNORE INTO folder (owner, path) VALUES (?, ?)", wanted)
    rows = await transaction.read(
        "SELECT folder.id FROM json_each(?) wanted JOIN folder ON folder.owner = json_extract(wanted.value, '$[0]') "
        "AND folder.path = json_extract(wanted.value, '$[1]') ORDER BY wanted.key",
        (json.dumps(wanted),),
    )
    return [row[0] for row in rows]


async def _addresses(transaction: Transaction, seq: int, addresses: Sequence[UnknownAddress]) -> list[int]:
    """The ids of addresses, in their order; made if need be, and marked as seen now."""
    await transaction.many(
        "INSERT INTO unknown_address (address, domain, ours, first_seq, last_seq, messages) VALUES (?1, ?2, ?3, ?4, ?4, 0) "
        "ON CONFLICT (address) DO UPDATE SET ours = max(ours, excluded.ours), "
        # Lanes may be applied in any order.
        "first_seq = min(first_seq, excluded.first_seq), last_seq = max(last_seq, excluded.last_seq)",
        [(one.address, one.address.rpartition("@")[2], int(one.ours), seq) for one in addresses],
    )
    rows = await transaction.read(
        "SELECT a.id FROM json_each(?) wanted JOIN unknown_address a ON a.address = wanted.value ORDER BY wanted.key",
        (json.dumps([one.address for one in addresses]),),
    )
    return [row[0] for row in rows]
