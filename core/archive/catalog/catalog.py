"""The catalog: what the ledger says, as tables to ask. Each function applies one kind of ledger entry.

Invariant: the same entries and messages give the same catalog, whether applied one by one in a run or replayed by
``rebuild``; ids apart, which follow from the order of the entries and so agree as well.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from core.archive.catalog import catchall, mail, messages, records, twins
from core.archive.catalog.messages import Details, Payload
from core.archive.store.ledger import Draft, Entry, Head
from core.db import kept
from core.db.database import Transaction
from core.model import moment

#: Tables that hold nothing but the projection, in an order in which they may be emptied.
TABLES = (
    *("left_address", "left_message", "not_ours", "unknown_message", "unknown_address", "filing"),
    *("source_message", "source_folder", "placement", "folder", "message", "address", "user", "profile", "directory"),
)


#: Kinds of entries that say of messages that they were archived.
_ARCHIVING = ("archived", "filed", "imported")
#: Users that are applied together when the ledger is replayed.
USERS_AT_ONCE = 500


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
        if kind == "user.saved" and len(several) > 1 and await records.users_saved(transaction, several):
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
    await kept.forget(transaction, records.USERS_CHANGED)
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


async def _filed(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await messages.source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await messages.insert(transaction, payload, volume, details)
    await catchall.filed(transaction, seq, payload, source)


async def _left(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    source = await messages.source_folder(transaction, payload["source"], payload["server_folder"], payload["uidvalidity"])
    await catchall.left(transaction, seq, payload, source)


async def _refiled(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await catchall.refiled(transaction, seq, payload)


async def _address_ours(transaction: Transaction, seq: int, payload: Payload, volume: int, details: Details) -> None:
    await catchall.address_ours(transaction, payload)


_HANDLERS: dict[str, Callable[[Transaction, int, Payload, int, Details], Awaitable[None]]] = {
    "user.saved": records.user_saved,
    "profile.saved": records.profile_saved,
    "profile.removed": records.profile_removed,
    "directory.saved": records.directory_saved,
    "directory.removed": records.directory_removed,
    "seal.place.saved": records.seal_place_saved,
    "seal.place.removed": records.seal_place_removed,
    "archived": mail.archived,
    "filed": _filed,
    "left": _left,
    "refiled": _refiled,
    "repaired": messages.repaired,
    "salvaged": messages.salvaged,
    "address.ours": _address_ours,
    "imported": mail.imported,
    "restored": mail.restored,
    "linked": mail.linked,
    "moved": mail.moved,
    "vanished": mail.vanished,
    "relisted": mail.relisted,
    "returned": mail.returned,
    "deleting": mail.deleting,
    "deleted": mail.deleted,
}
