"""Limits shared by runs: connections to a server and memory for messages, in turn; and when it is of no use to go on."""

from __future__ import annotations

import asyncio

from core.engine.visit.breaker import REFUSED, UNREACHABLE, Breaker
from core.engine.visit.limits import CONFIDENCE, Budget, Limits, Slots
from core.errors import ConnectError, Dropped
from core.problems import connection, folder
from core.profiles.profile import Server
from core.system.tasks import spawn


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_connections_are_open_than_a_server_may_have() -> None:
    """Later ones wait; one cancelled while waiting takes nothing away."""
    slots, running, most = Slots(3), 0, 0
    free = asyncio.Event()

    async def work() -> None:
        nonlocal running, most
        async with slots.taken():
            running += 1
            most = max(most, running)
            await free.wait()
            running -= 1

    tasks = [spawn(work(), name="work") for _ in range(8)]
    await settle()
    assert running == 3
    tasks[4].cancel()
    await settle()
    free.set()
    await asyncio.wait(tasks)
    assert (most, running) == (3, 0)
    assert [task.cancelled() for task in tasks].count(True) == 1


async def test_a_server_that_refuses_gets_fewer_connections_and_more_again_when_it_takes_them() -> None:
    """One fewer than are open, never none; one more after many successes."""
    slots = Slots(4)
    async with slots.taken(), slots.taken(), slots.taken():
        slots.refused()
        assert slots.limit == 2
        for _ in range(3):
            slots.refused()
    assert slots.limit == 1
    for _ in range(CONFIDENCE):
        slots.succeeded()
    assert slots.limit == 2
    for _ in range(10 * CONFIDENCE):
        slots.succeeded()
    assert slots.limit == 4


async def test_a_budget_is_never_exceeded_but_by_one_message_that_is_larger_than_all_of_it() -> None:
    """A large message waits for its turn, and then goes alone."""
    budget, order = Budget(100), list[str]()

    async def take(name: str, size: int) -> None:
        grant = await budget.take(size)
        order.append(name)
        await settle()
        grant.release()
        grant.release()

    first = await budget.take(60)
    tasks = [spawn(take(name, size), name=name) for name, size in (("large", 500), ("small", 10), ("half", 50))]
    await settle()
    assert order == []
    first.release()
    await asyncio.wait(tasks)
    assert order == ["large", "small", "half"]
    assert budget._used == 0


async def test_who_is_cancelled_when_a_place_was_just_given_gives_it_back() -> None:
    """Else a connection would be lost for ever."""
    slots = Slots(1)

    async def work() -> None:
        async with slots.taken():
            pass

    async with slots.taken():
        task = spawn(work(), name="work")
        await settle()
    task.cancel()
    await asyncio.wait([task])
    await asyncio.wait_for(work(), 1)


def test_profiles_of_one_server_share_its_connections() -> None:
    """By host and port, with any name of the profile."""
    limits = Limits()
    assert limits.slots(Server("Mail.example.test")) is limits.slots(Server("mail.example.test", port=993))
    assert limits.slots(Server("mail.example.test")) is not limits.slots(Server("mail.example.test", port=994))


NO = folder.NO_FOLDERS()


def refused(*, step: str = "login", busy: bool = False, master: bool = False) -> ConnectError:
    return ConnectError(step, NO, retry=busy, busy=busy, master=master)


def test_a_refused_master_login_ends_the_run_at_once() -> None:
    """It would be refused for every other mailbox too, and lock the account."""
    breaker = Breaker()
    breaker.failed(refused(master=True))
    assert breaker.open == NO


def test_some_refused_mailboxes_are_their_own_affair() -> None:
    """However many, once one could be opened; before that, ten in a row tell that it is the master account."""
    breaker = Breaker()
    breaker.succeeded()
    for _ in range(100):
        breaker.failed(refused())
        breaker.failed(refused(step="mailbox"))
    assert breaker.open is None
    breaker = Breaker()
    for _ in range(REFUSED):
        assert breaker.open is None
        breaker.failed(refused())
    assert breaker.open == connection.ALL_LOGINS_REFUSED(count=10, why=NO)


def test_a_server_out_of_reach_is_given_up_after_some_tries_in_a_row() -> None:
    """One mailbox that works in between begins the count anew."""
    breaker = Breaker()
    for _ in range(UNREACHABLE - 1):
        breaker.failed(refused(step="tcp"))
    breaker.succeeded()
    for _ in range(UNREACHABLE - 1):
        breaker.failed(Dropped(connection.SILENT()))
    assert breaker.open is None
    breaker.failed(refused(busy=True))
    assert breaker.open == connection.NEVER_REACHED(count=5, why=NO)
    breaker = Breaker()
    breaker.failed(refused(step="certificate"))
    assert breaker.open == NO


async def test_another_number_of_connections_holds_at_once() -> None:
    """Fewer: what is open stays, nothing new is opened; more: who waits gets in. A server that refused stays below."""
    slots, free = Slots(2), asyncio.Event()
    running = 0

    async def work() -> None:
        nonlocal running
        async with slots.taken():
            running += 1
            await free.wait()

    tasks = [spawn(work(), name="work") for _ in range(6)]
    await settle()
    assert running == 2
    slots.allow(1)
    await settle()
    assert (running, slots.limit) == (2, 1)
    slots.allow(5)
    await settle()
    assert running == 5
    slots.refused()
    slots.allow(10)
    assert slots.limit == 4
    slots.allow(3)
    assert slots.limit == 3
    free.set()
    await asyncio.wait(tasks)
