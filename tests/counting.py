"""The statistics of a catalog counted by hand, to compare what is kept with it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Any

_ENDS = '>,;)" '


def domain(sender: str) -> str:
    """The domain of a sender as people read it: after the last @, up to the end of the address."""
    if "@" not in sender:
        return ""
    rest = sender.rpartition("@")[2]
    end = min((rest.index(one) for one in _ENDS if one in rest), default=len(rest))
    return "".join(one.lower() if one.isascii() else one for one in rest[:end].rstrip("."))


def _summed(rows: Iterable[tuple[Any, int]]) -> dict[Any, tuple[int, int]]:
    counts, sizes = Counter[Any](), Counter[Any]()
    for key, size in rows:
        counts[key] += 1
        sizes[key] += size
    return {key: (counts[key], sizes[key]) for key in counts}


def assert_right(connection: sqlite3.Connection) -> None:
    """Assert that what is kept is what is counted now: folders, days, sizes, senders, and the days on which mail came."""
    messages = connection.execute("SELECT id, size, sender, date FROM message ORDER BY id").fetchall()
    kinds = {
        "domain": _summed((domain(sender), size) for _, size, sender, _ in messages),
        "sent": _summed(
            (date // 86400 if date is not None and 315532800 <= date < 4102444800 else -1, size)
            for _, size, _, date in messages
        ),
        "size": _summed(
            (max(least for least in (0, 10**4, 10**5, 10**6, 10**7) if least <= size), size) for _, size, *_ in messages
        ),
    }
    for kind, wanted in kinds.items():
        rows = connection.execute("SELECT key, messages, bytes FROM tally WHERE kind = ?", (kind,))
        assert {key: (count, size) for key, count, size in rows} == wanted, kind
    placed = connection.execute(
        "SELECT folder_id, size FROM placement JOIN message ON message.id = placement.message_id WHERE until_seq IS NULL"
    )
    folders = _summed(placed)
    for number, count, size in connection.execute("SELECT id, messages, bytes FROM folder"):
        assert (count, size) == folders.get(number, (0, 0)), number
    arrivals = connection.execute("SELECT message_id, day FROM arrival ORDER BY message_id").fetchall()
    days = _summed((max(one for one in arrivals if one[0] <= number)[1], size) for number, size, *_ in messages if arrivals)
    assert {day: (count, size) for day, count, size in connection.execute("SELECT * FROM growth")} == days
