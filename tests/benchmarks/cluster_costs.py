"""Costs from measured runs: those of a mailbox, a message, a byte and a known message in each program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations

from tests.benchmarks.cluster_model import LEAST, Cost, Costs, Load, Site, simulated

_UNITS = tuple(field.name for field in fields(Cost))
#: Halvings by which the time beside all work is found.
_HALVINGS = 24


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """A run that was measured: seconds of clock, seconds of processor time of each program.

    ``cores``: the processors that other programs of the machine left meanwhile.
    """

    load: Load
    wall: float
    seconds: Mapping[str, float]
    cores: float


def _row(load: Load) -> list[float]:
    messages = load.mailboxes * load.messages
    return [load.mailboxes, messages, messages * load.size, load.mailboxes * load.known]


def solved(measured: Sequence[tuple[Load, float]]) -> Cost:
    """The cost that comes nearest to what was measured of some loads, none of its units less than nothing.

    Differences count by their shares, so that short runs say as much as long ones.
    """
    rows = [[value / total for value in _row(load)] for load, total in measured if total > 0]
    best, least = Cost(), float("inf")
    for count in range(1, len(_UNITS) + 1):
        for some in combinations(range(len(_UNITS)), count):
            found = _least_squares(rows, some)
            if found is None or min(found) < 0:
                continue
            missed = sum((sum(row[at] * one for at, one in zip(some, found, strict=True)) - 1) ** 2 for row in rows)
            if missed < least - 1e-12:
                best, least = Cost(**dict(zip((_UNITS[at] for at in some), found, strict=True))), missed
    return best


def _least_squares(rows: Sequence[Sequence[float]], some: Sequence[int]) -> list[float] | None:
    """The units ``some`` that bring all rows nearest to one; None where they cannot be told apart."""
    scale = [max((abs(row[at]) for row in rows), default=0.0) or 1.0 for at in some]
    table = [[row[at] / by for at, by in zip(some, scale, strict=True)] for row in rows]
    size = len(some)
    lines = [
        [sum(row[one] * row[other] for row in table) for other in range(size)] + [sum(row[one] for row in table)]
        for one in range(size)
    ]
    for at in range(size):
        pivot = max(range(at, size), key=lambda number: abs(lines[number][at]))
        lines[at], lines[pivot] = lines[pivot], lines[at]
        if abs(lines[at][at]) < 1e-9:
            return None
        for other in range(size):
            if other != at:
                share = lines[other][at] / lines[at][at]
                lines[other] = [left - share * right for left, right in zip(lines[other], lines[at], strict=True)]
    return [lines[at][size] / lines[at][at] / scale[at] for at in range(size)]


def costs_of(runs: Sequence[MeasuredRun], site: Site, idle: Mapping[str, float]) -> Costs:
    """The costs of all programs from runs at ``site``, all on one machine; the turn is what brings the walls nearest.

    ``idle``: seconds of processor time in a second of a run that only waits, which are no cost of any mailbox.
    """
    costs = Costs(idle=idle)
    for name in _programs(runs):
        worked = [(run.load, _without(run.seconds[name], run.wall * idle.get(name, 0.0))) for run in runs]
        costs = replace(costs, **{name: solved(worked)})  # type: ignore[arg-type]
    return replace(costs, turn=_turn(runs, costs, site))


def _without(seconds: float, looking: float) -> float:
    return max(seconds - looking, LEAST * seconds)


def _programs(runs: Iterable[MeasuredRun]) -> list[str]:
    there = {name for run in runs for name in run.seconds}
    return sorted(there & {field.name for field in fields(Costs)})


def _turn(runs: Sequence[MeasuredRun], costs: Costs, site: Site) -> float:
    """The seconds of a mailbox's turn by which the simulated walls are as much too long as too short."""
    low, high = 0.0, max(run.wall for run in runs)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _excess(runs, replace(costs, turn=middle), site) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _excess(runs: Sequence[MeasuredRun], costs: Costs, site: Site) -> float:
    return sum(simulated(run.load, costs, replace(site, shared=run.cores)).seconds / run.wall - 1 for run in runs)
