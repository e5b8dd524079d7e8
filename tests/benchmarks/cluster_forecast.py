"""A provider's archive, foretold from what was measured: 20,000 mailboxes, 100 million messages, 10 TB, on several machines.

Processors, lines and prices are assumptions that stand in the table; all else was measured on this machine, with this mail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from rich.table import Table

from core.cluster.delivering import ENOUGH_BYTES
from core.text.format import size
from tests.benchmarks.cluster_model import Cost, Costs, Course, Load, Site, simulated

MAILBOXES, MESSAGES, BYTES = 20_000, 100_000_000, 10_000_000_000_000
#: The share of mail that is new in an ordinary night.
NEW = 0.01
SERVERS, CONNECTIONS = 4, 16
CORES: Mapping[str, float] = {"home": 4, "server": 8, "workers": 4, "database": 4, "place": 64}
#: Seconds of an answer of the bucket, and bytes a second between each worker and it.
LATENCY, LINE = 0.03, 125_000_000.0
AT_ONCE = 4
WORKERS = (1, 4, 8, 16, 32, 64)
#: Dollars for a thousand requests, and for a gigabyte in a month, as a large vendor's list has them.
PRICES: Mapping[str, float] = {"PUT": 0.005, "POST": 0.005, "GET": 0.0004, "HEAD": 0.0004, "LIST": 0.005}
PRICE_OF_GIGABYTE = 0.023
#: Lines of sites, in bits a second.
LINES = (2_000_000, 100_000_000, 1_000_000_000)
#: A part that is busy for this share of the time is what a further worker does not help.
BEND = 0.9


@dataclass(frozen=True, slots=True)
class Figures:
    """Measured figures: costs; statements and rows of PostgreSQL; requests for each volume; bytes kept of a raw byte.

    ``catalog`` and ``index``: bytes for a message; ``indexed``: messages a second.
    """

    costs: Costs
    statements: Cost
    rows: Cost
    requests: Mapping[str, float]
    kept: float
    catalog: float
    index: float
    indexed: float


def loads() -> dict[str, Load]:
    """The first run, and that of an ordinary night."""
    each, average = MESSAGES / MAILBOXES, BYTES / MESSAGES
    return {
        "first run": Load(MAILBOXES, each, average),
        "ordinary night": Load(MAILBOXES, each * NEW, average, known=each),
    }


def site(workers: int, kept: float = 1.0) -> Site:
    """The provider's machines with so many workers; ``kept``: bytes that are put of a raw byte."""
    return Site(workers, AT_ONCE, SERVERS, CONNECTIONS, cores=CORES, line=LINE / kept, latency=LATENCY)


def table(figures: Figures) -> Table:
    """All that is foretold."""
    title = f"Foretold: {MAILBOXES:,} mailboxes, {MESSAGES:,} messages, {size(BYTES)}, on {SERVERS} mail servers"
    found = Table("what", "foretold", "from", title=title)
    for row in _rows(figures):
        found.add_row(*row)
    return found


def _rows(figures: Figures) -> Iterator[tuple[str, str, str]]:
    # The bucket of a vendor has latency and a line; the processor time of its stand-in says nothing.
    costs = replace(figures.costs, place=Cost())
    for name, load in loads().items():
        courses = {workers: simulated(load, costs, site(workers, figures.kept)) for workers in WORKERS}
        for workers, course in courses.items():
            yield (
                f"{name}, {workers} worker{'s' * (workers > 1)} of {AT_ONCE} mailboxes",
                hours(course.seconds),
                f"{course.narrowest} busy for {course.busy[course.narrowest] * 100:.0f} % of it",
            )
        enough = bend(courses)
        yield (f"{name}, more workers help little from", f"{enough} on", "a tenth less time for twice as many")
        yield from _load_of(name, load, figures, courses[enough])
    yield from _sizes(figures)
    yield from _lines(figures)


def bend(courses: Mapping[int, Course]) -> int:
    """The number of workers from which on more of them help little: a tenth for twice as many."""
    numbers = sorted(courses)
    for one, following in pairwise(numbers):
        if courses[following].seconds > BEND * courses[one].seconds:
            return one
    return numbers[-1]


def _load_of(name: str, load: Load, figures: Figures, course: Course) -> Iterator[tuple[str, str, str]]:
    statements, rows = figures.statements.of(load), figures.rows.of(load)
    yield (
        f"{name}, PostgreSQL",
        f"{statements / course.seconds:,.0f} statements/s, {rows / course.seconds:,.0f} rows written/s",
        f"{statements / 1e6:,.1f} M statements, {rows / 1e6:,.1f} M rows in {hours(course.seconds)}",
    )
    counts = {method: course.volumes * each for method, each in figures.requests.items()}
    price = sum(PRICES.get(method, 0.0) * count / 1000 for method, count in counts.items())
    yield (
        f"{name}, requests to the bucket",
        ", ".join(f"{count:,.0f} {method}" for method, count in sorted(counts.items())),
        f"{price:,.2f} USD at {PRICES['PUT']} USD for 1,000 PUT and {PRICES['GET']} USD for 1,000 GET",
    )
    alone = figures.costs.home.of(load)
    yield (f"{name}, the applying service alone", hours(alone), "its rate is the bend that no worker removes")
    yield (
        f"{name}, the index, made by one process",
        hours(load.mailboxes * load.messages / figures.indexed),
        f"{figures.indexed:,.0f} msg/s",
    )


def _sizes(figures: Figures) -> Iterator[tuple[str, str, str]]:
    yield ("catalog", size(int(figures.catalog * MESSAGES)), f"{figures.catalog:,.0f} bytes a message")
    yield ("index", size(int(figures.index * MESSAGES)), f"{figures.index:,.0f} bytes a message of this mail")
    kept = figures.kept * BYTES
    price = kept / 1e9 * PRICE_OF_GIGABYTE
    yield ("volumes", size(int(kept)), f"{figures.kept:.2f} of raw; {price:,.0f} USD a month at {PRICE_OF_GIGABYTE} USD/GB")
    yield ("volumes, files", f"{BYTES / ENOUGH_BYTES:,.0f}", f"delivered at {size(ENOUGH_BYTES)} of raw mail")


def _lines(figures: Figures) -> Iterator[tuple[str, str, str]]:
    """The messages that a site's line carries to the bucket in a night."""
    for bits in LINES:
        day = bits / 8 * 3600 * 8
        messages = day / (2 * figures.kept * BYTES / MESSAGES)
        yield (
            f"line of {bits / 1e6:,.0f} Mbit/s to the bucket",
            f"{messages:,.0f} messages in a night of 8 hours",
            "each byte is put and read back",
        )


def hours(seconds: float) -> str:
    """A time, in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
