"""A discrete-event simulation of machines that work, lines that carry, and places that are limited.

Plain Python: what is needed beside a heap is machines whose processors are shared by all that work there, which simpy lacks.

A process is a generator. Each value that it yields is what it waits for: a function that is given the process's continuation.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Generator
from functools import partial
from itertools import count

Resume = Callable[[], None]
Wait = Callable[[Resume], None]
Process = Generator[Wait, None, None]

#: Seconds that count as none: what is left of a work by the rounding of floating point numbers.
NOTHING = 1e-9


class Clock:
    """The time of a simulation, in seconds from its beginning."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Resume]] = []
        self._numbers = count()

    def at(self, delay: float, call: Resume) -> None:
        """Call ``call`` after ``delay`` seconds."""
        heapq.heappush(self._events, (self.now + delay, next(self._numbers), call))

    def spawn(self, process: Process) -> None:
        """Begin a process."""

        def step() -> None:
            waits = next(process, None)
            if waits is not None:
                waits(step)

        self.at(0.0, step)

    def delay(self, seconds: float) -> Wait:
        """Wait for ``seconds``."""
        return lambda resume: self.at(seconds, resume)

    def run(self) -> float:
        """Go on until nothing happens any more; the time then."""
        while self._events:
            self.now, _, call = heapq.heappop(self._events)
            call()
        return self.now


class Machine:
    """``cores`` processors, shared evenly by all works on it; a line is one of a single core.

    Each work has one processor at most. ``busy``: seconds of processor time that were spent.
    """

    def __init__(self, clock: Clock, cores: float) -> None:
        self.busy = 0.0
        self._clock = clock
        self._cores = cores
        #: Works by the time on a processor at which they end, counted as each present work gets it.
        self._works: list[tuple[float, int, Resume]] = []
        self._numbers = count()
        self._given = self._since = 0.0
        self._plan = 0

    def work(self, seconds: float) -> Wait:
        """Work for ``seconds`` of processor time."""
        return partial(self._begin, seconds)

    def _begin(self, seconds: float, resume: Resume) -> None:
        if seconds <= 0:
            self._clock.at(0.0, resume)
            return
        self._advance()
        heapq.heappush(self._works, (self._given + seconds, next(self._numbers), resume))
        self._wake()

    def _rate(self) -> float:
        return min(1.0, self._cores / len(self._works))

    def _advance(self) -> None:
        if self._works:
            passed = (self._clock.now - self._since) * self._rate()
            self._given += passed
            self.busy += passed * len(self._works)
        self._since = self._clock.now

    def _wake(self) -> None:
        """Have the next end of a work seen to; what was planned before counts no more."""
        self._plan += 1
        if self._works:
            left = max(0.0, self._works[0][0] - self._given)
            self._clock.at(left / self._rate(), partial(self._ended, self._plan))

    def _ended(self, plan: int) -> None:
        if plan != self._plan:
            return
        self._advance()
        while self._works and self._works[0][0] <= self._given + NOTHING:
            self._clock.at(0.0, heapq.heappop(self._works)[2])
        self._wake()


class Limit:
    """``places`` that are taken, in the order of asking, and given back."""

    def __init__(self, clock: Clock, places: int) -> None:
        self._clock = clock
        self._free = places
        self._waiting: deque[Resume] = deque()

    def take(self) -> Wait:
        """Wait for a place."""
        return self._take

    def _take(self, resume: Resume) -> None:
        if self._free:
            self._free -= 1
            self._clock.at(0.0, resume)
        else:
            self._waiting.append(resume)

    def give_back(self) -> None:
        """Give a place back."""
        if self._waiting:
            self._clock.at(0.0, self._waiting.popleft())
        else:
            self._free += 1


class Signal:
    """Something that processes wait for, again and again; given before anybody waits, it is kept."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._given = False
        self._waiting: list[Resume] = []

    def wait(self) -> Wait:
        return self._wait

    def _wait(self, resume: Resume) -> None:
        if self._given:
            self._given = False
            self._clock.at(0.0, resume)
        else:
            self._waiting.append(resume)

    def give(self) -> None:
        self._given = not self._waiting
        for resume in self._waiting:
            self._clock.at(0.0, resume)
        self._waiting.clear()


def one_by_one(machine: Machine, limit: Limit, seconds: float) -> Process:
    """Work on a machine for what a single process does there: one after another, as ``limit`` has it."""
    yield limit.take()
    yield machine.work(seconds)
    limit.give_back()
