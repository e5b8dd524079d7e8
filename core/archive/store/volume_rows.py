"""Rows of a volume as they are written: each table's new ones at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from core.archive.store.entries.mail import Archived
from core.archive.store.ledger import COLUMNS, Draft, Entry, Head, chain, items
from core.archive.store.volume_format import INDEXES, pack
from core.db.database import Row, Transaction
from core.db.queries import Queries
from core.model import now, timestamp
from core.system.actor import signed
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class AppendedRows:
    """The result of an append: the entries, and the rows of messages and parts that are new, by SHA-256."""

    entries: list[Entry]
    messages: dict[bytes, int]
    parts: dict[bytes, int]


if TYPE_CHECKING:
    from core.archive.store.intake import PreparedMessage, StoredPart


#: Gives a row in a sealed volume.
SEALED = "SELECT 1 FROM meta WHERE key = 'sealed'"


class Incomplete(Exception):
    """A message needs a part that is neither new nor in the volume: nothing was written."""


async def takes_no_more(limit: int, before: int, queries: Queries) -> bool:
    """True for a sealed volume, and for a file of ``limit`` bytes with an entry after the seq ``before``."""
    if await queries.value(SEALED):
        return True
    # As of the last commit.
    size = int(await queries.value("PRAGMA page_count")) * int(await queries.value("PRAGMA page_size"))
    return size >= limit and int(await queries.value("SELECT coalesce(max(seq), 0) FROM ledger")) > before


async def put_messages(
    transaction: Transaction,
    messages: Sequence[PreparedMessage],
    parts: Iterable[StoredPart],
    known: Mapping[bytes, int],
) -> tuple[dict[bytes, int], dict[bytes, int]]:
    """Write ``messages`` and their ``parts``; the new rows of both, by SHA-256.

    ``known``: ids of parts that the volume may have already. Raises ``Incomplete``.
    """
    stored: dict[bytes, int] = {}
    if not messages:
        return {}, stored
    ids = await _there(transaction, known)
    first = int(await transaction.value("SELECT coalesce(max(id), 0) + 1 FROM part"))
    await transaction.many(
        "INSERT INTO part (id, sha256, codec, size, data) VALUES (?, ?, ?, ?, ?)",
        _numbered((part for part in parts if part.sha256 not in ids), first, stored),
    )
    ids |= stored
    if not ids.keys() >= {piece.sha256 for message in messages for piece in message.pieces}:
        raise Incomplete
    first = int(await transaction.value("SELECT coalesce(max(id), 0) + 1 FROM message"))
    rows = {message.sha256: number for number, message in enumerate(messages, first)}
    await transaction.many(
        "INSERT INTO message (id, sha256, size, recipe) VALUES (?, ?, ?, ?)",
        [(rows[m.sha256], m.sha256, len(m.raw), pack([ids[one.sha256] for one in m.pieces])) for m in messages],
    )
    return rows, stored


def _numbered(parts: Iterable[StoredPart], first: int, stored: dict[bytes, int]) -> Iterator[Row]:
    """Yield the rows of ``parts``, each once, with ids from ``first`` on, which are noted in ``stored``."""
    for part in parts:
        if part.sha256 not in stored:
            stored[part.sha256] = number = first + len(stored)
            yield number, part.sha256, part.codec, part.size, part.data


async def _there(transaction: Transaction, ids: Mapping[bytes, int]) -> dict[bytes, int]:
    """Those of the ``ids`` of parts, by SHA-256, that the volume has for them."""
    wanted = {number: sha256 for sha256, number in ids.items()}
    rows = await transaction.among("SELECT id, sha256 FROM part WHERE id IN (??)", list(wanted))
    return {sha256: number for number, sha256 in rows if wanted[number] == sha256}


def chained(drafts: Iterable[Draft], head: Head) -> list[Entry]:
    """The entries of ``drafts``, which follow ``head``."""
    entries = []
    actors: dict[str, str] = {}
    for draft in drafts:
        at = timestamp(now())
        kind, content = draft.value.kind, items(draft.value.payload())
        # Determined only here, so that every entry names the account that the kernel gives.
        if (actor := actors.get(draft.actor)) is None:
            actor = actors[draft.actor] = signed(draft.actor)
        head = Head(head.seq + 1, chain(head.hash, at, kind, actor, content.digest))
        entry = Entry(head.seq, at, kind, actor, content, head.hash)
        if isinstance(draft.value, Archived) and content.is_text():
            entry.remember(draft.value)
        entries.append(entry)
    return entries


async def put_entries(transaction: Transaction, rows: Sequence[Row]) -> None:
    """Write entries by their columns."""
    await transaction.many(f"INSERT INTO ledger ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


async def put_indexes(transaction: Transaction) -> None:
    """Write the indexes by SHA-256, unless another process has."""
    if not await transaction.value("SELECT 1 FROM sqlite_schema WHERE name = 'message_sha256'"):
        for statement in filter(None, map(str.strip, INDEXES.split(";"))):
            await transaction.execute(statement)
