"""The simulation of runs by workers, in cases whose answer is known without it."""

from __future__ import annotations

import pytest

from core.cluster.delivering import ENOUGH_BYTES
from tests.benchmarks.cluster_costs import solved
from tests.benchmarks.cluster_model import Cost, Costs, Load, Site, simulated
from tests.benchmarks.discrete import Clock, Limit, Machine, Process

CORES = dict.fromkeys(("home", "server", "workers", "database", "place"), 64.0)


def site(**values: float) -> Site:
    """A site with processors enough, where nobody waits for others."""
    return Site(cores=CORES, together=0.0, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("cores", "seconds"), [(1, 3.0), (2, 1.5), (4, 1.0)])
def test_works_on_a_machine_share_its_processors(cores: float, seconds: float) -> None:
    """Three works of one second each: none is done sooner than by a processor of its own."""
    clock = Clock()
    machine = Machine(clock, cores)

    def one() -> Process:
        yield machine.work(1.0)

    for _ in range(3):
        clock.spawn(one())
    assert clock.run() == pytest.approx(seconds)
    assert machine.busy == pytest.approx(3.0)


def test_a_short_work_ends_before_a_long_one_that_it_slows() -> None:
    """One second and three on one processor: ends at 2 and 4."""
    clock = Clock()
    machine = Machine(clock, 1)
    ends: list[float] = []

    def one(seconds: float) -> Process:
        yield machine.work(seconds)
        ends.append(clock.now)

    clock.spawn(one(1.0))
    clock.spawn(one(3.0))
    clock.run()
    assert ends == pytest.approx([2.0, 4.0])


def test_places_are_given_in_the_order_of_asking() -> None:
    """Five who keep one of two places for a second: done after 1, 1, 2, 2, 3 seconds."""
    clock = Clock()
    limit = Limit(clock, 2)
    ends: list[tuple[int, float]] = []

    def one(number: int) -> Process:
        yield limit.take()
        yield clock.delay(1.0)
        ends.append((number, clock.now))
        limit.give_back()

    for number in range(5):
        clock.spawn(one(number))
    clock.run()
    assert ends == [(0, 1.0), (1, 1.0), (2, 2.0), (3, 2.0), (4, 3.0)]


def test_one_worker_without_any_waiting_takes_the_sum_of_its_work() -> None:
    """Ten mailboxes of 100 messages, 1 ms each and 50 ms a mailbox, by one process: 1.5 s."""
    costs = Costs(worker=Cost(mailbox=0.05, message=0.001))
    course = simulated(Load(10, 100, 1000.0), costs, site(connections=16, mailboxes=16))
    assert course.seconds == pytest.approx(1.5)


def test_known_messages_cost_as_often_as_they_are_known() -> None:
    """A night with nothing new: ten mailboxes of 1,000 known messages, 10 µs each."""
    costs = Costs(worker=Cost(known=1e-5))
    course = simulated(Load(10, 0, 0.0, known=1000), costs, site(connections=16, mailboxes=16))
    assert course.seconds == pytest.approx(0.1)
    assert course.volumes == 0


@pytest.mark.parametrize(("workers", "connections", "seconds"), [(4, 2, 25.0), (4, 16, 3.125), (1, 16, 12.5), (8, 50, 2.0)])
def test_connections_to_the_server_limit_all_workers_together(workers: int, connections: int, seconds: float) -> None:
    """Fifty mailboxes of one second of waiting each, on 2 connections, however many workers: 25 rounds."""
    course = simulated(Load(50, 1, 1.0), Costs(turn=1.0), site(workers=workers, connections=connections))
    rounds = -(-50 // min(connections, 4 * workers))
    assert course.seconds == pytest.approx(rounds)
    assert course.seconds == pytest.approx(seconds, rel=0.3)


def test_connections_are_those_of_each_server() -> None:
    """Two servers take twice as many at once."""
    load, costs = Load(40, 1, 1.0), Costs(turn=1.0)
    assert simulated(load, costs, site(workers=8, connections=4, servers=2)).seconds == pytest.approx(5.0)
    assert simulated(load, costs, site(workers=8, connections=4, servers=1)).seconds == pytest.approx(10.0)


def test_the_one_applying_service_is_the_limit_however_many_workers_there_are() -> None:
    """100,000 messages that one service applies at 8,000 a second: 12.5 s with 8 workers as with 32."""
    costs = Costs(home=Cost(message=1 / 8000), worker=Cost(message=1e-5))
    for workers in (8, 32):
        course = simulated(Load(200, 500, 1000.0), costs, site(workers=workers, connections=200))
        assert course.seconds == pytest.approx(12.5, rel=0.05)
        assert course.narrowest == "applying service"


def test_a_line_to_the_place_carries_what_is_put_and_what_is_read_back() -> None:
    """Ten mailboxes of 10 MB over 2 MB/s: each byte passes twice."""
    course = simulated(Load(10, 100, 100_000.0), Costs(), site(connections=16, mailboxes=16, line=2e6))
    assert course.seconds == pytest.approx(100.0, rel=0.01)
    assert course.busy["lines"] == pytest.approx(1.0, rel=0.01)


def test_each_volume_waits_for_the_answers_of_the_place() -> None:
    """Twenty volumes, one after another, of three answers at 100 ms."""
    course = simulated(Load(20, 1, float(ENOUGH_BYTES)), Costs(), site(mailboxes=1, connections=1, latency=0.1))
    assert course.volumes == 20
    assert course.seconds == pytest.approx(6.0, rel=0.05)


def test_everything_on_one_machine_shares_its_processors() -> None:
    """Six seconds of work in three programs on two processors: three seconds."""
    each = Cost(message=0.002)
    costs = Costs(server=each, beside=each, database=Cost(mailbox=0.1))
    course = simulated(Load(20, 50, 1000.0), costs, Site(mailboxes=16, connections=16, shared=2.0, together=0.0))
    assert course.seconds == pytest.approx(3.0, rel=0.1)
    assert course.busy == {"machine": pytest.approx(1.0, rel=0.1)}


def test_looking_takes_its_share_of_a_machine_and_of_the_one_service() -> None:
    """Half of one processor for looking: what takes a second takes two."""
    costs = Costs(worker=Cost(mailbox=1.0), idle={"worker": 0.5})
    course = simulated(Load(1, 1, 1.0), costs, Site(shared=1.0, together=0.0))
    assert course.seconds == pytest.approx(2.0)
    course = simulated(Load(1, 1, 1.0), Costs(home=Cost(mailbox=1.0), idle={"home": 0.5}), site())
    assert course.seconds == pytest.approx(2.0)


def test_costs_are_found_again_from_the_runs_that_they_make() -> None:
    """Four runs of different loads give back the cost of a mailbox, a message, a byte and a known message."""
    cost = Cost(0.02, 2e-4, 3e-8, 1e-5)
    loads = [Load(40, 20, 2300), Load(40, 200, 2300), Load(40, 40, 45_000), Load(40, 0, 0, known=200)]
    found = solved([(load, cost.of(load)) for load in loads])
    for name in ("mailbox", "message", "byte", "known"):
        assert getattr(found, name) == pytest.approx(getattr(cost, name))


def test_no_cost_is_less_than_nothing() -> None:
    """A run with nothing new that took less than its mailboxes alone: known messages cost nothing."""
    loads = [Load(40, 20, 2300), Load(40, 200, 2300), Load(40, 40, 45_000), Load(40, 0, 0, known=200)]
    found = solved([(load, seconds) for load, seconds in zip(loads, (1.0, 2.0, 3.0, 0.1), strict=True)])
    assert found.known == 0.0
    assert min(found.mailbox, found.message, found.byte) >= 0.0
