"""Statistics for the console: charts over time, and lists of the largest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from core.archive.archive import Archive
from core.archive.read import forecast, statistics
from core.archive.read.statistics import Largest, MailSum, Period, Statistics
from core.archive.store import space
from core.archive.store.space import DiskUse
from core.model import now
from core.text import format as texts
from core.text.bars import bar, columns
from tui.desk.present import Safe, own, sentence, text
from tui.desk.refusals import translated
from tui.desk.strip import Fact

#: Those listed of each kind.
LISTED = 100
#: Lines of a chart.
HEIGHT = 5


class ListKind(StrEnum):
    """The lists of the page, in the order of turning."""

    SIZES = "sizes"
    DOMAINS = "domains"
    USERS = "users"
    FOLDERS = "folders"


@dataclass(frozen=True, slots=True)
class Chart:
    """Mail over time: numbers of messages by span, the oldest first; ``first`` and ``last``: the days at its ends."""

    title: Safe
    values: tuple[int, ...]
    first: Safe
    last: Safe

    def lines(self, wide: int) -> list[Safe]:
        """The columns, each ``wide`` characters, with the days below."""
        ends = self.first + " " * max(len(self.values) * wide - len(self.first) - len(self.last), 1) + self.last
        return [*map(sentence, columns(self.values, HEIGHT, wide)), sentence(ends)]


@dataclass(frozen=True, slots=True)
class ListRow:
    """A line of a list: its messages against the ``most``."""

    name: Safe
    messages: Safe
    size: Safe
    value: int
    most: int

    def bar(self, width: int) -> Safe:
        return sentence(bar(self.value, self.most, width))


@dataclass(frozen=True, slots=True)
class StatisticsView:
    """All of the page. ``charts``: what came into the archive, and what was sent, by span."""

    facts: tuple[Fact, ...]
    charts: Mapping[Period, tuple[Chart, Chart]]
    lists: Mapping[ListKind, tuple[Safe, tuple[ListRow, ...]]]


class StatisticsDesk:
    """Statistics of one archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def view(self) -> StatisticsView:
        moment = now()
        with translated():
            await self._archive.date_arrivals()
            found = await statistics.read(self._archive, moment, limit=LISTED)
            grown = await forecast.growth(self._archive.database, moment.astimezone(UTC).date())
            disk = await asyncio.to_thread(space.use, self._archive.home)
        return shown(found, grown, disk, moment)


def shown(found: Statistics, grown: forecast.Growth, disk: DiskUse, moment: datetime) -> StatisticsView:
    """The page of statistics."""
    return StatisticsView(
        facts=_facts(found, grown, disk, moment),
        charts={
            span: (
                _chart("Came into the archive", found.archived.spans[span]),
                _chart("Sent, by the mail's own date", found.sent.spans[span]),
            )
            for span in Period
        },
        lists={
            ListKind.SIZES: (own("Sizes of messages"), tuple(_sizes(found))),
            ListKind.DOMAINS: _listed("Senders' domains", found.domains),
            ListKind.USERS: _listed("Users", found.users),
            ListKind.FOLDERS: _listed("Folders", found.folders),
        },
    )


def _facts(found: Statistics, grown: forecast.Growth, disk: DiskUse, moment: datetime) -> tuple[Fact, ...]:
    kinds = ", ".join(f"{name} {texts.size(used)}" for name, used in disk.kinds)
    ahead = forecast.forecast(grown, disk, moment.astimezone(UTC).date())
    facts = [
        f"{texts.counted(found.total.messages, 'message')}, {texts.size(found.total.bytes)}",
        f"{texts.size(found.spared.bytes)} spared by storing once what lies in several folders",
        f"{texts.size(disk.used)} on disk: {kinds}",
        f"{texts.size(disk.free)} of {texts.size(disk.total)} free",
    ]
    if ahead is not None:
        facts.append(f"{texts.size(ahead.per_day)} more a day: full in {texts.counted(ahead.days, 'day')}, {ahead.until}")
    if found.undated.messages:
        facts.append(f"{texts.counted(found.undated.messages, 'message')} without a usable date")
    return tuple(Fact(sentence(one)) for one in facts)


def _chart(title: str, spans: Sequence[tuple[date, MailSum]]) -> Chart:
    values = tuple(one.messages for _, one in spans)
    most = max(values, default=0)
    said = f"{title}: at most {texts.number(most)}" if most else f"{title}: none"
    first, last = (sentence(spans[at][0].isoformat()) for at in (0, -1))
    return Chart(sentence(said), values, first, last)


def _sizes(found: Statistics) -> Iterable[ListRow]:
    for least, one in found.sizes.items():
        yield _row(sentence(statistics.size_class(least)), one, found.total.messages)


def _listed(title: str, found: Largest) -> tuple[Safe, tuple[ListRow, ...]]:
    most = max((one.sum.messages for one in found.names), default=0)
    rows = []
    for one in found.names:
        name = text(one.name) if one.name else own("(none)")
        rows.append(_row(own("{}: {}", text(one.owner), name) if one.owner else name, one.sum, most))
    more = found.count - len(rows)
    return sentence(f"{title} ({texts.number(found.count)}{f', the first {len(rows)}' if more else ''})"), tuple(rows)


def _row(name: Safe, one: MailSum, most: int) -> ListRow:
    return ListRow(name, sentence(texts.number(one.messages)), sentence(texts.size(one.bytes)), one.messages, most)
