"""Twins: messages that differ in their line ends alone. One message, of which the archive keeps both forms, byte for byte.

Files hold mail with LF where servers send CRLF. Both are stored, since bytes are what is proved; in lists, counts, searches
and restores the one that came first stands for both (``message.twin_of`` of the other), and each folder gives the bytes that
came into it. A message with CRLF is taken as it is; one from a file that has other line ends anywhere, and one from a server
that begins with such, is compared as if it had CRLF. This is for mail from files: what a server holds twice, with line ends
of two kinds, stays two messages, also in its export.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from enum import StrEnum

from core.archive.catalog import digests
from core.archive.store.entries.values import Canonical
from core.db.database import Database, Row, Transaction
from core.message.canonical import canonical
from core.values import dataclass

#: The prefix of the source of imported mail; the owner's id follows.
FROM_FILES = "import -> "
#: SQL: the id of the message that stands for the one in this row.
STANDING = "coalesce(twin_of, id)"


@dataclass(frozen=True, slots=True)
class PresentTwins:
    """Those of some messages that a folder has: ``same`` byte for byte, ``alike`` but for the line ends (not archived).

    ``forms``: SHA-256 as they are with CRLF, of those not ``same`` that have other line ends anywhere.
    """

    same: frozenset[bytes]
    alike: frozenset[bytes]
    forms: Mapping[bytes, bytes] = field(default_factory=dict)


async def there(
    database: Database, owner: str, folder: str, raws: Mapping[bytes, bytes], *, exact: bool = False
) -> PresentTwins:
    """Those of ``raws``, by SHA-256, that lie in a folder now, or repeat an earlier one of ``raws`` in another form.

    ``exact``: they are of an export, so that each form counts by itself.
    """
    place = (
        "FROM message m JOIN folder f ON f.owner = ? AND f.path = ? JOIN placement p ON p.folder_id = f.id "
        "AND p.message_id = coalesce(m.twin_of, m.id) AND p.until_seq IS NULL WHERE m.{0} IN (??)"
    )

    async def lying(column: str, key: str, values: Sequence[bytes | int]) -> set[bytes]:
        rows = await database.among(f"SELECT m.{column} {place.format(key)}", values, (owner, folder))
        return {bytes(row[0]) for row in rows}

    same = await lying("sha256", "id", list((await digests.ids(database, raws)).values()))
    if exact:
        return PresentTwins(frozenset(same), frozenset())
    other = await asyncio.to_thread(
        lambda: {sha256: canonical(raw, whole=True) for sha256, raw in raws.items() if sha256 not in same}
    )
    forms = {sha256: form or sha256 for sha256, form in other.items()}
    wanted = list(set(forms.values()))
    numbers = list((await digests.ids(database, wanted)).values())
    known = await lying("sha256", "id", numbers) | await lying("canonical", "canonical", wanted)
    alike: set[bytes] = set()
    for sha256, form in forms.items():
        if form in known:
            alike.add(sha256)
        known.add(form)
    return PresentTwins(frozenset(same), frozenset(alike), {sha256: form for sha256, form in other.items() if form})


class Came(StrEnum):
    """The origin of an entry's messages: a server, files, or the files of an export."""

    SERVER = "server"
    FILES = "files"
    EXPORT = "export"


#: SQL: the origin of a message, by its sources. Two messages of one server stay two, whatever their line ends.
_FROM_FILES = (
    "EXISTS (SELECT 1 FROM source_message s JOIN source_folder f ON f.id = s.source_folder_id "
    "WHERE s.message_id = o.id AND f.source {} '" + FROM_FILES + "%')"
)
_MEETS = {
    Came.SERVER: f"AND {_FROM_FILES.format('LIKE')}",
    Came.FILES: "",
    Came.EXPORT: f"AND {_FROM_FILES.format('NOT LIKE')}",
}


async def link(
    transaction: Transaction, told: Canonical, entry: Sequence[bytes], fresh: Collection[bytes], came: Came
) -> list[bytes]:
    """Set ``twin_of`` for those of an entry's messages that are ``fresh``: the earliest message of the same content.

    ``told``: SHA-256 of CRLF forms, for messages that have other line ends. The messages that may be twins now.
    """
    new = [sha256 for sha256 in entry if sha256 in fresh]
    alike = [sha256 for sha256 in new if sha256 in told]
    numbers = await digests.ids(transaction, [*alike, *(told[sha256] for sha256 in alike)])
    await transaction.many("UPDATE message SET canonical = ? WHERE id = ?", [(told[one], numbers[one]) for one in alike])
    rows = await transaction.among("SELECT DISTINCT canonical FROM message WHERE canonical IN (??)", new)
    known = [bytes(row[0]) for row in rows]
    numbers |= await digests.ids(transaction, known)
    alike += known
    await transaction.many(
        "UPDATE message SET twin_of = (SELECT coalesce(o.twin_of, o.id) FROM message o WHERE o.id < message.id "
        f"AND (o.id = ?1 OR o.canonical = ?2) {_MEETS[came]} ORDER BY o.id LIMIT 1) WHERE id = ?3",
        [(numbers.get(form := told.get(sha256, sha256)), form, numbers[sha256]) for sha256 in alike],
    )
    return alike


async def of(database: Database, message: int) -> list[Row]:
    """(id, SHA-256) of the other forms of a message, by id."""
    return await database.read(
        "SELECT o.id, o.sha256 FROM message m JOIN message o ON (o.id = m.twin_of OR o.twin_of = coalesce(m.twin_of, m.id)) "
        "WHERE m.id = ?1 AND o.id <> ?1 ORDER BY o.id",
        (message,),
    )


async def others(database: Database, wanted: Sequence[bytes]) -> dict[bytes, bytes]:
    """The SHA-256 of messages' other forms, each with the one of ``wanted`` that it is a form of."""
    numbers = await digests.ids(database, wanted)
    rows = await database.among(
        "SELECT o.sha256, m.sha256 FROM message m JOIN message o "
        "ON (o.id = m.twin_of OR o.twin_of = coalesce(m.twin_of, m.id)) WHERE o.id <> m.id AND m.id IN (??)",
        list(numbers.values()),
    )
    return {bytes(other): bytes(sha256) for other, sha256 in rows}
