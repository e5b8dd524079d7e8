"""The rows of documents in the index: written, and taken out again. Each function works within a transaction of the caller."""

from __future__ import annotations

import json
from collections.abc import Sequence

from core.archive.search.index_row import BODY, COLUMNS, NUMBERS, SHORT_COLUMNS, Batch, Document, Lack, Unread
from core.db.database import Transaction

_VALUES = ", ".join("?" * len(COLUMNS))
_BODY = COLUMNS.index(BODY)


#: Documents from which on a transaction writes a long run of texts, and the bytes of memory in which it merges them.
LONG_RUN, HASH_BYTES = 2000, 64 * 1024 * 1024


async def insert(transaction: Transaction, batch: Batch) -> None:
    """Write the rows of documents that the index has not yet."""
    documents = batch.documents
    await _tune(transaction, len(documents) >= LONG_RUN)
    # In ascending order: a lower row id than the one before has all texts in memory written at once.
    numbers = await _free(transaction, [one.rowid for one in documents])
    numbered = sorted(zip(numbers, documents, strict=True), key=lambda pair: pair[0])
    await transaction.many(
        "INSERT INTO doc (id, message_id, digest, size, attachments) VALUES (?, ?, ?, ?, ?)",
        [(number, one.message, one.digest, one.size, one.attachments) for number, one in numbered],
    )
    await transaction.many(
        f"INSERT INTO text (rowid, {', '.join(COLUMNS)}) VALUES (?, {_VALUES})",
        [(number, *one.columns) for number, one in numbered],
    )
    await transaction.many(
        f"INSERT INTO beginning (message_id, {', '.join(SHORT_COLUMNS)}) VALUES (?{', ?' * len(SHORT_COLUMNS)})",
        [(one.message, *one.beginnings[:_BODY], *one.beginnings[_BODY + 1 :]) for one in documents],
    )
    await transaction.many(
        "INSERT INTO body_beginning (message_id, body) VALUES (?, ?)",
        [(one.message, one.beginnings[_BODY]) for one in documents],
    )
    await transaction.many("INSERT OR IGNORE INTO word VALUES (?)", ((word,) for word in sorted(batch.words)))
    await transaction.many(
        "INSERT INTO problem (message_id, lack, reason, columns) VALUES (?, ?, ?, ?)",
        [(one.message, one.unread.lack, one.unread.reason, _kept(one, one.unread)) for one in documents if one.unread],
    )


async def _tune(transaction: Transaction, long: bool) -> None:
    """Set how soon the index merges its runs of texts: long ones late, since a merge writes all of them once more."""
    wanted = {"hashsize": HASH_BYTES, "automerge": 0 if long else 8, "crisismerge": 128 if long else 16}
    known: dict[str, int] = dict(await transaction.read("SELECT k, v FROM text_config"))
    for name, value in wanted.items():
        if known.get(name) != value:
            await transaction.execute("INSERT INTO text (text, rank) VALUES (?, ?)", (name, value))


def _kept(one: Document, unread: Unread) -> str:
    """The columns that must be passed to the index when a damaged message is taken out."""
    return json.dumps(one.columns) if unread.lack is Lack.DAMAGED else ""


async def forget(transaction: Transaction, message: int) -> bool:
    """Take a damaged message out, if it is still one; a contentless table must be passed the old values."""
    row = await transaction.one(
        "SELECT doc.id, problem.columns FROM problem JOIN doc USING (message_id) WHERE message_id = ? AND lack = 'damaged'",
        (message,),
    )
    if row is None:
        return False
    await transaction.execute(
        f"INSERT INTO text (text, rowid, {', '.join(COLUMNS)}) VALUES ('delete', ?, {_VALUES})",
        (row[0], *json.loads(row[1])),
    )
    await transaction.execute("DELETE FROM doc WHERE id = ?", (row[0],))
    await transaction.execute("DELETE FROM beginning WHERE message_id = ?", (message,))
    await transaction.execute("DELETE FROM body_beginning WHERE message_id = ?", (message,))
    await transaction.execute("DELETE FROM problem WHERE message_id = ?", (message,))
    return True


async def _free(transaction: Transaction, numbers: Sequence[int]) -> list[int]:
    """``numbers``, or unused row ids of the same second for those in use; of the next second that has any, if it has none."""
    used = "SELECT id FROM text_docsize WHERE id IN (SELECT value FROM json_each(?))"
    taken = {row[0] for row in await transaction.read(used, (str(list(numbers)),))}
    #: The highest row id that was in use or has been given, by its second: those above are free, but for some of this batch.
    highest: dict[int, int] = {}
    found: list[int] = []
    for wanted in numbers:
        number, second = wanted, wanted // NUMBERS
        while number in taken:
            if second not in highest:
                highest[second] = await _highest(transaction, second)
            if highest[second] < (second + 1) * NUMBERS - 1:
                highest[second] += 1
                number = highest[second]
            else:
                second += 1
        taken.add(number)
        found.append(number)
    return found


async def _highest(transaction: Transaction, second: int) -> int:
    """The highest row id of a second that is in use; the one before its first when there is none."""
    first = second * NUMBERS
    values = (first, first + NUMBERS)
    return int(await transaction.value("SELECT coalesce(max(id), ?1 - 1) FROM text_docsize WHERE id >= ?1 AND id < ?2", values))
