"""The service in the process of the test, where errors can be put in: every run ends with a complete result all the same."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.engine.run.run import ProfileRun, RunParameters
from core.engine.visit.limits import Limits
from core.errors import ArchivarError, BusyError, DamagedError, StorageError
from core.model import Run, RunStatus
from core.problems.event import FINISHED
from core.problems.run import NO_MEMORY
from core.profiles.schedule import Schedule
from core.secrets import Secret
from core.service import run_work, worker
from core.service.lock import ServiceLock, is_running
from core.service.queue import Queue
from core.service.run_work import RunWork
from core.service.scheduler import Scheduler
from core.service.worker import Service
from tests import homes
from tests.homes import message, profile
from tests.reasons import said

# -- started by a schedule

PAST = "2020-01-01T00:00:00.000Z"


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    """An open archive with two profiles whose server refuses at once."""
    monkeypatch.setattr(run_work, "RunParameters", partial(RunParameters, backoff=(0.001, 0.001, 0.001)))
    archive = await homes.begin(tmp_path / "home")
    for name in ("Test", "Other"):
        await saved_profiles.save(archive, profile("127.0.0.1", 9, name=name), Secret("secret"))
    yield archive
    await archive.close()


async def test_an_error_of_the_program_in_one_run_leaves_the_others_alone(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run fails with a word about the log, and the next one is done by the same service."""
    queue = Queue(archive.database)
    prepare = ProfileRun.prepare
    broken = (await queue.enqueue("Test"))[0].id

    async def fail(archive: Archive, job: Any) -> ProfileRun:
        if job.profile.name == "Test":
            raise ZeroDivisionError
        return await prepare(archive, job)

    monkeypatch.setattr(ProfileRun, "prepare", fail)
    other = (await queue.enqueue("Other"))[0].id
    first, second = await homes.serve(archive, broken, other)
    assert first.status is RunStatus.FAILED
    assert "ZeroDivisionError" in first.reason
    assert second.status is RunStatus.FAILED
    assert second.result is not None
    assert "refused" in json.dumps(second.result["mailboxes"]).lower()


@pytest.mark.parametrize("error", [BusyError(said("locked")), StorageError(said("full"))])
async def test_a_queue_that_cannot_be_used_for_a_while_does_not_end_the_service(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, error: ArchivarError
) -> None:
    """Locked or full: tried again, and the run is done when it is over."""
    monkeypatch.setattr(worker, "FAILURE_SECONDS", 0.01)
    run = (await Queue(archive.database).enqueue("Test"))[0].id
    active, failures = Queue.active, iter([error] * 3)

    async def fail(self: Queue) -> list[Run]:
        if (failure := next(failures, None)) is not None:
            raise failure
        return await active(self)

    monkeypatch.setattr(Queue, "active", fail)
    assert (await homes.serve(archive, run))[0].status is RunStatus.FAILED
    assert next(failures, None) is None


async def test_a_result_that_cannot_be_written_at_once_is_written_once(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the result is to be recorded: it is tried again, and ledger and story have it once."""
    monkeypatch.setattr(run_work, "WRITE_SECONDS", 0.01)
    run = (await Queue(archive.database).enqueue("Test"))[0].id
    finish, failures = Queue.finish, iter([StorageError(said("full"))] * 3)

    async def fail(self: Queue, *arguments: Any, **more: Any) -> None:
        if (failure := next(failures, None)) is not None:
            raise failure
        await finish(self, *arguments, **more)

    monkeypatch.setattr(Queue, "finish", fail)
    (ended,) = await homes.serve(archive, run)
    assert ended.status is RunStatus.FAILED
    assert [entry.kind for entry in await homes.entries(archive)].count("run.finished") == 1
    assert [event.kind for event in await Queue(archive.database).events(run)].count("finished") == 1


async def test_a_run_ends_as_failed_even_when_the_ledger_cannot_take_the_result(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged archive is not written to; the queue still tells that the run failed, and the service goes on."""
    run = (await Queue(archive.database).enqueue("Test"))[0].id

    async def refuse(*_: object, **__: object) -> None:
        raise DamagedError(said("Volume 000001.sqlite is damaged."))

    monkeypatch.setattr(Archive, "append", refuse)
    (ended,) = await homes.serve(archive, run)
    assert ended.status is RunStatus.FAILED


async def test_a_run_whose_service_dies_again_and_again_fails_at_last(archive: Archive) -> None:
    """Six deaths without a step further are enough; an orderly stop never counts; a step further counts anew."""
    queue = Queue(archive.database)
    run = (await queue.enqueue("Test"))[0]
    seq = (await archive.head()).seq
    await queue.begin(run, run.requested, seq)
    for _ in range(10):
        await queue.interrupt(run.id)
        assert await queue.take_up(await queue.run(run.id), seq, tries=worker.TRIES)
        await queue.begin(await queue.run(run.id), run.requested, seq)
    for _ in range(worker.TRIES):
        assert await queue.take_up(await queue.run(run.id), seq, tries=worker.TRIES)
    assert await queue.take_up(await queue.run(run.id), seq + 1, tries=worker.TRIES)
    for _ in range(worker.TRIES - 1):
        assert await queue.take_up(await queue.run(run.id), seq + 1, tries=worker.TRIES)
    (ended,) = await homes.serve(archive, run.id)
    assert ended.status is RunStatus.FAILED
    assert "died 5 times" not in ended.reason, "its own entries are a step further"

    again = (await queue.enqueue("Test"))[0]
    seq = (await archive.head()).seq
    await queue.begin(again, again.requested, seq)
    for _ in range(worker.TRIES):
        await queue.take_up(await queue.run(again.id), seq, tries=worker.TRIES)
    (ended,) = await homes.serve(archive, again.id)
    assert ended.status is RunStatus.FAILED
    assert "died 5 times" in ended.reason
    assert (await queue.enqueue("Test"))[1], "the profile can be run again"


async def test_a_cancelled_run_that_was_interrupted_counts_what_it_archived(archive: Archive) -> None:
    """Cancelled before it was carried on: the totals are those of what it did before."""
    queue = Queue(archive.database)
    run = (await queue.enqueue("Test"))[0]
    await queue.begin(run, run.requested, (await archive.head()).seq)
    await homes.store(archive, {1: message(1), 2: message(2)}, run=run.id)
    await queue.interrupt(run.id)
    await queue.request_cancel(run.id)
    (ended,) = await homes.serve(archive, run.id)
    assert ended.status is RunStatus.CANCELLED
    assert ended.result is not None
    assert ended.result["totals"]["archived"] == 2
    assert ended.result["totals"]["bytes"] == len(message(1)) + len(message(2))


async def test_a_run_queued_while_the_service_ends_is_not_forgotten(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queued after the last look at the queue and before the lock is free: the same service does it."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.1)
    queue = Queue(archive.database)
    release, queued = ServiceLock.release, list[int]()
    held = asyncio.Event()

    def late(self: ServiceLock) -> None:
        held.set()
        release(self)

    monkeypatch.setattr(ServiceLock, "release", late)
    end = Service._end

    async def ending(self: Service) -> None:
        await end(self)
        if not queued:
            queued.append((await queue.enqueue("Test"))[0].id)

    monkeypatch.setattr(Service, "_end", ending)
    await asyncio.wait_for(worker.serve(archive.home, until_idle=True), homes.DEADLINE)
    assert held.is_set()
    assert (await queue.run(queued[0])).status is RunStatus.FAILED
    assert not is_running(archive.home)


async def test_a_schedule_saved_while_the_service_ends_is_not_forgotten(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saved after the last look at the schedules and before the lock is free: the same service goes on for it."""
    monkeypatch.setattr(worker, "IDLE_SECONDS", 0.1)
    end, saved = Service._end, list[str]()

    async def ending(self: Service) -> None:
        await end(self)
        if not saved:
            saved.append("Test")
            other = await Archive.open(archive.home)
            await saved_profiles.save(other, profile("127.0.0.1", 9, schedule=Schedule(every="1 minute")))
            await other.close()
            homes.change(archive.home.catalog, f"UPDATE planned SET next = '{PAST}'")

    monkeypatch.setattr(Service, "_end", ending)
    serving = asyncio.ensure_future(worker.serve(archive.home, until_idle=True))  # noqa: TID251 (awaited below)
    await _until(lambda: homes.rows(archive.home.catalog, "SELECT 1 FROM run WHERE automatic AND status = 'failed'"), serving)
    await Queue(archive.database).request_stop()
    await serving


async def _until(condition: Callable[[], object], serving: asyncio.Future[None]) -> None:
    deadline = asyncio.get_running_loop().time() + homes.DEADLINE
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        assert not serving.done()
        await asyncio.wait([serving], timeout=0.01)


async def test_schedules_that_cannot_be_written_for_a_while_do_not_end_the_service(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when a start is due, longer than a service that was started for a run would wait."""
    await saved_profiles.save(archive, profile("127.0.0.1", 9, schedule=Schedule(every="1 minute")))
    homes.change(archive.home.catalog, f"UPDATE planned SET next = '{PAST}'")
    monkeypatch.setattr(worker, "FAILURE_SECONDS", 0.001)
    monkeypatch.setattr(worker, "FAILURES", 2)
    look, failures = Scheduler.look, 0

    async def fail_at_first(self: Scheduler) -> list[int]:
        nonlocal failures
        failures += 1
        if failures < 6:
            await self.refresh()
            raise StorageError(said("the disk is full"))
        return await look(self)

    monkeypatch.setattr(Scheduler, "look", fail_at_first)
    serving = asyncio.ensure_future(worker.serve(archive.home, until_idle=True))  # noqa: TID251 (awaited below)
    await _until(lambda: homes.rows(archive.home.catalog, "SELECT 1 FROM run WHERE automatic AND status = 'failed'"), serving)
    assert failures >= 6
    await Queue(archive.database).request_stop()
    await serving


async def test_systemd_is_told_by_the_loop_that_does_the_work(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready, then signs of life for as long as the loop goes round and no longer, then the end; the heartbeat is written."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "40000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.setattr(worker, "QUEUE_SECONDS", 0.01)
    monkeypatch.setattr(worker, "HEARTBEAT_SECONDS", 0.01)
    told: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)

        def hear() -> list[str]:
            with suppress(BlockingIOError):
                while True:
                    told.append(listener.recv(100).decode())
            return told

        serving = asyncio.ensure_future(worker.serve(archive.home, until_idle=False))  # noqa: TID251 (awaited below)
        await _until(lambda: len(hear()) > 4, serving)
        known = await Queue(archive.database).service()
        assert known is not None
        assert known[2] > known[1]
        hanging, go_on = asyncio.Event(), asyncio.Event()

        async def hang(self: Queue) -> bool:
            hanging.set()
            await go_on.wait()
            return True

        monkeypatch.setattr(Queue, "stop_requested", hang)
        await hanging.wait()
        count = len(hear())
        await asyncio.wait([serving], timeout=0.2)
        assert len(hear()) == count, "a loop that hangs gives no sign of life"
        go_on.set()
        await serving
        hear()
    assert told[0] == "READY=1"
    assert told[-1] == "STOPPING=1"
    assert set(told[1:-1]) == {"WATCHDOG=1"}


async def test_a_run_that_is_stopped_while_it_is_written_down_stays_ended(archive: Archive) -> None:
    """An interruption that comes after the result does not take it back."""
    queue = Queue(archive.database)
    run = (await queue.enqueue("Test"))[0]
    await RunWork(archive, queue, run, Limits()).fail(NO_MEMORY())
    await queue.interrupt(run.id)
    assert (await queue.run(run.id)).status is RunStatus.FAILED
    assert (await users.find(archive, "alice")).name == "alice"


async def test_a_queue_that_cannot_be_written_for_a_while_gives_up_no_run(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full while a run is taken up: a service that stays tries again until there is space, and the run ends."""
    queue = Queue(archive.database)
    run = (await queue.enqueue("Test"))[0]
    await queue.begin(run, run.requested, (await archive.head()).seq)
    await queue.request_cancel(run.id)
    take_up, failures = Queue.take_up, 0

    async def fail_at_first(self: Queue, *arguments: Any, **options: Any) -> bool:
        nonlocal failures
        failures += 1
        if failures < 4:
            raise StorageError(said("the disk is full"))
        return await take_up(self, *arguments, **options)

    monkeypatch.setattr(Queue, "take_up", fail_at_first)
    monkeypatch.setattr(worker, "FAILURE_SECONDS", 0.01)
    monkeypatch.setattr(worker, "FAILURES", 2)
    (ended,) = await homes.serve(archive, run.id)
    assert (ended.status, failures) == (RunStatus.CANCELLED, 4)


async def test_a_result_that_could_not_be_written_at_first_is_of_one_mind(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the ledger could not take "succeeded", the run, its result and the ledger all say "failed"."""
    queue = Queue(archive.database)
    run = (await queue.enqueue("Test"))[0]
    work = RunWork(archive, queue, run, Limits())
    append, calls = archive.append, 0

    async def busy_once(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise BusyError(said("locked"))
        return await append(*arguments, **options)

    monkeypatch.setattr(archive, "append", busy_once)
    with pytest.raises(BusyError):
        await work._finish(RunStatus.SUCCEEDED)
    await work.fail(NO_MEMORY())
    ended = await queue.run(run.id)
    assert ended.result is not None
    [entry] = [entry async for entry in archive.entries() if entry.kind == "run.finished"]
    assert {ended.status.value, ended.result["status"], entry.payload["status"]} == {"failed"}
    assert [event.told.reason for event in await queue.events(run.id) if event.kind == "finished"] == [
        FINISHED(status="failed")
    ]
