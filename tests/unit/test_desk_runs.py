"""The desk's view of runs: what it keeps of them between two looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model import RunEvent
from core.service.queue import Queue
from tests import homes
from tui.desk.desk import RUNS_KEPT, open_desk


async def test_only_the_events_of_the_last_runs_that_were_looked_at_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A console that is open for months does not grow; a page that is looked at again reads only what is new."""
    home = await homes.with_profile(tmp_path / "home", homes.profile("mail.example.test", 993))
    asked: list[tuple[int, int]] = []
    events = Queue.events

    async def counted(queue: Queue, run: int, *, after: int = 0, limit: int = 200) -> list[RunEvent]:
        asked.append((run, after))
        return await events(queue, run, after=after, limit=limit)

    monkeypatch.setattr(Queue, "events", counted)
    desk = await open_desk(home.path)
    try:
        queue, database = Queue(desk._archive.database), desk._archive.database
        runs = []
        for _ in range(RUNS_KEPT + 3):
            runs.append((await queue.enqueue("Test"))[0].id)
            await database.read("UPDATE run SET status = 'failed'")
            await database.read(
                "INSERT INTO run_event (run, at, kind, mailbox, text) SELECT id, requested, 'warning', '', 'said of ' || id "
                "FROM run WHERE id = ?",
                (runs[-1],),
            )
        first, *others = runs
        for run in runs:
            assert f"said of {run}" in (await desk.run(run)).notes
            await desk.run(first)
        assert len(desk._events) == RUNS_KEPT
        assert [after for run, after in asked if run == first].count(0) == 1
        assert list(desk._events) == [*others[1 - RUNS_KEPT :], first]
        assert f"said of {others[0]}" in (await desk.run(others[0])).notes
    finally:
        await desk.close()
