"""The catalog: what the ledger says, as tables to ask. Applies ledger entries by kind.

Invariant: the same entries and messages give the same catalog, whether applied one by one in a run or replayed by
``rebuild``; ids apart, which follow from the order of the entries and so agree as well.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from itertools import groupby
from typing import assert_never

from core.archive.catalog import catchall, digests, lanes, mail, messages, parts, records, tallies, totals
from core.archive.catalog.followed import applied as applied
from core.archive.catalog.messages import Details, ProjectionStep
from core.archive.store.entries import KINDS, AnyEntry, is_a
from core.archive.store.entries.everybody import Filed, Left, Refiled
from core.archive.store.entries.lanes import LaneOpened, LanesAnchored
from core.archive.store.entries.mail import (
    Archived,
    Deleted,
    Deleting,
    Linked,
    Moved,
    Relisted,
    Returned,
    Vanished,
)
from core.archive.store.entries.records import (
    AddressOurs,
    DirectoryRemoved,
    DirectorySaved,
    ProfileRemoved,
    ProfileSaved,
    SealPlaceRemoved,
    SealPlaceSaved,
    UserSaved,
)
from core.archive.store.entries.statement import Erased, Newer, Unprojected
from core.archive.store.entries.transfers import Imported, Restored
from core.archive.store.entries.upkeep import Repaired, Salvaged, VolumeStored
from core.archive.store.entry_numbers import number_of
from core.archive.store.lane_chain import LaneEnd
from core.archive.store.ledger import Entry
from core.db import kept
from core.db.database import Transaction
from core.model import moment

#: Tables that hold nothing but the projection, in an order in which they may be emptied.
TABLES = (
    *("left_address", "left_message", "not_ours", "unknown_message", "unknown_address", "filing"),
    *("anchor", "lane", "stored_volume", tallies.TABLE),
    *("source_message", "source_folder", "placement", "folder", "message", "address", "user", "profile", "directory"),
)


_APPLIED = "UPDATE applied SET volume = ?, seq = ?, hash = ?"
#: Users that are applied together when the ledger is replayed.
USERS_AT_ONCE = 500


async def apply(transaction: Transaction, entry: Entry, volume: int, details: Details) -> None:
    """Apply one entry of ``volume`` and record that it was. ``details`` holds the messages new in this entry.

    An anchor of lanes is applied after what it anchors (``apply_of_lane``).
    """
    await _apply(transaction, entry.seq, entry, volume, details)
    await transaction.execute(_APPLIED, (volume, entry.seq, entry.hash))


async def _apply(transaction: Transaction, number: int, entry: Entry, volume: int, details: Details) -> None:
    """Apply one entry, which has the ``number`` in the catalog."""
    if entry.kind in KINDS and not is_a(entry.kind, Unprojected):
        await _project(ProjectionStep(transaction, number, entry.at, volume, details), entry.value)
        await date_placements(transaction, {number: entry.at})


async def _project(step: ProjectionStep, value: AnyEntry | Newer | Erased) -> None:
    """Apply the statement ``value`` to the tables."""
    match value:
        case Archived():
            await mail.archived(step, value)
        case Imported():
            await mail.imported(step, value)
        case Restored():
            await mail.restored(step, value)
        case Linked():
            await mail.linked(step, value)
        case Moved():
            await mail.moved(step, value)
        case Vanished():
            await mail.vanished(step, value)
        case Relisted():
            await mail.relisted(step, value)
        case Returned():
            await mail.returned(step, value)
        case Deleting():
            await mail.deleting(step, value)
        case Deleted():
            await mail.deleted(step, value)
        case Filed():
            await catchall.filed(step, value)
        case Left():
            await catchall.left(step, value)
        case Refiled():
            await catchall.refiled(step, value)
        case AddressOurs():
            await catchall.address_ours(step.transaction, value)
        case Repaired():
            await messages.repaired(step, value)
        case Salvaged():
            await messages.salvaged(step, value)
        case UserSaved():
            await records.user_saved(step.transaction, step.seq, value.user)
        case ProfileSaved():
            await records.profile_saved(step.transaction, value)
        case ProfileRemoved():
            await records.profile_removed(step.transaction, value)
        case DirectorySaved():
            await records.directory_saved(step.transaction, value)
        case DirectoryRemoved():
            await records.directory_removed(step.transaction)
        case SealPlaceSaved():
            await records.seal_place_saved(step.transaction, value)
        case SealPlaceRemoved():
            await records.seal_place_removed(step.transaction, value)
        case VolumeStored():
            await records.volume_stored(step.transaction, step.seq, value)
        case LaneOpened():
            await lanes.opened(step.transaction, value)
        case LanesAnchored():
            await lanes.anchored(step.transaction, step.seq, value)
        case Unprojected() | Newer() | Erased():
            pass
        case _:
            assert_never(value)


async def date_placements(transaction: Transaction, times: Mapping[int, str]) -> None:
    """Date the placements that began with entries, of which ``times`` has the seq and the time.

    By the message's own date, else by the time of the entry.
    """
    await transaction.many(
        "UPDATE placement SET date = coalesce((SELECT date FROM message WHERE message.id = placement.message_id), ?) "
        "WHERE date IS NULL AND since_seq = ?",
        [(_came(at), seq) for seq, at in times.items()],
    )


def _came(at: str) -> int:
    try:
        return int(moment(at).timestamp())
    except (ValueError, OverflowError):
        return 0


async def groups(entries: AsyncIterator[Entry]) -> AsyncGenerator[list[Entry]]:
    """Group ``entries`` for applying: consecutive users together, anything else one by one."""
    waiting: list[Entry] = []
    async for entry in entries:
        if waiting and (entry.kind != UserSaved.kind or len(waiting) == USERS_AT_ONCE):
            yield waiting
            waiting = []
        if entry.kind == UserSaved.kind:
            waiting.append(entry)
        else:
            yield [entry]
    if waiting:
        yield waiting


async def apply_all(transaction: Transaction, entries: Sequence[Entry], volume: int, details: Details) -> None:
    """Apply consecutive entries with the same result as ``apply``; of one kind, users and archived mail in a few statements."""
    for kind, group in groupby(entries, key=lambda entry: entry.kind):
        several = list(group)
        if kind == UserSaved.kind and len(several) > 1:
            saved = [entry.value.user for entry in several if isinstance(entry.value, UserSaved)]
            last = several[-1]
            if await records.users_saved(transaction, saved, last.seq):
                await transaction.execute(_APPLIED, (volume, last.seq, last.hash))
                continue
        if await _archived_together(transaction, {entry.seq: entry for entry in several}, volume, details):
            await transaction.execute(_APPLIED, (volume, several[-1].seq, several[-1].hash))
            continue
        for entry in several:
            await apply(transaction, entry, volume, details)


async def apply_of_lane(transaction: Transaction, entries: Sequence[Entry], end: LaneEnd, details: Details) -> None:
    """Apply consecutive entries of a lane, of the volume in which they end, and record its new ``end``."""
    for _, group in groupby(entries, key=lambda entry: entry.kind):
        numbered = {number_of(end.number, entry.seq): entry for entry in group}
        if not await _archived_together(transaction, numbered, end.volume, details):
            for number, entry in numbered.items():
                await _apply(transaction, number, entry, end.volume, details)
    await lanes.move(transaction, end)


async def _archived_together(transaction: Transaction, entries: Mapping[int, Entry], volume: int, details: Details) -> bool:
    """Apply consecutive entries of one kind, by their numbers in the catalog, in a few statements; False when not possible."""
    # Only of this kind: the payloads of others need not be read for it.
    if len(entries) < 2 or any(entry.kind != Archived.kind for entry in entries.values()):
        return False
    archived = [(number, entry.at, entry.value) for number, entry in entries.items() if isinstance(entry.value, Archived)]
    if len(archived) != len(entries):
        return False
    await mail.archived_together(transaction, volume, details, archived)
    await date_placements(transaction, {number: entry.at for number, entry in entries.items()})
    return True


async def clear(transaction: Transaction) -> None:
    """Empty the projection; the next replay starts at the first entry."""
    for table in TABLES:
        await transaction.execute(f"DELETE FROM {table}")
    await digests.clear(transaction)
    await parts.clear(transaction)
    await tallies.clear(transaction)
    await transaction.execute("DELETE FROM folder_state")
    await kept.forget(transaction, records.USERS_CHANGED)
    await totals.forget(transaction)
    await transaction.execute(_APPLIED, (1, 0, bytes(32)))
