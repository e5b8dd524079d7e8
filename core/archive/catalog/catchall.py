"""What the ledger says of catch-all mailboxes, as tables: who got what, and which addresses no user had.

As in ``catalog``: the same entries give the same tables, whether applied one by one or replayed. Addresses stand in the
ledger as ``routing.key`` made them, so that no replay by a later version can read them another way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from core.archive.catalog.twins import STANDING
from core.db.database import Transaction
from core.profiles.people import CATCHALL

Payload = dict[str, Any]

#: Is an address of ours that nobody says is not?
COUNTS = "a.ours AND NOT EXISTS (SELECT 1 FROM not_ours n WHERE n.pattern IN (a.address, '@' || a.domain))"


async def filed(transaction: Transaction, seq: int, payload: Payload, source: int) -> None:
    """Messages of a catch-all mailbox, each in all its places."""
    folders = await _folders(transaction, payload["places"])
    kept = payload["kept"]
    messages = [(bytes.fromhex(sha256), *rest) for sha256, *rest in payload["messages"]]
    await transaction.many(
        f"INSERT OR IGNORE INTO placement (message_id, folder_id, since_seq) SELECT {STANDING}, ?, ? FROM message "
        "WHERE sha256 = ?",
        [(folders[place], seq, message[0]) for message in messages for place in message[5]],
    )
    rows = []
    for sha256, uid, size, internaldate, flags, _, _, _, report in messages:
        header, length = (bytes.fromhex(report[0]), report[1]) if report else (None, None)
        rows.append((source, uid, size, internaldate, flags, header, length, sha256))
    await transaction.many(
        "INSERT OR REPLACE INTO source_message (source_folder_id, uid, message_id, folder_id, size, internaldate, flags, "
        "fetched, report_header, report_size) SELECT ?, ?, id, NULL, ?, ?, ?, 1, ?, ? FROM message WHERE sha256 = ?",
        rows,
    )
    await _strangers(transaction, seq, payload, source, messages, folders[kept] if kept is not None else None)
    await forget_left(transaction, source, [message[1] for message in messages])


async def _strangers(
    transaction: Transaction,
    seq: int,
    payload: Payload,
    source: int,
    messages: Sequence[tuple[Any, ...]],
    kept_folder: int | None,
) -> None:
    if not payload["addresses"]:
        return
    ids = await _addresses(transaction, seq, payload["addresses"])
    name = await transaction.value("SELECT source FROM source_folder WHERE id = ?", (source,))
    filing = (name, payload["incoming"], payload["outgoing"])
    await transaction.execute("INSERT OR IGNORE INTO filing (source, incoming, outgoing) VALUES (?, ?, ?)", filing)
    sql = "SELECT id FROM filing WHERE source = ? AND incoming = ? AND outgoing = ?"
    filing_id = await transaction.value(sql, filing)
    seen: dict[tuple[int, bytes], int] = {}
    rows = []
    for sha256, uid, _, _, _, places, senders, recipients, _ in messages:
        folder = kept_folder if payload["kept"] in places else None
        for sent, numbers in ((1, senders), (0, recipients)):
            for number in numbers:
                seen.setdefault((ids[number], sha256), uid)
                rows.append((ids[number], sent, filing_id, folder, sha256))
    # Each message once, also when it was counted while it was left, or came before.
    await transaction.many(
        "UPDATE unknown_address SET messages = messages + 1 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM message m "
        "JOIN unknown_message u ON u.message_id = m.id AND u.address_id = ?1 WHERE m.sha256 = ?2) AND NOT EXISTS "
        "(SELECT 1 FROM left_address l WHERE l.source_folder_id = ?3 AND l.uid = ?4 AND l.address_id = ?1)",
        [(address, sha256, source, uid) for (address, sha256), uid in seen.items()],
    )
    await transaction.many(
        "INSERT INTO unknown_message (address_id, message_id, sent, filing_id, folder_id) "
        "SELECT ?, id, ?, ?, ? FROM message WHERE sha256 = ? "
        "ON CONFLICT (message_id, address_id, sent) DO UPDATE SET folder_id = coalesce(folder_id, excluded.folder_id)",
        rows,
    )


async def left(transaction: Transaction, seq: int, payload: Payload, source: int) -> None:
    """Messages that were left in a catch-all mailbox."""
    names = [address for address, _ in payload["addresses"]]
    ours = {number for number, (_, ours) in enumerate(payload["addresses"]) if ours}
    ids = dict(zip(sorted(ours), await _addresses(transaction, seq, [[names[n], True] for n in sorted(ours)]), strict=True))
    await transaction.many(
        "INSERT OR REPLACE INTO left_message (source_folder_id, uid, reading, addresses, size, internaldate) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (source, uid, payload["reading"], json.dumps([names[n] for n in numbers], ensure_ascii=False), *told)
            # Entries of before do not tell size and date.
            for uid, numbers, *told in ([*row, None, None][:4] for row in payload["messages"])
        ],
    )
    rows = [(source, uid, ids[n]) for uid, numbers, *_ in payload["messages"] for n in numbers if n in ours]
    await transaction.many(
        "UPDATE unknown_address SET messages = messages + 1 WHERE id = ?3 AND NOT EXISTS "
        "(SELECT 1 FROM left_address WHERE source_folder_id = ?1 AND uid = ?2 AND address_id = ?3)",
        rows,
    )
    await transaction.many(
        "INSERT OR IGNORE INTO left_address (source_folder_id, uid, address_id) VALUES (?, ?, ?)",
        rows,
    )
    # Read before by other fields of the header, it may have had other addresses.
    await transaction.many(
        "DELETE FROM left_address WHERE source_folder_id = ? AND uid = ? "
        "AND address_id NOT IN (SELECT value FROM json_each(?))",
        [
            (source, uid, json.dumps([ids[number] for number in numbers if number in ours]))
            for uid, numbers, *_ in payload["messages"]
        ],
    )


async def forget_left(transaction: Transaction, source: int, uids: Iterable[int]) -> None:
    """Messages that were left are archived by now, or gone."""
    if await transaction.one("SELECT 1 FROM left_message WHERE source_folder_id = ? LIMIT 1", (source,)):
        rows = [(source, uid) for uid in uids]
        await transaction.many("DELETE FROM left_message WHERE source_folder_id = ? AND uid = ?", rows)
        await transaction.many("DELETE FROM left_address WHERE source_folder_id = ? AND uid = ?", rows)


async def refiled(transaction: Transaction, seq: int, payload: Payload) -> None:
    """Messages filed to users who were not known when they came."""
    folders = await _folders(transaction, payload["places"])
    rows = [
        (bytes.fromhex(sha256), address, sent, folders[place])
        for sha256, done in payload["messages"]
        for address, sent, place in done
    ]
    await transaction.many(
        f"INSERT OR IGNORE INTO placement (message_id, folder_id, since_seq) SELECT {STANDING}, ?, ? FROM message "
        "WHERE sha256 = ?",
        [(folder, seq, sha256) for sha256, _, _, folder in rows],
    )
    await transaction.many(
        "UPDATE unknown_message SET resolved_seq = ? WHERE message_id = (SELECT id FROM message WHERE sha256 = ?) "
        "AND address_id = (SELECT id FROM unknown_address WHERE address = ?) AND sent = ? AND resolved_seq IS NULL",
        [(seq, sha256, address, sent) for sha256, address, sent, _ in rows],
    )
    # Nobody else waits for it: it has left the archive of those who are not known. What was sent to a named user's archive
    # stays there.
    await transaction.many(
        "UPDATE placement SET until_seq = ?1 WHERE until_seq IS NULL "
        f"AND message_id = (SELECT {STANDING} FROM message WHERE sha256 = ?2) "
        "AND folder_id IN (SELECT id FROM folder WHERE owner = ?3) AND NOT EXISTS (SELECT 1 FROM unknown_message u "
        "JOIN unknown_address a ON a.id = u.address_id JOIN message form ON form.id = u.message_id "
        "WHERE (form.id = placement.message_id OR form.twin_of = placement.message_id) "
        f"AND u.resolved_seq IS NULL AND {COUNTS})",
        [(seq, sha256, CATCHALL) for sha256 in dict.fromkeys(row[0] for row in rows)],
    )


async def address_ours(transaction: Transaction, payload: Payload) -> None:
    """An address or a domain is said to be ours, or not."""
    sql = "DELETE FROM not_ours WHERE pattern = ?" if payload["ours"] else "INSERT OR IGNORE INTO not_ours (pattern) VALUES (?)"
    await transaction.execute(sql, (payload["address"],))


async def _folders(transaction: Transaction, places: Sequence[Sequence[str]]) -> list[int]:
    """The ids of (owner, path), in their order."""
    await transaction.many("INSERT OR IGNORE INTO folder (owner, path) VALUES (?, ?)", [tuple(place) for place in places])
    rows = await transaction.read(
        "SELECT folder.id FROM json_each(?) wanted JOIN folder ON folder.owner = json_extract(wanted.value, '$[0]') "
        "AND folder.path = json_extract(wanted.value, '$[1]') ORDER BY wanted.key",
        (json.dumps(places),),
    )
    return [row[0] for row in rows]


async def _addresses(transaction: Transaction, seq: int, addresses: Sequence[Sequence[Any]]) -> list[int]:
    """The ids of [address, ours], in their order; seen now."""
    await transaction.many(
        "INSERT INTO unknown_address (address, domain, ours, first_seq, last_seq, messages) VALUES (?1, ?2, ?3, ?4, ?4, 0) "
        "ON CONFLICT (address) DO UPDATE SET ours = max(ours, excluded.ours), last_seq = excluded.last_seq",
        [(address, address.rpartition("@")[2], int(ours), seq) for address, ours in addresses],
    )
    rows = await transaction.read(
        "SELECT a.id FROM json_each(?) wanted JOIN unknown_address a ON a.address = wanted.value ORDER BY wanted.key",
        (json.dumps([address for address, _ in addresses]),),
    )
    return [row[0] for row in rows]
