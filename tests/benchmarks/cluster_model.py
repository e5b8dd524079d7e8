"""A run by workers as a simulation: mailboxes pass through mail server, worker, place and home, at costs that were measured.

The rules are those of the program: a server's connections are limited, a worker delivers what it wrote when it is wanted or
enough, one volume after another, and one service applies what comes, a few volumes at a time. Costs are seconds of processor
time, for a mailbox, a message, a byte, and a message that was known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.cluster.collecting import AT_ONCE
from core.cluster.delivering import ENOUGH_BYTES, TOGETHER_SECONDS
from tests.benchmarks.discrete import Clock, Limit, Machine, Process, Signal, one_by_one

#: Steps in which a large mailbox is followed: what is longer than a volume is taken together.
MOST_STEPS = 8
#: The least share of a processor that is left for work.
LEAST = 0.1


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost for each mailbox, new message, byte of these, and known message: seconds, statements or rows."""

    mailbox: float = 0.0
    message: float = 0.0
    byte: float = 0.0
    known: float = 0.0

    def of(self, load: Load) -> float:
        """The cost of a whole load."""
        return load.mailboxes * (self.of_mailbox(load) + self.of_mail(load.messages, load.messages * load.size))

    def of_mailbox(self, load: Load) -> float:
        """The cost of one mailbox without its new mail."""
        return self.mailbox + self.known * load.known

    def of_mail(self, messages: float, size: float) -> float:
        """The cost of new messages of ``size`` bytes together."""
        return self.message * messages + self.byte * size


@dataclass(frozen=True, slots=True)
class Load:
    """Mailboxes, each with ``messages`` new ones of ``size`` bytes and ``known`` ones."""

    mailboxes: int
    messages: float
    size: float
    known: float = 0.0


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of each program. ``worker``: its own process, ``beside``: those beside it that read and compress.

    ``turn``: seconds that a mailbox takes beside all work, from its being given out to its being visited. ``idle``: seconds of
    processor time that each program takes in a second for looking alone, each worker for itself.
    """

    server: Cost = Cost()
    worker: Cost = Cost()
    beside: Cost = Cost()
    home: Cost = Cost()
    database: Cost = Cost()
    place: Cost = Cost()
    turn: float = 0.0
    idle: Mapping[str, float] = field(default_factory=dict)

    def looking(self, workers: int) -> float:
        """Processors that all programs take for looking alone."""
        return sum(share * (workers if name == "worker" else 1) for name, share in self.idle.items())


@dataclass(frozen=True, slots=True)
class Site:
    """The machines. ``shared``: all on one of so many cores; else each program has its own ``cores``, the home as well.

    ``connections``: to each of ``servers``; ``mailboxes``: at once for each of ``workers``; ``line``: bytes a second of each
    worker to the place, ``latency``: seconds of an answer of the place, asked ``asked`` times for a volume.
    """

    workers: int = 1
    mailboxes: int = 4
    servers: int = 1
    connections: int = 4
    shared: float | None = None
    cores: Mapping[str, float] = field(default_factory=dict)
    line: float = 1e12
    latency: float = 0.0
    asked: int = 3
    #: Seconds for which a deliverer waits for others, and between two looks of the home.
    together: float = TOGETHER_SECONDS
    look: float = 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """The course of a simulated run: its seconds, the volumes, and the share of the time for which each part was busy."""

    seconds: float
    volumes: int
    busy: Mapping[str, float]

    @property
    def narrowest(self) -> str:
        """The part that was busy for most of the time."""
        return max(self.busy, key=lambda name: self.busy[name])


class _Worker:
    """A worker: its places for mailboxes are its own, its deliverer takes all that was written since."""

    def __init__(self, clock: Clock, machine: Machine, site: Site) -> None:
        self.machine = machine
        self.alone = Limit(clock, 1)
        self.line = Machine(clock, 1)
        self.wanted = Signal(clock)
        self.free = site.mailboxes
        self.messages = self.size = 0.0
        self.ending = 0
        #: Seconds for which its deliverer was at work.
        self.delivering = 0.0


class Run:
    """One simulated run of ``load`` at ``site`` by ``costs``."""

    def __init__(self, load: Load, costs: Costs, site: Site) -> None:
        self._load, self._costs, self._site = load, costs, site
        clock = self._clock = Clock()
        one = None
        if site.shared is not None:
            one = Machine(clock, max(LEAST * site.shared, site.shared - costs.looking(site.workers)))
        #: Looking takes its share of the time of the one service.
        self._slower = 1 / (1 - min(1 - LEAST, costs.idle.get("home", 0.0))) if one is None else 1.0
        self._machines = {
            name: one or Machine(clock, site.cores.get(name, 1.0)) for name in ("home", "database", "place", "workers")
        }
        self._servers = [one or Machine(clock, site.cores.get("server", 1.0)) for _ in range(site.servers)]
        self._connections = [Limit(clock, site.connections) for _ in range(site.servers)]
        own = [one or Machine(clock, site.cores.get("workers", 1.0)) for _ in range(site.workers)]
        self._workers = [_Worker(clock, machine, site) for machine in own]
        self._places = Limit(clock, site.workers * site.mailboxes)
        self._service = Limit(clock, 1)
        self._arrived: list[tuple[float, float, int]] = []
        self._arrival = Signal(clock)
        self._volumes = self._applied = 0
        self._applying = 0.0
        self._last = 0.0

    def course(self) -> Course:
        """Run it to its end."""
        load, site = self._load, self._site
        for number in range(load.mailboxes):
            self._clock.spawn(self._visit(number % site.servers))
        for worker in self._workers:
            self._clock.spawn(self._deliver(worker))
        self._clock.spawn(self._collect())
        self._clock.run()
        seconds = max(self._last, 1e-9)
        busy = {
            "applying service": self._applying / seconds,
            "mail servers": max(machine.busy for machine in self._servers) / seconds / site.cores.get("server", 1.0),
            "workers": max(one.machine.busy for one in self._workers) / seconds / site.cores.get("workers", 1.0),
            "lines": max(one.line.busy for one in self._workers) / seconds,
            "deliverers": max(one.delivering for one in self._workers) / seconds,
            "database": self._machines["database"].busy / seconds / site.cores.get("database", 1.0),
        }
        if site.shared is not None:
            busy = {"machine": self._machines["home"].busy / seconds / site.shared}
        return Course(seconds, self._volumes, busy)

    def _visit(self, server: int) -> Process:
        load, costs, connections = self._load, self._costs, self._connections[server]
        yield connections.take()
        yield from self._served(costs.home.of_mailbox(load))
        yield self._machines["database"].work(costs.database.of_mailbox(load))
        yield self._places.take()
        worker = max(self._workers, key=lambda one: one.free)
        worker.free -= 1
        yield self._clock.delay(costs.turn)
        yield self._servers[server].work(costs.server.of_mailbox(load))
        yield from one_by_one(worker.machine, worker.alone, costs.worker.of_mailbox(load))
        steps = max(1, min(MOST_STEPS, round(load.messages * load.size / ENOUGH_BYTES)))
        for _ in range(steps if load.messages else 0):
            messages = load.messages / steps
            size = messages * load.size
            yield self._servers[server].work(costs.server.of_mail(messages, size))
            yield worker.machine.work(costs.beside.of_mail(messages, size))
            yield from one_by_one(worker.machine, worker.alone, costs.worker.of_mail(messages, size))
            worker.messages += messages
            worker.size += size
            if worker.size >= ENOUGH_BYTES:
                worker.wanted.give()
        worker.free += 1
        worker.ending += 1
        self._places.give_back()
        connections.give_back()
        worker.wanted.give()

    def _served(self, seconds: float) -> Process:
        """Have the one service work."""
        seconds *= self._slower
        yield self._service.take()
        self._applying += seconds
        yield self._machines["home"].work(seconds)
        self._service.give_back()

    def _deliver(self, worker: _Worker) -> Process:
        while True:
            yield worker.wanted.wait()
            if worker.size < ENOUGH_BYTES:
                yield self._clock.delay(self._site.together)
            messages, size, ending = worker.messages, worker.size, worker.ending
            worker.messages, worker.size, worker.ending = 0.0, 0.0, 0
            begun = self._clock.now
            if messages:
                volumes = max(1, round(size / ENOUGH_BYTES))
                self._volumes += volumes
                # Put, and read back.
                yield worker.line.work(2 * size / self._site.line)
                yield self._clock.delay(volumes * self._site.asked * self._site.latency)
                yield self._machines["place"].work(self._costs.place.of_mail(messages, size))
            worker.delivering += self._clock.now - begun
            self._arrived.append((messages, size, ending))
            self._arrival.give()

    def _collect(self) -> Process:
        while self._applied < self._load.mailboxes:
            if not self._arrived:
                yield self._arrival.wait()
            yield self._clock.delay(self._site.look)
            some, self._arrived = self._arrived[:AT_ONCE], self._arrived[AT_ONCE:]
            messages, size = sum(one[0] for one in some), sum(one[1] for one in some)
            yield from self._served(self._costs.home.of_mail(messages, size))
            self._applied += sum(one[2] for one in some)
            self._last = self._clock.now


def simulated(load: Load, costs: Costs, site: Site) -> Course:
    """The course of one run."""
    return Run(load, costs, site).course()
