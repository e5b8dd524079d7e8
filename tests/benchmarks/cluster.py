"""``python -m tests.benchmarks.cluster``: runs by workers beside the local path, and what they foretell of a large archive.

Small runs give the costs of a mailbox, a message, a byte and a known message. A simulation of these costs foretells a run that
is five times as large, which is then made and must be as foretold. Only then is the archive of a provider foretold. Processor
time is that of each program by itself, because all of them share this machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks import cluster_applying, cluster_forecast
from tests.benchmarks.cluster_costs import costs_of, solved
from tests.benchmarks.cluster_forecast import Figures
from tests.benchmarks.cluster_model import Costs, Load, Site, simulated
from tests.benchmarks.cluster_stage import AT_ONCE, ClusterRunner, Found, Kind, Stage, stage
from tests.benchmarks.console import Row, verdict
from tests.servers import dovecot, postgres

FEW, MANY, LARGE = Kind(1, 40, 20), Kind(41, 40, 200), Kind(81, 40, 0, 40)
REAL = Kind(121, 200, 180, 20)
WORKERS = (1, 2, 4)
#: New messages of an ordinary night in each of the real run's mailboxes.
NEW = 2
#: A foretold time may be wrong by so much; a worker has at least so much of the local rate; messages a second applied.
WRONG_BAR, RATE_BAR, APPLIED_BAR = 0.25, 0.8, 8_000
#: Other programs' share of the machine from which on figures say little of this program.
QUIET = 0.1


@dataclass(frozen=True, slots=True)
class Foretold:
    """A run as it was: foretold in ``seconds`` for a machine of this program alone, and for what other programs left of it."""

    what: str
    seconds: float
    left: float
    found: Found

    @property
    def wrong(self) -> float:
        """The share by which it was foretold too long, or too short if less than nothing."""
        return self.left / self.found.run.wall - 1


class Bench:
    """The benchmark on ``stage``. ``missed``: the bars that were."""

    def __init__(self, on: Stage) -> None:
        self.missed: list[str] = []
        self._stage = on
        self._site = Site(mailboxes=AT_ONCE, connections=AT_ONCE, shared=float(os.cpu_count() or 1))
        self._others: list[float] = []

    def _met(self, what: str, met: bool) -> str:
        if not met:
            self.missed.append(what)
        return verdict(met)

    def _seen(self, found: Found) -> Found:
        self._others.append(found.others)
        load = found.run.load
        done = f"{load.mailboxes} mailboxes, {load.messages * load.mailboxes:,.0f} new messages: {found.run.wall:.1f} s"
        print(f"{done}, other programs had {found.others * 100:.0f} % of the machine", file=sys.stderr, flush=True)  # noqa: T201
        return found

    def rows(self) -> Iterator[Row]:
        """All rows but those of the provider's archive, as they are found."""
        self._stage.local(MANY)
        local = min((self._seen(self._stage.local(REAL)) for _ in range(2)), key=lambda one: one.run.wall)
        calibration, idle = self.calibrated()
        costs = costs_of([one.run for one in calibration], self._site, idle)
        foretold = [self._foretold(costs, workers) for workers in WORKERS[:-1]]
        last = self._site_of(WORKERS[-1])
        with self._stage.cluster(REAL, WORKERS[-1]) as runner:
            foretold.append(self._compared(costs, last, runner, self._stage.load(REAL), f"{WORKERS[-1]} workers"))
            indexed, sizes = runner.index(), runner.sizes()
            night = self._stage.add(REAL, NEW)
            foretold.append(self._compared(costs, last, runner, night, f"{WORKERS[-1]} workers, 1 % new"))
        yield from self._programs(local, foretold[0].found)
        yield from self._rates(local, [one.found for one in foretold[: len(WORKERS)]])
        applied = cluster_applying.measured(self._stage.folder / "applying")
        yield (
            "messages of 2.3 kB anchored and applied by one service",
            f"{applied.rate:,.0f} msg/s",
            f"{applied.processor * 1e6:.0f} µs of processor time",
            "",
            f"at least {APPLIED_BAR:,}",
            self._met("applying service", applied.rate >= APPLIED_BAR),
        )
        yield (
            "all that the service does for a message of workers, by the runs above",
            f"{costs.home.message * 1e6:.0f} µs",
            f"and {costs.home.byte * 1e9:.1f} ns for a byte, {costs.home.mailbox * 1e3:.0f} ms for a mailbox",
            "",
            "",
            "",
        )
        yield (f"indexed, of {REAL.count * REAL.messages:,} messages", f"{indexed:,.0f} msg/s", "", "", "", "")
        for one in foretold:
            yield self._foretelling(one)
        self.figures = _figures(costs, [*calibration, *(one.found for one in foretold)], foretold[0].found, indexed, sizes)

    def calibrated(self) -> tuple[list[Found], dict[str, float]]:
        """Small runs by one worker, which give the costs, and what looking alone takes."""
        with self._stage.cluster(FEW, 1) as runner:
            few = self._seen(runner.run(self._stage.load(FEW)))
        with self._stage.cluster(MANY, 1) as runner:
            many = self._seen(runner.run(self._stage.load(MANY)))
            # Else the service would have the index made meanwhile.
            runner.index()
            again = self._seen(runner.run(Load(MANY.count, 0, 0.0, known=MANY.messages)))
            idle = runner.idle()
        with self._stage.cluster(LARGE, 1) as runner:
            large = self._seen(runner.run(self._stage.load(LARGE)))
        return [few, many, again, large], idle

    def _site_of(self, workers: int) -> Site:
        return Site(workers, AT_ONCE, 1, AT_ONCE * workers, shared=self._site.shared)

    def _foretold(self, costs: Costs, workers: int) -> Foretold:
        with self._stage.cluster(REAL, workers) as runner:
            what = f"{workers} worker{'s' * (workers > 1)}"
            return self._compared(costs, self._site_of(workers), runner, self._stage.load(REAL), what)

    def _compared(self, costs: Costs, site: Site, runner: ClusterRunner, load: Load, what: str) -> Foretold:
        # Foretold before it is made; afterwards only the processors that others took are counted out.
        seconds = simulated(load, costs, site).seconds
        found = self._seen(runner.run(load))
        left = seconds if found.others <= QUIET else simulated(load, costs, replace(site, shared=found.run.cores)).seconds
        return Foretold(what, seconds, left, found)

    def _foretelling(self, one: Foretold) -> Row:
        load = one.found.run.load
        return (
            f"{load.mailboxes} mailboxes, {load.messages * load.mailboxes:,.0f} new messages, {one.what}",
            f"{one.found.run.wall:.1f} s",
            f"foretold {one.seconds:.1f} s" + (f", beside others {one.left:.1f} s" if one.left != one.seconds else ""),
            f"{one.wrong * 100:+.0f} %",
            f"at most {WRONG_BAR * 100:.0f} % wrong",
            self._met(one.what, abs(one.wrong) <= WRONG_BAR),
        )

    def _programs(self, local: Found, one: Found) -> Iterator[Row]:
        """The processor time that each program takes for a message, in both ways."""
        for name, words in _PROGRAMS.items():
            here, there = (found.run.seconds.get(name) for found in (one, local))
            yield (
                f"processor time of a message, {words}",
                "" if here is None else _each(here, one),
                "" if there is None else f"local {_each(there, local)}",
                "" if here is None or there is None else f"{here / max(there, 1e-9):.2f}",
                "",
                "",
            )

    def _rates(self, local: Found, found: list[Found]) -> Iterator[Row]:
        for workers, one in zip(WORKERS, found, strict=True):
            bar = f"at least {RATE_BAR} of the local path" if workers == 1 else ""
            ratio = one.rate / local.rate
            yield (
                f"first run, all on this machine, {workers} worker{'s' * (workers > 1)}",
                f"{one.rate:,.0f} msg/s",
                f"local {local.rate:,.0f} msg/s",
                f"{ratio:.2f}",
                bar,
                self._met("rate of one worker", ratio >= RATE_BAR) if bar else "",
            )
        # Where service, database and bucket have processors of their own.
        here = sum(local.run.seconds.values())
        there = sum(found[0].run.seconds[name] for name in ("server", "worker", "beside"))
        yield (
            "processor time of worker and mail server against the local path with it",
            f"{there:.1f} s",
            f"local {here:.1f} s",
            f"{here / there:.2f}",
            f"at least {RATE_BAR} of the local path",
            self._met("processor time of one worker", here / there >= RATE_BAR),
        )

    @property
    def loudest(self) -> float:
        """The largest share of the machine that other programs took in a measured run."""
        return max(self._others)


_PROGRAMS = {
    "home": "the service",
    "worker": "the worker",
    "beside": "processes beside the worker",
    "server": "the mail server",
    "database": "PostgreSQL",
    "place": "the bucket's stand-in",
}


def _each(seconds: float, found: Found) -> str:
    load = found.run.load
    return f"{seconds / load.mailboxes / load.messages * 1e6:.0f} µs"


def _figures(costs: Costs, measured: list[Found], first: Found, indexed: float, sizes: tuple[float, float]) -> Figures:
    load = first.run.load
    return Figures(
        costs=costs,
        statements=solved([(one.run.load, one.statements) for one in measured]),
        rows=solved([(one.run.load, one.rows) for one in measured]),
        requests={method: count / first.volumes for method, count in first.requests.items()},
        kept=first.stored / (load.mailboxes * load.messages * load.size),
        catalog=sizes[0],
        index=sizes[1],
        indexed=indexed,
    )


def main() -> int:
    argparse.ArgumentParser(prog="make bench-cluster").parse_args()
    console = Console(width=max(Console().width, 150) if not sys.stdout.isatty() else None)
    if needed := dovecot.missing() or postgres.missing():
        console.print(f"The benchmarks need the Debian package {needed}.", markup=False)
        return 2
    title = f"Runs by workers, all on {os.cpu_count()} processors of {platform.machine()}, Python {platform.python_version()}"
    table = Table("what", "figure", "reference", "ratio", "bar", "", title=title)
    folder = Path(tempfile.mkdtemp(prefix="archivar-cluster-"))
    try:
        with stage(folder, FEW, MANY, LARGE, REAL) as made:
            bench = Bench(made)
            for row in bench.rows():
                table.add_row(*row)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    console.print(table)
    console.print(cluster_forecast.table(bench.figures))
    if bench.loudest > QUIET:
        console.print(f"Other programs took up to {bench.loudest * 100:.0f} % of the machine: walls say little.", markup=False)
    if bench.missed:
        console.print(f"Missed: {', '.join(bench.missed)}.", markup=False)
    return 1 if bench.missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
