"""The desk's view of runs: what it keeps of them between two looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model import EventKind, RunEvent, Told, now
from core.problems.unnamed import EARLIER
from core.service.queue import Queue
from tests import homes
from tui.desk.desk import open_desk
from tui.desk.runs.runs import RUNS_KEPT


async def test_only_the_last_runs_that_were_looked_at_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A console that is open for months does not grow; a page that is looked at again reads only what is new."""
    home = await homes.with_profile(tmp_path / "home", homes.profile("mail.example.test", 993))
    asked: list[tuple[int, int]] = []
    warnings = Queue.warnings

    async def counted(queue: Queue, run: int, *, after: int = 0) -> tuple[int, list[RunEvent]]:
        asked.append((run, after))
        return await warnings(queue, run, after=after)

    monkeypatch.setattr(Queue, "warnings", counted)
    desk = await open_desk(home.path)
    try:
        queue, database = Queue(desk._archive.database), desk._archive.database
        runs = []
        for _ in range(RUNS_KEPT + 3):
            runs.append((await queue.enqueue("Test"))[0].id)
            await database.read("UPDATE run SET status = 'failed'")
            await _warn(queue, runs[-1])
        first, *others = runs
        for run in runs:
            assert f"said of {run}" in (await desk.run(run)).notes
            await desk.run(first)
        assert list(desk._looks._known) == [*others[1 - RUNS_KEPT :], first]
        # One that has ended is read once.
        assert asked.count((first, 0)) == 1
        assert f"said of {others[0]}" in (await desk.run(others[0])).notes
        active = (await queue.enqueue("Test"))[0].id
        for number in range(2):
            await _warn(queue, active, f"{number}")
            await queue.report(active, None, [(now(), EventKind.PLAN, "", Told(EARLIER(message="no warning")))])
            assert (await desk.run(active)).notes == tuple(f"said of {active}{one}" for one in range(number + 1))
        first_after, second_after = (after for run, after in asked if run == active)
        assert first_after == 0 < second_after
    finally:
        await desk.close()


async def _warn(queue: Queue, run: int, more: str = "") -> None:
    await queue.report(run, None, [(now(), EventKind.WARNING, "", Told(EARLIER(message=f"said of {run}{more}")))])
