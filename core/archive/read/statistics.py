"""Statistics of an archive: how its mail is spread over time, people and sizes, and what that takes on disk.

All is read from tables that the catalog keeps up (``core.archive.catalog.tallies``): a look costs the same whatever the number
of messages. Days are those of UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog.tallies import DAY_SECONDS, SIZES, UNDATED, TallyKind
from core.db.database import Row
from core.db.queries import Queries
from core.text.format import size
from core.values import dataclass

#: Entries of a list of the largest, unless more are asked for.
LARGEST = 10


class Period(StrEnum):
    """The spans of time that mail is counted by."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


#: The spans that are shown of each, the present one included.
SHOWN = {Period.DAY: 30, Period.WEEK: 26, Period.MONTH: 24}


@dataclass(frozen=True, slots=True)
class MailSum:
    """Messages and their bytes."""

    messages: int = 0
    bytes: int = 0

    def __add__(self, other: MailSum) -> MailSum:
        return MailSum(self.messages + other.messages, self.bytes + other.bytes)

    def as_json(self) -> dict[str, Any]:
        return {"messages": self.messages, "bytes": self.bytes}


@dataclass(frozen=True, slots=True)
class TopEntry:
    """The mail of one domain, user or folder. ``owner``: the user's name of a folder."""

    name: str
    sum: MailSum
    owner: str = ""

    def as_json(self) -> dict[str, Any]:
        owner = {"user": self.owner} if self.owner else {}
        return owner | {"name": self.name} | self.sum.as_json()


@dataclass(frozen=True, slots=True)
class Largest:
    """Those with the most messages, and the number of all."""

    count: int
    names: Sequence[TopEntry]

    def as_json(self) -> dict[str, Any]:
        return {"count": self.count, "largest": [one.as_json() for one in self.names]}


@dataclass(frozen=True, slots=True)
class Times:
    """Mail by its first days of spans, the oldest first: the last ones of each span, the present one included."""

    spans: Mapping[Period, Sequence[tuple[date, MailSum]]]

    @classmethod
    def of(cls, days: Mapping[date, MailSum], today: date) -> Times:
        return cls({span: tuple(_spread(days, span, today)) for span in Period})

    def as_json(self) -> dict[str, Any]:
        return {
            f"{span}s": [{"from": first.isoformat()} | found.as_json() for first, found in self.spans[span]] for span in Period
        }


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics of an archive at one moment.

    ``total``: messages stored, each once. ``placed``: those that lie in folders now, once for each folder.
    ``archived``: by the day on which they came into the archive; ``since``: the first such day, None while there is none.
    ``sent``: by the day in the mail itself; ``undated``: without one that can be. ``sizes``: by the least bytes of a class.
    """

    total: MailSum
    placed: MailSum
    archived: Times
    since: date | None
    sent: Times
    undated: MailSum
    sizes: Mapping[int, MailSum]
    domains: Largest
    users: Largest
    folders: Largest

    @property
    def spared(self) -> MailSum:
        """The least that is not stored again because the same message lies in several folders."""
        return MailSum(max(self.placed.messages - self.total.messages, 0), max(self.placed.bytes - self.total.bytes, 0))

    def as_json(self) -> dict[str, Any]:
        return {
            **self.total.as_json(),
            "placed": self.placed.as_json(),
            "spared": self.spared.as_json(),
            "archived": {"since": self.since.isoformat() if self.since else None, **self.archived.as_json()},
            "sent": {"undated": self.undated.as_json(), **self.sent.as_json()},
            "sizes": [{"from": least} | found.as_json() for least, found in self.sizes.items()],
            "domains": self.domains.as_json(),
            "users": self.users.as_json(),
            "folders": self.folders.as_json(),
        }


async def read(archive: Archive, moment: datetime, *, limit: int = LARGEST) -> Statistics:
    """The statistics now, with the ``limit`` largest domains, users and folders."""
    return await archive.database.ask(partial(_read, moment.astimezone(UTC).date(), limit))


async def growth(source: Queries, first: date) -> dict[date, MailSum]:
    """The mail that came into the archive since ``first``, by day."""
    rows = await source.read("SELECT day, messages, bytes FROM growth WHERE day >= ?", (_number(first),))
    return {_date(day): MailSum(*found) for day, *found in rows}


async def total(source: Queries) -> MailSum:
    """All messages, each once."""
    return sum((MailSum(*found) for _, *found in await source.read(*_tally(TallyKind.SIZE))), MailSum())


async def known_since(source: Queries) -> date | None:
    """The first day on which mail came into the archive; None while there is none."""
    day = await source.value("SELECT min(day) FROM growth WHERE day > 0")
    return None if day is None else _date(day)


async def _read(today: date, limit: int, source: Queries) -> Statistics:
    first = min(next(_starts(span, today, SHOWN[span] - 1)) for span in Period)
    sizes = {int(least): MailSum(*found) for least, *found in await source.read(*_tally(TallyKind.SIZE))}
    placed = await source.one("SELECT coalesce(sum(messages), 0), coalesce(sum(bytes), 0) FROM folder")
    sent = await source.read(f"{_TALLY} AND key BETWEEN ? AND ?", (TallyKind.SENT, _number(first), _number(today)))
    undated = await source.one("SELECT messages, bytes FROM tally WHERE kind = ? AND key = ?", (TallyKind.SENT, UNDATED))
    return Statistics(
        total=sum(sizes.values(), MailSum()),
        placed=MailSum(*placed) if placed is not None else MailSum(),
        archived=Times.of(await growth(source, first), today),
        since=await known_since(source),
        sent=Times.of({_date(day): MailSum(*found) for day, *found in sent}, today),
        undated=MailSum(*undated) if undated is not None else MailSum(),
        sizes=dict(sorted(sizes.items())),
        domains=await _domains(source, limit),
        users=await _users(source, limit),
        folders=await _folders(source, limit),
    )


_TALLY = "SELECT key, messages, bytes FROM tally WHERE kind = ?"


def _tally(kind: TallyKind) -> tuple[str, tuple[str]]:
    return _TALLY, (kind,)


async def _domains(source: Queries, limit: int) -> Largest:
    rows = await source.read(f"{_TALLY} ORDER BY messages DESC, key LIMIT ?", (TallyKind.DOMAIN, limit))
    count = await source.value("SELECT count(*) FROM tally WHERE kind = ?", (TallyKind.DOMAIN,))
    return Largest(int(count), tuple(TopEntry(name, MailSum(*found)) for name, *found in rows))


async def _users(source: Queries, limit: int) -> Largest:
    rows = await source.read(
        "SELECT owner, sum(messages), sum(bytes) FROM folder GROUP BY owner HAVING sum(messages) "
        "ORDER BY 2 DESC, owner LIMIT ?",
        (limit,),
    )
    count = await source.value("SELECT count(DISTINCT owner) FROM folder WHERE messages")
    names = await _names(source, rows)
    return Largest(int(count), tuple(TopEntry(names(owner), MailSum(*found)) for owner, *found in rows))


async def _folders(source: Queries, limit: int) -> Largest:
    rows = await source.read(
        "SELECT owner, path, messages, bytes FROM folder WHERE messages ORDER BY messages DESC, id LIMIT ?", (limit,)
    )
    count = await source.value("SELECT count(*) FROM folder WHERE messages")
    names = await _names(source, rows)
    return Largest(int(count), tuple(TopEntry(path, MailSum(*found), names(owner)) for owner, path, *found in rows))


async def _names(source: Queries, rows: Sequence[Row]) -> Callable[[str], str]:
    """Gives the names of the users whose ids stand first in ``rows``."""
    found = await source.among("SELECT id, name FROM user WHERE id IN (??)", list({row[0] for row in rows}))
    names = {number: str(name) for number, name in found}
    return lambda number: names.get(number, number)


def size_class(least: int) -> str:
    """The class of size with these least bytes, in words: ``under 10 kB``."""
    above = next((one for one in SIZES if one > least), None)
    return f"{size(least)} and more" if above is None else f"under {size(above)}"


# Days ------------------------------------------------------------------------------------------------------------------------


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _date(number: int) -> date:
    return datetime.fromtimestamp(number * DAY_SECONDS, UTC).date()


def _first(day: date, span: Period) -> date:
    """The first day of the span that ``day`` is in; weeks begin on Monday."""
    match span:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)


def _starts(span: Period, today: date, back: int) -> Iterator[date]:
    """Yield the first days of the last spans, the oldest first: the present one, and ``back`` before it."""
    days = [_first(today, span)]
    for _ in range(back):
        days.append(_first(days[-1] - timedelta(days=1), span))
    yield from reversed(days)


def _spread(days: Mapping[date, MailSum], span: Period, today: date) -> Iterable[tuple[date, MailSum]]:
    """The sums of ``days`` by the last spans, those without any mail included."""
    found = {first: MailSum() for first in _starts(span, today, SHOWN[span] - 1)}
    for day, one in days.items():
        if (first := _first(day, span)) in found and day <= today:
            found[first] += one
    return found.items()
