"""Tallies: the mail of the archive counted by day, size, sender and folder, so that statistics count nothing at each look.

They change in the transaction that changes the mail. What leaves a folder is counted by triggers of the schema; what comes, by
``place``, in one statement for many messages. Days are those of UTC: the same on every machine that makes the catalog anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from core.db.database import Database, Transaction
from core.model import moment
from core.text.patterns import pattern

#: The table that follows from the messages alone.
TABLE = "tally"
#: Those that follow from the times of the entries as well: of messages that an older version archived they are not known.
DAYS = ("arrival", "growth")
DAY_SECONDS = 86_400
#: Dates of mail that count by their day: from 1980 on, before 2100. Others are a sender's mistake.
_FIRST_DATE, _LAST_DATE = 315_532_800, 4_102_444_800
UNDATED = -1
#: The least bytes of the classes of size.
SIZES = (0, 10_000, 100_000, 1_000_000, 10_000_000)
#: Messages that are counted in one statement.
_AT_ONCE = 500


class TallyKind(StrEnum):
    """The kinds of rows: by the day of sending, by class of size, and by the domain of the sender."""

    SENT = "sent"
    SIZE = "size"
    DOMAIN = "domain"


class Arrival(NamedTuple):
    """A new message: its id, the time of its entry, its size, its own date, and its sender."""

    id: int
    at: str
    size: int
    date: int | None
    sender: str


#: Messages and bytes by kind and key.
_Sums: TypeAlias = dict[tuple[str, int | str], tuple[int, int]]
_Days: TypeAlias = dict[int, tuple[int, int]]
_ADD = (
    f"INSERT INTO {TABLE} (kind, key, messages, bytes) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (kind, key) DO UPDATE SET messages = messages + excluded.messages, bytes = bytes + excluded.bytes"
)
_GROW = (
    "INSERT INTO growth (day, messages, bytes) VALUES (?, ?, ?) "
    "ON CONFLICT (day) DO UPDATE SET messages = messages + excluded.messages, bytes = bytes + excluded.bytes"
)
_DAY = "SELECT a.day FROM arrival a WHERE a.message_id <= message.id ORDER BY a.message_id DESC LIMIT 1"
_ALL_DAYS = (
    "INSERT INTO growth (day, messages, bytes) SELECT day, count(*), sum(size) FROM "
    f"(SELECT size, ({_DAY}) AS day FROM message) GROUP BY 1"
)
_PLACED = (
    "SELECT id, CASE WHEN twin_of IS NULL THEN (SELECT min(p.since_seq) FROM placement p WHERE p.message_id = message.id) END "
    "FROM message WHERE id > ? AND id < (SELECT coalesce(min(message_id), 9e18) FROM arrival) ORDER BY id LIMIT 20000"
)
_FILLED = (
    "UPDATE folder SET messages = folder.messages + came.messages, bytes = folder.bytes + came.bytes FROM "
    # By no index: the planner would read all of one whose order fits the groups.
    "(SELECT folder_id, count(*) AS messages, sum(size) AS bytes FROM placement NOT INDEXED CROSS JOIN message "
    "ON message.id = placement.message_id WHERE placement.id > ? GROUP BY folder_id) AS came WHERE folder.id = came.folder_id"
)
_ENDS = pattern(r'[>,;)" ]')


@lru_cache(maxsize=8192)
def domain(sender: str) -> str:
    """The text after the last @ of a sender, up to the first character that ends an address; empty without one."""
    _, at, rest = sender.rpartition("@")
    # As SQLite lowers letters, by which the script for older catalogs counted: those of ASCII alone.
    return _ENDS.split(rest, 1)[0].rstrip(".").encode().lower().decode() if at else ""


# Messages --------------------------------------------------------------------------------------------------------------------


async def came(transaction: Transaction, arrivals: Sequence[Arrival]) -> None:
    """Count messages that are new, in the order of their ids, which have no gap."""
    if not arrivals:
        return
    first = arrivals[0].id
    # Of messages that were lost, whose numbers are given anew.
    await transaction.execute("DELETE FROM arrival WHERE message_id >= ?", (first,))
    before = await transaction.value("SELECT day FROM arrival ORDER BY message_id DESC LIMIT 1")
    began = []
    sums: _Sums = {}
    days: _Days = {}
    for one in arrivals:
        if (day := _day(one.at)) != before:
            began.append((one.id, day))
            before = day
        _sum(sums, one.size, one.date, one.sender)
        count, size = days.get(day, (0, 0))
        days[day] = count + 1, size + one.size
    await transaction.many("INSERT INTO arrival (message_id, day) VALUES (?, ?)", began)
    await _write(transaction, sums, days, 1)


async def count(transaction: Transaction, numbers: Sequence[int]) -> None:
    """Count messages by their ids, as they are now."""
    await _count(transaction, numbers, 1)


async def leave(transaction: Transaction, numbers: Sequence[int]) -> None:
    """Count messages no more, before they change or go."""
    await _count(transaction, numbers, -1)
    for table in (TABLE, "growth"):
        await transaction.execute(f"DELETE FROM {table} WHERE messages = 0")


async def _count(transaction: Transaction, numbers: Sequence[int], sign: int) -> None:
    for start in range(0, len(numbers), _AT_ONCE):
        sums: _Sums = {}
        days: _Days = {}
        sql = f"SELECT size, date, sender, ({_DAY}) FROM message WHERE id IN (??)"
        for size, date_, sender, day in await transaction.among(sql, numbers[start : start + _AT_ONCE]):
            _sum(sums, size, date_, sender)
            if day is not None:
                counted, found = days.get(day, (0, 0))
                days[day] = counted + 1, found + size
        await _write(transaction, sums, days, sign)


def _sum(sums: _Sums, size: int, date_: int | None, sender: str) -> None:
    day = date_ // DAY_SECONDS if date_ is not None and _FIRST_DATE <= date_ < _LAST_DATE else UNDATED
    for key in (("sent", day), ("size", SIZES[bisect_right(SIZES, size) - 1]), ("domain", domain(sender))):
        counted, found = sums.get(key, (0, 0))
        sums[key] = counted + 1, found + size


async def _write(transaction: Transaction, sums: _Sums, days: _Days, sign: int) -> None:
    await transaction.many(_ADD, [(*key, sign * counted, sign * size) for key, (counted, size) in sums.items()])
    await transaction.many(_GROW, [(day, sign * counted, sign * size) for day, (counted, size) in days.items()])


# Folders ---------------------------------------------------------------------------------------------------------------------


async def place(transaction: Transaction, insert: str, rows: Iterable[Iterable[object]]) -> None:
    """Place messages by the statement ``insert`` for each of ``rows``, and count them in their folders."""
    before = int(await transaction.value("SELECT coalesce(max(id), 0) FROM placement"))
    await transaction.many(insert, rows)
    await transaction.execute(_FILLED, (before,))


# Catalogs of before -----------------------------------------------------------------------------------------------------------


async def first_entries(database: Database) -> list[tuple[int, int]]:
    """The numbers of the entries that placed messages first, each with the first id of those in a row with the same.

    Of the messages before those whose arrival is known. One without a place came with the one before it.
    """
    found: list[tuple[int, int]] = []
    after, before = -1, None
    while rows := await database.read(_PLACED, (after,)):
        for number, seq in rows:
            if seq is not None and seq != before:
                found.append((number, seq))
                before = seq
        after = rows[-1][0]
    return found


async def date(transaction: Transaction, arrivals: Sequence[tuple[int, str]]) -> None:
    """Note when old messages came, by the first ids and the times (empty where not known), and count all anew by day."""
    began: list[tuple[int, int]] = []
    first = int(await transaction.value("SELECT coalesce(min(id), 0) FROM message"))
    for number, at in arrivals:
        if at and (not began or began[-1][1] != _day(at)):
            # The first ones came with those after them: nothing else is known.
            began.append((number if began else first, _day(at)))
    # Where nothing can be read, so that it is not sought again.
    began = began or [(first, 0)]
    await transaction.many("INSERT OR IGNORE INTO arrival (message_id, day) VALUES (?, ?)", began)
    await transaction.execute("DELETE FROM growth")
    await transaction.execute(_ALL_DAYS)


async def clear(transaction: Transaction) -> None:
    """Forget when messages came; the rest is emptied with the catalog."""
    for table in DAYS:
        await transaction.execute(f"DELETE FROM {table}")


@lru_cache(maxsize=64)
def _day(at: str) -> int:
    try:
        return int(moment(at).timestamp()) // DAY_SECONDS
    except (ValueError, OverflowError):
        return 0
