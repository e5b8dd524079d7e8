"""The catalog: what the ledger says, as tables to ask. Each function applies one kind of ledger entry.

Invariant: the same entries and messages give the same catalog, whether applied one by one in a run or replayed by
``rebuild``; ids apart, which follow from the order of the entries and so agree as well.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from core.archive.catalog import catchall, restated, twins
from core.archive.catalog.twins import STANDING, Came
from core.archive.store.ledger import Draft, Entry, Head
from core.db import kept
from core.db.database import Transaction
from core.message.envelope import Envelope
from core.model import moment
from core.text import sequence

#: Tables that hold nothing but the projection, in an order in which they may be emptied.
TABLES = (
    *("left_address", "left_message", "not_ours", "unknown_message", "unknown_address", "filing"),
    *("source_message", "source_folder", "placement", "folder", "message", "address", "user", "profile", "directory"),
)


@dataclass(frozen=True, slots=True)
class Detail:
    """What the catalog says of a message beside its hash: size in bytes, and the envelope."""

    size: int
    envelope: Envelope


#: Kinds of entries that say of messages that they were archived.
_ARCHIVING = ("archived", "filed", "imported")
#: Users that are applied together when the ledger is replayed.
USERS_AT_ONCE = 500
#: The setting that holds the seq of the last entry about a user: whoever counts users need not count again until then.
USERS_CHANGED = "users_changed"

Details = Mapping[bytes, Detail]
Payload = dict[str, Any]


async def applied(transaction: Transaction) -> Head:
    """Up to where the ledger has been applied."""
    row = await transaction.one("SELECT seq, hash FROM applied")
    return Head(row[0], bytes(row[1])) if row else Head(0, bytes(32))


async def apply(transaction: Transaction, entry: Entry, volume: int, details: Details) -> None:
    """Apply one entry of ``volume`` and record that it was. ``details`` holds the messages new in this entry."""
    handler = _HANDLERS.get(entry.kind)
    if handler is not None:
        await handler(transaction, entry.seq, entry.payload, volume, details)
        await date_placements(transaction, entry.seq, entry.at)
    await transaction.execute("UPDATE applied SET volume = ?, seq = ?, hash = ?", (volume, entry.seq, entry.hash))


async def date_placements(transaction: Transaction, seq: int, at: str) -> None:
    """Give the placements that began with entry ``seq`` their dates; what has none of its own came ``at`` that time."""
    try:
        came = int(moment(at).timestamp())
    except (ValueError, OverflowError):
        came = 0
    await transaction.execute(
        "UPDATE placement SET date = coalesce((SELECT date FROM message WHERE message.id = placement.message_id), ?) "
        "WHERE date IS NULL AND since_seq = ?",
        (came, seq),
    )


async def groups(entries: AsyncIterator[Entry]) -> AsyncGenerator[list[Entry]]:
    """``entries`` as they are best applied: many users in a row together, anything else one by one."""
    waiting: list[Entry] = []
    async for entry in entries:
        if waiting and (entry.kind != "user.saved" or len(waiting) == USERS_AT_ONCE):
            yield waiting
            waiting = []
        if entry.kind == "user.saved":
            waiting.append(entry)
        else:
            yield [entry]
    if waiting:
        yield waiting


async def apply_all(transaction: Transaction, entries: Sequence[Entry], volume: int, details: Details) -> None:
    """Apply entries that follow one another, as ``apply`` would one by one; many users in a row in a few statements."""
    for kind, group in groupby(entries, key=lambda entry: entry.kind):
        several = list(group)
        if kind == "user.saved" and len(several) > 1 and await _users_saved(transaction, several):
            last = several[-1]
            await transaction.execute("UPDATE applied SET volume = ?, seq = ?, hash = ?", (volume, last.seq, last.hash))
            continue
        for entry in several:
            await apply(transaction, entry, volume, details)


async def clear(transaction: Transaction) -> None:
    """Empty the projection; the next replay starts at the first entry."""
    for table in TABLES:
        await transaction.execute(f"DELETE FROM {table}")
    await transaction.execute("DELETE FROM folder_state")
    await kept.forget(transaction, USERS_CHANGED)
    await transaction.execute("UPDATE applied SET volume = 1, seq = 0, hash = ?", (bytes(32),))


def digests(entry: Entry) -> list[bytes]:
    """The SHA-256 of the messages that an entry says were archived."""
    if entry.kind == "salvaged":
        return [bytes.fromhex(message[0]) for message in entry.payload["placed"]]
    if entry.kind not in _ARCHIVING:
        return []
    return [bytes.fromhex(message[0]) for message in entry.payload["messages"]]


def told(draft: Draft, forms: Mapping[bytes, bytes]) -> Draft:
    """A draft that tells of its messages how they are with CRLF, where they are not so: ``forms`` by SHA-256."""
    if not forms or draft.kind not in _ARCHIVING:
        return draft
    digests = (bytes.fromhex(message[0]) for message in draft.payload["messages"])
    said = {sha256.hex(): forms[sha256].hex() for sha256 in digests if sha256 in forms}
    # A draft of files may know more, since all of each was looked at.
    return replace(draft, payload={**draft.payload, twins.KEY: {**draft.payload.get(twins.KEY, {}), **said}}) if said else draft


def renewed(entry: Entry) -> list[bytes]:
    """The SHA-256 of the messages that an entry says were stored anew, whatever there was of them before."""
    return [bytes.fromhex(message[0]) for message in entry.payload["messages"]] if entry.kind == "repaired" else []


def lost(entry: Entry) -> list[bytes]:
    """The SHA-256 of the messages that an entry says were lost with a volume."""
    return [bytes.fromhex(message[0]) for message in entry.payload["lost"]] if entry.kind == "salvaged" else []


#: Statements that save one user, with what each takes.
_SAVE_USER = (
    "INSERT INTO user (id, name, login, full_name, removed, disabled, directory_id, directory_addresses) "
    "VALUES (:id, :name, :login, :full_name, :removed, :disabled, :directory_id, :directory_addresses) "
    "ON CONFLICT (id) DO UPDATE SET name = :name, login = :login, full_name = :full_name, removed = :removed, "
    "disabled = :disabled, directory_id = :directory_id, directory_addresses = :directory_addresses"
)
_FREE_ADDRESSES = "DELETE FROM address WHERE user_id = ?"
_SAVE_ADDRESS = "INSERT OR REPLACE INTO address (address, user_id, position) VALUES (?, ?, ?)"


def _user_row(user: dict[str, Any]) -> dict[str, Any]:
    row = {key: user[key] for key in ("id", "name", "login", "full_name", "removed")}
    # Entries of before users came from directories say nothing of these.
    addresses = json.dumps(user.get("directory_addresses", []), ensure_ascii=False)
    return row | {
        "disabled": user.get("disabled", False),
        "directory_id": user.get("directory_id", ""),
        "directory_addresses": addresses,
    }


def _address_rows(user: dict[str, Any]) -> list[tuple[str, str, int]]:
    # A removed user keeps the archive but gives the addresses free.
    addresses = [] if user["removed"] else user["addresses"]
    return [(address, user["id"], position) for position, address in enumerate(addresses)]


async def _users_saved(transaction: Transaction, entries: Sequence[Entry]) -> bool:
    """Save many users at once; False when names are in each other's way, so that the order of the entries matters."""
    saved = [entry.payload["user"] for entry in entries]
    owners = {user["name"].casefold(): user["id"] for user in saved}
    if len(owners) < len(saved) or len({user["id"] for user in saved}) < len(saved):
        return False
    names = json.dumps([user["name"] for user in saved])
    taken = "SELECT name, id FROM user WHERE name IN (SELECT value FROM json_each(?))"
    if any(owners.get(name.casefold()) != owner for name, owner in await transaction.read(taken, (names,))):
        return False
    await transaction.many(_SAVE_USER, map(_user_row, saved))
    await transaction.many(_FREE_ADDRESSES, [(user["id"],) for user in saved])
    await transaction.many(_SAVE_ADDRESS, [row for user in saved for row in _address_rows(user)])
    await kept.keep(transaction, USERS_CHANGED, str(entries[-1].seq))
    return True


async def _user_saved(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    user = dict(payload["user"])
    # No entry may ever fail to be applied, whatever two processes appended at the same moment: the later one steps back.
    taken = "SELECT 1 FROM user WHERE name = ? AND id <> ?"
    while await transaction.one(taken, (user["name"], user["id"])):
        user["name"] += f" ({user['id']})"
    await transaction.many(_SAVE_USER, [_user_row(user)])
    await transaction.execute(_FREE_ADDRESSES, (user["id"],))
    await transaction.many(_SAVE_ADDRESS, _address_rows(user))
    await kept.keep(transaction, USERS_CHANGED, str(seq))


async def _profile_saved(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    definition = json.dumps(payload["definition"], ensure_ascii=False, sort_keys=True)
    await transaction.execute(
        "INSERT INTO profile (name, definition) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET name = excluded.name, definition = excluded.definition",
        (payload["name"], definition),
    )


async def _profile_removed(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await transaction.execute("DELETE FROM profile WHERE name = ?", (payload["name"],))


async def _directory_saved(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    definition = json.dumps(payload["definition"], ensure_ascii=False, sort_keys=True)
    await transaction.execute("INSERT OR REPLACE INTO directory (id, definition) VALUES (1, ?)", (definition,))


async def _directory_removed(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await transaction.execute("DELETE FROM directory")


async def _archived(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    folder = await _folder(transaction, payload["owner"], payload["folder"])
    source = await _source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await _insert_messages(transaction, payload, volume, details)
    await _place(transaction, seq, folder, source, payload["messages"])


async def _place(
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


_MESSAGE_COLUMNS = "sha256, volume, size, header_sha256, subject, sender, recipients, date, message_id, attachments"


async def _insert_messages(
    transaction: Transaction, payload: Payload, volume: int, details: Details, came: Came = Came.SERVER
) -> None:
    await transaction.many(
        f"INSERT OR IGNORE INTO message ({_MESSAGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_message_row(sha256, volume, detail) for sha256, detail in details.items()],
    )
    await twins.link(transaction, payload, [bytes.fromhex(message[0]) for message in payload["messages"]], details, came)


async def _repaired(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
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


async def _salvaged(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await restated.lose(transaction, volume, [bytes.fromhex(message[0]) for message in payload["lost"]])
    # What was complete or compared need not be so any more.
    for table in ("folder_state", "compared"):
        await transaction.execute(f"DELETE FROM {table}")
    await _insert_messages(transaction, {**payload, "messages": payload["placed"]}, volume, details)
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


async def _imported(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    """Mail from files. Flags and dates are kept where those of servers are: in a mailbox that is this entry's own."""
    folder = await _folder(transaction, payload["owner"], payload["folder"])
    source = await _source_folder(transaction, f"{twins.FROM_FILES}{payload['owner']}", payload["folder"], seq)
    came = Came.EXPORT if payload.get("exported") else Came.FILES
    await _insert_messages(transaction, payload, volume, details, came)
    numbered = [(sha256, number, *rest) for number, (sha256, *rest) in enumerate(payload["messages"], 1)]
    await _place(transaction, seq, folder, source, numbered)


async def _restored(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    """Mail that was put back on a server: known where it lies now, so that no run takes it for new; its place here stays."""
    if not payload["known"]:
        return
    folder = await _folder(transaction, payload["owner"], payload["folder"])
    source = await _source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
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


async def _linked(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    """Archived messages at another place of their mailbox, not fetched there. Without a UID they are placed only;
    without a folder (a catch-all mailbox) it is only known."""
    source = await _source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    if payload["folder"] is not None:
        folder = await _folder(transaction, payload["owner"], payload["folder"])
        await _place(transaction, seq, folder, source, payload["messages"], fetched=False)
        return
    await transaction.many(
        "INSERT OR REPLACE INTO source_message (source_folder_id, uid, message_id, size, internaldate, flags, fetched) "
        "SELECT ?, ?, id, ?, ?, ?, 0 FROM message WHERE sha256 = ?",
        [(source, *rest, bytes.fromhex(sha256)) for sha256, *rest in payload["messages"]],
    )


async def _moved(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
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
                sources[key] = await _source_folder(transaction, payload["source"], *key)
        if path not in folders:
            folders[path] = await _folder(transaction, payload["owner"], path)
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


async def _vanished(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await _source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await transaction.many(
        "UPDATE source_message SET gone_seq = ? WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(seq, source, uid) for uid in sequence.unpack(payload["uids"])],
    )
    await catchall.forget_left(transaction, source, sequence.unpack(payload["uids"]))


async def _relisted(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await _source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await transaction.many(
        "UPDATE source_message SET size = ?, internaldate = ?, flags = ? "
        "WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(size, internaldate, flags, source, uid) for uid, size, internaldate, flags in payload["messages"]],
    )


async def _returned(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await _source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await transaction.many(
        "UPDATE source_message SET gone_seq = NULL, delete_seq = NULL WHERE source_folder_id = ? AND uid = ?",
        [(source, uid) for uid in sequence.unpack(payload["uids"])],
    )


async def _deleting(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await _source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await transaction.many(
        "UPDATE source_message SET delete_seq = ? WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(seq, source, uid) for uid in sequence.unpack(payload["uids"])],
    )


async def _deleted(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await _vanished(transaction, seq, payload, volume, details)
    source = await _source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await transaction.many(
        "UPDATE source_message SET delete_seq = NULL WHERE source_folder_id = ? AND uid = ? AND gone_seq IS NULL",
        [(source, uid) for uid in sequence.unpack(payload["kept"])],
    )


async def _filed(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await _source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await _insert_messages(transaction, payload, volume, details)
    await catchall.filed(transaction, seq, payload, source)


async def _left(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await _source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await catchall.left(transaction, seq, payload, source)


async def _refiled(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await catchall.refiled(transaction, seq, payload)


async def _address_ours(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await catchall.address_ours(transaction, payload)


async def _folder(transaction: Transaction, owner: str, path: str) -> int:
    await transaction.execute("INSERT OR IGNORE INTO folder (owner, path) VALUES (?, ?)", (owner, path))
    return int(await transaction.value("SELECT id FROM folder WHERE owner = ? AND path = ?", (owner, path)))


async def _source_folder(transaction: Transaction, source: str, name: str, uidvalidity: int) -> int:
    key = (source, name, uidvalidity)
    await transaction.execute("INSERT OR IGNORE INTO source_folder (source, name, uidvalidity) VALUES (?, ?, ?)", key)
    sql = "SELECT id FROM source_folder WHERE source = ? AND name = ? AND uidvalidity = ?"
    return int(await transaction.value(sql, key))


async def _seal_place_saved(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    # How it stands there is this machine's knowledge, and stays.
    definition = payload["definition"]
    await transaction.execute(
        "INSERT INTO seal_place (name, definition) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET definition = excluded.definition",
        (definition["name"], json.dumps(definition, ensure_ascii=False)),
    )


async def _seal_place_removed(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await transaction.execute("DELETE FROM seal_place WHERE name = ?", (payload["name"],))


_HANDLERS: dict[str, Callable[[Transaction, int, Payload, int, Details], Awaitable[None]]] = {
    "user.saved": _user_saved,
    "profile.saved": _profile_saved,
    "profile.removed": _profile_removed,
    "directory.saved": _directory_saved,
    "directory.removed": _directory_removed,
    "seal.place.saved": _seal_place_saved,
    "seal.place.removed": _seal_place_removed,
    "archived": _archived,
    "filed": _filed,
    "left": _left,
    "refiled": _refiled,
    "repaired": _repaired,
    "salvaged": _salvaged,
    "address.ours": _address_ours,
    "imported": _imported,
    "restored": _restored,
    "linked": _linked,
    "moved": _moved,
    "vanished": _vanished,
    "relisted": _relisted,
    "returned": _returned,
    "deleting": _deleting,
    "deleted": _deleted,
}
