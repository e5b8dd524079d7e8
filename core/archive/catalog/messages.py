"""Rows of messages and folders in the catalog, shared by several kinds of ledger entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from core.archive.catalog import digests, restated, tallies, totals, twins
from core.archive.catalog.digests import KnownMessage, KnownMessages
from core.archive.catalog.tallies import Arrival
from core.archive.catalog.twins import Came
from core.archive.store.entries.statement import Storing
from core.archive.store.entries.upkeep import Repaired, Salvaged
from core.archive.store.entries.values import Canonical, OwnedFolder, SourceFolder, SourceMessage
from core.db.database import Transaction
from core.message.envelope import Envelope
from core.values import dataclass


class Detail(NamedTuple):
    """The catalog's record of a message beside its hash: size in bytes, the envelope, and its row in its volume.

    The row is None where it is not known, and in a volume of format 1, which has no numbers of rows.
    """

    size: int
    envelope: Envelope
    row: int | None = None


Details = Mapping[bytes, Detail]


@dataclass(frozen=True, slots=True)
class ProjectionStep:
    """A ledger entry being applied: its seq, its time, its volume, and the details of the messages that are new in it."""

    transaction: Transaction
    seq: int
    at: str
    volume: int
    details: Details


_MESSAGE_COLUMNS = "sha256, volume, volume_row, size, header_sha256, subject, sender, recipients, date, message_id, attachments"


async def insert(
    step: ProjectionStep, entry: Storing, canonical: Canonical, came: Came = Came.SERVER
) -> dict[bytes, KnownMessage]:
    """Add the messages of an entry that are new; all of its messages as the catalog has them."""
    named = dict.fromkeys(entry.digests(), step.at)
    return await insert_all(step.transaction, step.volume, step.details, named, canonical, came)


async def insert_all(
    transaction: Transaction,
    volume: int,
    details: Details,
    named: Mapping[bytes, str],
    canonical: Canonical,
    came: Came = Came.SERVER,
) -> dict[bytes, KnownMessage]:
    """Add those of ``named``, all messages of the entries in their order with the times of these, that are new in ``volume``.

    All of these as the catalog has them. ``details`` may hold messages of other entries too, which are added with those.
    """
    known = await digests.find(transaction, list(named))
    fresh = {sha256: details[sha256] for sha256 in named if sha256 in details and sha256 not in known}
    known |= await _add(transaction, volume, fresh, named)
    return known | await digests.find(transaction, await twins.link(transaction, canonical, list(named), fresh, came))


async def _add(
    transaction: Transaction, volume: int, details: Details, times: Mapping[bytes, str]
) -> dict[bytes, KnownMessage]:
    """Add messages that are not in the catalog; ``times``: of their entries."""
    first = int(await transaction.value("SELECT coalesce(max(id), 0) + 1 FROM message"))
    numbered = dict(zip(details, range(first, first + len(details)), strict=True))
    await transaction.many(
        f"INSERT INTO message (id, {_MESSAGE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(numbered[sha256], *_message_row(sha256, volume, detail)) for sha256, detail in details.items()],
    )
    await digests.add(transaction, list(numbered.items()))
    arrivals = [
        Arrival(numbered[sha256], times[sha256], detail.size, detail.envelope.date, detail.envelope.sender)
        for sha256, detail in details.items()
    ]
    await tallies.came(transaction, arrivals)
    return {sha256: KnownMessage(number, number, details[sha256].envelope.date) for sha256, number in numbered.items()}


async def repaired(step: ProjectionStep, entry: Repaired) -> None:
    """Point messages to their good copies. A message rebuilt over a damaged one has no envelope, so it gets its own here."""
    await totals.forget(step.transaction)
    renewed = dict.fromkeys(entry.renewed())
    known = await digests.ids(step.transaction, renewed)
    added = {sha256: step.details[sha256] for sha256 in renewed if sha256 not in known}
    await _add(step.transaction, step.volume, added, dict.fromkeys(added, step.at))
    await tallies.leave(step.transaction, list(known.values()))
    columns = ", ".join(f"{name} = ?" for name in _MESSAGE_COLUMNS.split(", "))
    await step.transaction.many(
        f"UPDATE message SET {columns} WHERE id = ?",
        [(*_message_row(sha256, step.volume, step.details[sha256]), number) for sha256, number in known.items()],
    )
    await tallies.count(step.transaction, list(known.values()))
    await step.transaction.many(
        "UPDATE placement SET date = message.date FROM message WHERE message.id = ? AND message.date IS NOT NULL "
        "AND placement.message_id = message.id",
        [(number,) for number in known.values()],
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
        detail.row,
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
    step: ProjectionStep, folder: int, source: int, messages: Iterable[SourceMessage], known: KnownMessages
) -> None:
    """Place those of ``messages`` that are ``known`` into a folder and record their UIDs, if they have one."""
    await place_all(step.transaction, [(folder, source, step.seq, one) for one in messages], known)


async def place_all(
    transaction: Transaction,
    placed: Sequence[tuple[int, int, int, SourceMessage]],
    known: KnownMessages,
    *,
    fetched: bool = True,
) -> None:
    """Place messages and record their UIDs: the ids of folder and source folder, the seq of the entry, the message."""
    there = [(folder, source, seq, one, known[one.sha256]) for folder, source, seq, one in placed if one.sha256 in known]
    await put(transaction, [(message, folder, seq) for folder, _, seq, _, message in there])
    await transaction.many(
        "INSERT OR REPLACE INTO source_message "
        "(source_folder_id, uid, message_id, folder_id, size, internaldate, flags, fetched) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (source, one.uid, message.id, folder, one.size, one.internaldate, one.flags, int(fetched))
            for folder, source, _, one, message in there
            if one.uid is not None
        ],
    )


async def put(transaction: Transaction, places: Iterable[tuple[KnownMessage, int, int]]) -> None:
    """Place messages where they are not yet: the message, the id of the folder, the seq of the entry.

    Those without a date of their own get that of the entry later (``catalog.date_placements``).
    """
    await tallies.place(
        transaction,
        "INSERT OR IGNORE INTO placement (message_id, folder_id, since_seq, date) VALUES (?, ?, ?, ?)",
        [(message.standing, folder, seq, message.date) for message, folder, seq in places],
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
