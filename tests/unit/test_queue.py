"""The queue: one run of a profile at a time, and its story told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.cli.run_answer import as_json
from core.engine.visit.run_progress import Progress
from core.errors import BusyError, InputError
from core.model import EventKind, RunStatus, Told, now, timestamp
from core.problems import connection, login, table
from core.problems.event import DELETED, FINISHED, WAITING
from core.problems.unnamed import EARLIER
from core.service.queue import Queue
from tests import homes
from tests.reasons import said


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


async def test_a_profile_asked_for_by_many_at_once_is_queued_once(archive: Archive) -> None:
    """Twenty processes ask: one run, which all get, and one of them as new."""
    others = [await Archive.open(archive.home) for _ in range(4)]
    try:
        queues = [Queue(one.database) for one in others]
        results = await asyncio.gather(*(queues[number % 4].enqueue(("Staff", "staff")[number % 2]) for number in range(20)))
    finally:
        for one in others:
            await one.close()
    assert {run.id for run, _ in results} == {1}
    assert sum(new for _, new in results) == 1


async def test_a_dry_run_is_not_taken_for_a_run(archive: Archive) -> None:
    """Asked for the other kind, the answer is busy and not the wrong result."""
    queue = Queue(archive.database)
    run, _ = await queue.enqueue("Staff", dry_run=True)
    with pytest.raises(BusyError, match=f"run {run.id}"):
        await queue.enqueue("Staff")
    assert (await queue.enqueue("Staff", dry_run=True))[1] is False


async def test_the_next_run_can_be_asked_for_when_the_last_has_ended(archive: Archive) -> None:
    """Every final state makes room; the last run of each profile is told, and a dry run is none."""
    queue = Queue(archive.database)
    for status in (RunStatus.SUCCEEDED, RunStatus.WITH_ERRORS, RunStatus.CANCELLED, RunStatus.FAILED):
        run, new = await queue.enqueue("Staff")
        assert new
        await queue.begin(run, now(), 0)
        await queue.finish(run.id, status, {"finished": "2026-01-01T00:00:00.000Z"}, "why")
        assert (await queue.run(run.id)).status is status
    assert [run.id for run in await queue.runs("STAFF")] == [4, 3, 2, 1]
    dry, _ = await queue.enqueue("Staff", dry_run=True)
    assert (await queue.latest())["Staff"].id == (await queue.latest("STAFF"))["Staff"].id == 4
    failure = {"finished": "2026-01-01T00:00:00.000Z", "mailboxes": []}
    await queue.finish(dry.id, RunStatus.FAILED, failure, "the login was refused")
    assert (await queue.latest())["Staff"].id == 4
    assert [one.dry_run for one in await queue.problems(10)] == [True, False]
    assert await queue.active() == []


async def test_runs_are_listed_by_profile_and_by_state(archive: Archive) -> None:
    """Either, both or neither; the newest first."""
    queue = Queue(archive.database)
    for name, status in (("A", RunStatus.FAILED), ("B", RunStatus.FAILED), ("A", RunStatus.SUCCEEDED)):
        run, _ = await queue.enqueue(name)
        await queue.finish(run.id, status, {"finished": "2026-01-01T00:00:00.000Z"})
    await queue.enqueue("A")
    assert [run.id for run in await queue.runs(status=RunStatus.FAILED)] == [2, 1]
    assert [run.id for run in await queue.runs("a", status=RunStatus.FAILED)] == [1]
    assert [run.id for run in await queue.runs("A")] == [4, 3, 1]
    assert [run.id for run in await queue.runs(status=RunStatus.QUEUED)] == [4]


async def test_the_service_gives_signs_of_life(archive: Archive) -> None:
    """Process, start and last sign are told; a sign moves the last of them alone."""
    queue = Queue(archive.database)
    assert await queue.service() is None
    await queue.announce(7)
    first = await queue.service()
    assert first is not None
    homes.change(archive.home.catalog, "UPDATE service SET heartbeat = '2020-01-01T00:00:00.000Z'")
    await queue.beat()
    second = await queue.service()
    assert second is not None
    assert second[:2] == (7, first[1])
    assert second[2] >= first[2]


async def test_result_progress_and_last_events_are_seen_together(archive: Archive) -> None:
    """A client that sees a run as ended sees all its events, also text that is no Unicode."""
    queue = Queue(archive.database)
    run, _ = await queue.enqueue("Staff")
    snapshot = Progress(run.id, "St\udcffaff", []).snapshot(1.0)
    events = [
        (now(), EventKind.PROBLEM, "a\udcff", Told(said("b\ud800"), "c\udcff", 7)),
        (now(), EventKind.FINISHED, "", Told(FINISHED(status="failed"))),
    ]
    result = {"finished": "2026-01-01T00:00:00.000Z", "x": "\udcff"}
    await queue.finish(run.id, RunStatus.FAILED, result, "c\udcff", snapshot, events)
    ended = await queue.run(run.id)
    assert (ended.status, ended.reason) == (RunStatus.FAILED, "c?")
    assert await queue.snapshot(run.id) == snapshot
    assert [(event.kind, event.mailbox, event.text) for event in await queue.events(run.id)] == [
        ("problem", "a?", "c?, UID 7: b?"),
        ("finished", "", "The run has finished: failed."),
    ]


async def test_an_event_is_kept_with_its_code_its_values_and_its_place(archive: Archive) -> None:
    """An event of an older version is its sentence, whatever that looks like. Warnings and problems are in the result."""
    queue = Queue(archive.database)
    run, _ = await queue.enqueue("Staff")
    waiting = Told(WAITING(why=connection.SILENT(), until=timestamp(now())))
    deleted = Told(DELETED(count=1240), "INBOX/Done")
    events = [
        (now(), EventKind.WAITING, "anna", waiting),
        (now(), EventKind.WARNING, "anna", Told(said("a warning"))),
        (now(), EventKind.DELETED, "anna", deleted),
    ]
    await queue.report(run.id, None, events)
    older = ["failed", "", "INBOX: 3 deleted on the server", '["3"]', "7"]
    async with archive.database.transaction() as transaction:
        insert = "INSERT INTO run_event VALUES (NULL, ?, '2026-01-01T00:00:00.000Z', 'plan', '', ?)"
        await transaction.many(insert, [(run.id, text) for text in older])
    told = await queue.story(run.id)
    assert [one.told for one in told] == [waiting, deleted, *(Told(EARLIER(message=text)) for text in older)]
    assert [one.text for one in told[1:]] == ["INBOX/Done: 1,240 deleted on the server.", *older]
    value = told[1].as_json()
    assert (value["kind"], value["mailbox"], value["folder"], value["uid"]) == ("deleted", "anna", "INBOX/Done", None)
    assert (value["code"], value["values"]) == ("deleted-on-server", {"count": 1240})
    assert await queue.story(run.id, limit=1) == told[-1:]


async def test_a_number_that_is_no_run_is_told(archive: Archive) -> None:
    """Asked for, or asked to be cancelled."""
    queue = Queue(archive.database)
    for ask in (queue.run, queue.request_cancel):
        with pytest.raises(InputError, match="no run 7"):
            await ask(7)


async def test_another_process_s_writing_is_noticed(archive: Archive) -> None:
    """``version`` changes with what others commit, and not by itself."""
    queue = Queue(archive.database)
    before = await queue.version()
    assert await queue.version() == before
    other = await Archive.open(archive.home)
    try:
        await Queue(other.database).enqueue("Staff")
    finally:
        await other.close()
    assert await queue.version() != before


async def test_runs_are_counted_and_paged(archive: Archive) -> None:
    """By profile and states, newest first, with brief results."""
    queue = Queue(archive.database)
    states = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.WITH_ERRORS, RunStatus.SUCCEEDED)
    for number, status in enumerate(states):
        run, _ = await queue.enqueue("AB"[number % 2])
        value = {"finished": "2026-01-01T00:00:00.000Z", "totals": {"archived": number}, "mailboxes": [{}]}
        await queue.finish(run.id, status, value)
    assert await queue.count() == 4
    assert await queue.count("a") == 2
    assert await queue.count(status=(RunStatus.SUCCEEDED, RunStatus.FAILED)) == 3
    assert await queue.count(status=RunStatus.SUCCEEDED, after=1) == 1
    assert [run.id for run in await queue.runs(limit=2, offset=1)] == [3, 2]
    assert [run.id for run in await queue.runs("B", status=[RunStatus.SUCCEEDED], limit=2)] == [4]
    brief = {"totals": {"archived": 3}, "code": None, "values": None, "failed_mailboxes": 0, "foreseen": [0, 0, 0]}
    assert [run.result for run in await queue.runs(limit=1)] == [brief]
    assert (await queue.latest())["B"].result == brief
    await queue.enqueue("A")
    assert (await queue.runs(limit=1))[0].result is None
    assert await queue.profiles() == ["A", "B"]


async def test_why_a_run_failed_keeps_its_code(archive: Archive) -> None:
    """Within its result, also where only a part of that is read; a run of an older version has its sentence alone."""
    queue = Queue(archive.database)
    why = connection.NOT_TRIED(why=login.REFUSED(host="mail", login="anna", said="no"))
    for values in (table.as_kept(why), {"reason": table.as_kept(why)["reason"]}):
        run, _ = await queue.enqueue("Staff")
        value = {"finished": "2026-01-01T00:00:00.000Z", "totals": {}, "mailboxes": [], **values}
        await queue.finish(run.id, RunStatus.FAILED, value, values["reason"])
    for found in (await queue.runs(), [await queue.run(number) for number in (2, 1)]):
        older, newer = found
        assert newer.why == why
        assert older.why == EARLIER(message=older.reason)
        assert [as_json(one)["code"] for one in found] == ["earlier", "not-tried"]
    assert [one.problem.reason.code.word for one in await queue.problems(9)] == ["earlier", "not-tried"]


async def test_the_latest_problems_are_those_of_all_runs(archive: Archive) -> None:
    """The newest run first, at most so many; why a run failed as a whole is one of them."""
    queue = Queue(archive.database)
    for number in range(3):
        run, _ = await queue.enqueue("Staff")
        problems = [{"folder": "INBOX", "uid": uid, "reason": f"{number}.{uid}"} for uid in range(40)]
        mailboxes = [{"mailbox": "anna", "problems": problems}]
        value = {"finished": "2026-01-01T00:00:00.000Z", "mailboxes": mailboxes}
        await queue.finish(run.id, RunStatus.FAILED if number == 2 else RunStatus.WITH_ERRORS, value, "why")
    found = await queue.problems(60)
    assert [one.problem.text for one in found[:3]] == ["why", "2.0", "2.1"]
    assert (len(found), found[-1].problem.text, found[-1].run, found[-1].mailbox) == (60, "1.18", 2, "anna")
    assert len(await queue.problems(1000)) == 121
