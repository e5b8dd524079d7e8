"""``archivar stats``: how the archive's mail is spread over time, people and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from functools import partial
from typing import Annotated, Any

import typer

from core.archive.read import forecast, statistics
from core.archive.read.forecast import DiskForecast
from core.archive.read.statistics import LARGEST, Largest, Period, Statistics
from core.archive.store import space
from core.archive.store.space import DiskUse
from core.cli.answer import Answer, Line, Part, Table
from core.cli.context import context
from core.cli.help import Command
from core.model import now
from core.text.bars import bar
from core.text.format import counted, number, size
from core.values import dataclass

#: Columns of a bar.
_BAR = 16


def register(app: typer.Typer) -> None:
    app.command("stats", cls=Command)(stats)


async def stats(
    by: Annotated[Period, typer.Option("--by", metavar="SPAN", help="day, week or month.")] = Period.DAY,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="The most domains, users and folders listed.")
    ] = LARGEST,
) -> Answer:
    """Show how mail is spread over time, users, folders, senders and sizes."""
    home = context.find()
    # Before the archive is opened, which makes files that go again.
    disk = space.use(home)
    async with context.archive() as archive:
        await archive.date_arrivals()
        moment = now()
        today = moment.astimezone(UTC).date()
        grown = await archive.database.ask(partial(forecast.growth, today=today))
        found = _Told(await statistics.read(archive, moment, limit=limit), disk, forecast.forecast(grown, disk, today), by)
    return Answer(json=found.as_json, lines=found.lines())


@dataclass(frozen=True, slots=True)
class _Told:
    """Statistics, the disk use and its forecast, and the span that is shown."""

    found: Statistics
    disk: DiskUse
    ahead: DiskForecast | None
    span: Period

    def as_json(self) -> dict[str, Any]:
        return self.found.as_json() | {
            "space": self.disk.as_json(),
            "forecast": self.ahead.as_json() if self.ahead is not None else None,
        }

    def lines(self) -> Iterator[Part | str]:
        found, disk = self.found, self.disk
        kinds = ", ".join(f"{name} {size(used)}" for name, used in disk.kinds)
        yield Line(f"Mail      {counted(found.total.messages, 'message')}, {size(found.total.bytes)}, each stored once", 10)
        placed = (
            f"{counted(found.placed.messages, 'message')}, {size(found.placed.bytes)}: one that lies in several counts in each"
        )
        yield Line(f"Folders   {placed}", 10)
        yield Line(f"Spared    {size(found.spared.bytes)} by storing once what lies in several folders", 10)
        yield Line(f"On disk   {size(disk.used)}: {kinds}", 10)
        yield Line(f"Free      {size(disk.free)} of {size(disk.total)}", 10)
        if (ahead := self.ahead) is not None:
            full = f"full in {counted(ahead.days, 'day')}, on {ahead.until.isoformat()}"
            yield Line(f"Forecast  {size(ahead.per_day)} more a day: {full}", 10)
        yield ""
        yield from self._times()
        yield ""
        rows = [
            (statistics.size_class(least), number(one.messages), size(one.bytes), bar(one.messages, found.total.messages, _BAR))
            for least, one in found.sizes.items()
        ]
        yield Table(("SIZE OF A MESSAGE", "MESSAGES", "SIZE", ""), rows, right=("MESSAGES", "SIZE"))
        for head, what in (("SENDER'S DOMAIN", found.domains), ("USER", found.users), ("FOLDER", found.folders)):
            yield ""
            yield from _largest(head, what)

    def _times(self) -> Iterator[Part | str]:
        archived, sent = (times.spans[self.span] for times in (self.found.archived, self.found.sent))
        most = max((one.messages for one in (*dict(archived).values(), *dict(sent).values())), default=0)
        rows = [
            (
                *(first.isoformat(), number(came.messages), size(came.bytes), bar(came.messages, most, _BAR)),
                *(number(written.messages), bar(written.messages, most, _BAR)),
            )
            for (first, came), (_, written) in zip(archived, sent, strict=True)
        ]
        yield Table((f"{self.span.upper()} FROM", "ARCHIVED", "SIZE", "", "SENT", ""), rows, right=("ARCHIVED", "SIZE", "SENT"))
        since = self.found.since
        if since is not None:
            yield Line(f"Days are those of UTC. Archived: when it came into the archive, the first on {since.isoformat()}.")
        if self.found.undated.messages:
            yield f"Sent: {counted(self.found.undated.messages, 'message')} without a usable date are left out."


def _largest(head: str, found: Largest) -> Iterator[Part | str]:
    most = max((one.sum.messages for one in found.names), default=0)
    rows = [
        (
            *(number(one.sum.messages), size(one.sum.bytes), bar(one.sum.messages, most, _BAR)),
            f"{one.owner}: {one.name}" if one.owner else one.name or "(none)",
        )
        for one in found.names
    ]
    if rows:
        yield Table(("MESSAGES", "SIZE", "", head), rows, right=("MESSAGES", "SIZE"))
        if found.count > len(rows):
            yield f"and {number(found.count - len(rows))} more"
