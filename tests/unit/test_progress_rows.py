"""Progress as differences: whoever looks, whenever, sees what a whole snapshot of that moment would show."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.db import migrate
from core.db.database import Database
from core.engine.visit.motion import line_of
from core.engine.visit.progress import MailboxLine, MailboxProgress, Snapshot
from core.engine.visit.run_progress import Progress
from core.model import MailboxResult, Phase, Problem, RunStatus, now
from core.problems.message import NOT_ARCHIVED
from core.service import progress_rows
from core.service.queue import Queue
from tests import homes
from tui.desk.runs import run_mailboxes
from tui.desk.runs.runs import FollowedMailboxes, RunLooks

ORDER = list(Phase)
#: What depends on the times of looks, and is tested with them.
OF_TIME = ("elapsed", "message_rate", "byte_rate", "seconds_left", "basis", "silent")
WAIT = datetime(2026, 1, 31, 9, 5, tzinfo=UTC)


def boxes(count: int) -> list[MailboxProgress]:
    return [MailboxProgress(MailboxResult(f"m{number}@example.test", f"u{number}")) for number in range(count)]


def step(mailbox: MailboxProgress) -> None:
    """One step of a mailbox's life, as the engine takes it."""
    if mailbox.phase is Phase.LISTING:
        mailbox.messages_total, mailbox.bytes_total, mailbox.tally.found = 3, 300, 5
    if mailbox.phase is Phase.ARCHIVING and mailbox.messages_done < mailbox.messages_total:
        mailbox.messages_done, mailbox.bytes_done = mailbox.messages_done + 1, mailbox.bytes_done + 100
        mailbox.tally.archived, mailbox.folder = mailbox.tally.archived + 1, f"folder {mailbox.messages_done}"
    elif mailbox.phase is not Phase.DONE:
        mailbox.phase = ORDER[ORDER.index(mailbox.phase) + 1]
        if mailbox.phase is Phase.DONE:
            mailbox.result.status, mailbox.folder = RunStatus.SUCCEEDED, ""
    mailbox.received += 10


def busy(mailbox: MailboxProgress) -> None:
    """It waits for another turn, since the server has no connection to spare."""
    if mailbox.phase not in (Phase.WAITING, Phase.DONE):
        mailbox.start_over()


def fail(mailbox: MailboxProgress) -> None:
    if mailbox.phase not in (Phase.WAITING, Phase.DONE):
        mailbox.result.problems.append(Problem(mailbox.folder, len(mailbox.result.problems), NOT_ARCHIVED()))
        mailbox.tally.failed += 1


def end(mailbox: MailboxProgress) -> None:
    """It ends in its first words, as one does that cannot be opened."""
    if mailbox.phase is not Phase.DONE:
        mailbox.result.status, mailbox.phase = RunStatus.FAILED, Phase.DONE


def wait(mailbox: MailboxProgress) -> None:
    if mailbox.phase not in (Phase.WAITING, Phase.DONE):
        mailbox.waits_until = WAIT if mailbox.waits_until is None else None


@dataclass
class Story:
    """A run whose service writes, with three who look; ``written`` is the whole picture of the last write."""

    queue: Queue
    run: int
    mailboxes: list[MailboxProgress]
    progress: Progress = field(init=False)
    written: tuple[list[MailboxLine], Snapshot] | None = None
    watchers: dict[int, FollowedMailboxes] = field(default_factory=dict)
    clock: float = 0.0

    def __post_init__(self) -> None:
        self.progress = Progress(self.run, "Staff", self.mailboxes)

    async def write(self) -> None:
        self.clock += 0.25
        snapshot = self.progress.snapshot(self.clock)
        await self.queue.report(self.run, snapshot, (), self.progress.settled())
        whole = Progress(self.run, "Staff", self.mailboxes).snapshot(self.clock)
        self.written = list(map(line_of, self.mailboxes)), whole

    def restart(self, count: int) -> None:
        """The service has died, and another one goes on, perhaps with other mailboxes."""
        self.mailboxes = boxes(count)
        self.progress = Progress(self.run, "Staff", self.mailboxes)

    async def look(self, number: int) -> None:
        watcher = self.watchers.setdefault(number, FollowedMailboxes())
        first = watcher.change == progress_rows.BEFORE_ALL
        changes = await self.queue.changes(self.run, watcher.change)
        if self.written is None:
            assert changes is None
            return
        assert changes is not None
        watcher.take(changes)
        lines, whole = self.written
        assert not first or len(changes.lines) == len(lines)
        assert watcher.mailboxes._items == lines
        keys = sorted(lines, key=watcher.mailboxes.rank)
        assert [row.key for row in watcher.mailboxes] == [line.mailbox for line in keys]
        for at, row in enumerate(watcher.mailboxes):
            assert watcher.mailboxes.find(row) == at
        seen = await self.queue.snapshot(self.run)
        assert seen == changes.snapshot
        assert replace(changes.snapshot, **{name: getattr(whole, name) for name in OF_TIME}) == whole


def walk(mailbox: MailboxProgress) -> None:
    """Steps until some of its messages are archived."""
    while mailbox.phase is not Phase.DONE and not mailbox.messages_done:
        step(mailbox)


LIFE = {"step": step, "walk": walk, "busy": busy, "fail": fail, "end": end, "wait": wait}
CHANGE = st.tuples(st.sampled_from([*LIFE, "walk", "fail", "fail"]), st.integers(0, 2))
SERVICE = st.tuples(st.sampled_from(["write", "write", "write", "restart"]), st.integers(0, 3))
LOOK = st.tuples(st.sampled_from(["look", "look", "look", "attach"]), st.integers(0, 2))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("progress") / "archive.sqlite"

    async def made() -> None:
        made = await Database.open(path)
        await migrate.migrate(made)
        await made.close()

    asyncio.run(made())
    return path


@given(count=st.integers(1, 3), acts=st.lists(CHANGE | SERVICE | LOOK, min_size=12, max_size=40))
def test_any_series_of_states_and_looks_gives_the_picture_of_the_whole_snapshot(
    database: Path, count: int, acts: list[tuple[str, int]]
) -> None:
    """For those who look always, seldom, or from now on; also after the service died and another went on with others."""

    async def play() -> None:
        opened = await Database.open(database, pragmas=("journal_mode = WAL", "synchronous = OFF"))
        try:
            queue = Queue(opened)
            run, _ = await queue.enqueue(f"Staff {await queue.count()}")
            story = Story(queue, run.id, boxes(count))
            for act, number in acts:
                if act in LIFE and number < len(story.mailboxes):
                    LIFE[act](story.mailboxes[number])
                elif act == "write":
                    await story.write()
                elif act == "restart":
                    story.restart(number)
                elif act == "attach":
                    story.watchers.pop(number, None)
                elif act == "look":
                    await story.look(number)
            await story.write()
            for number in range(3):
                await story.look(number)
        finally:
            await opened.close()

    # Else the order of so few is made anew by each look.
    with patch.object(run_mailboxes, "MANY", 1):
        asyncio.run(play())


async def test_a_run_that_ends_between_two_looks_is_shown_by_its_result(tmp_path: Path) -> None:
    """No row of the time before stands beside it, and none of its mailboxes' rows is kept."""
    archive = await homes.begin(tmp_path / "home")
    try:
        queue = Queue(archive.database)
        run, _ = await queue.enqueue("Staff")
        await queue.begin(run, now(), 0)
        story = Story(queue, run.id, boxes(5))
        looks = RunLooks(queue)
        for mailbox in story.mailboxes[:2]:
            step(mailbox)
        await story.write()
        assert [row.state.word for row in (await looks.view(run.id)).mailboxes] == ["connecting"] * 2 + ["waiting"] * 3
        for mailbox in story.mailboxes:
            end(mailbox)
        progress = Progress(run.id, "Staff", story.mailboxes)
        mailboxes = [mailbox.result.as_json() for mailbox in story.mailboxes]
        result: dict[str, Any] = {"finished": "2026-01-01T00:00:00.000Z", "mailboxes": mailboxes, "warnings": []}
        await queue.finish(run.id, RunStatus.FAILED, result, "why", progress.snapshot(1.0))
        for view in (await looks.view(run.id), await looks.view(run.id), await RunLooks(queue).view(run.id)):
            assert ([row.state.word for row in view.mailboxes], view.active, view.fraction) == (["failed"] * 5, False, 1.0)
        assert await archive.database.value("SELECT count(*) FROM run_mailbox") == 0
        assert await archive.database.value("SELECT count(*) FROM run_told") == 0
    finally:
        await archive.close()


async def test_a_write_and_a_look_take_the_mailboxes_that_changed(tmp_path: Path) -> None:
    """Of a thousand mailboxes four are at work and one ends: one row is written, and one is read."""
    archive = await homes.begin(tmp_path / "home")
    try:
        queue = Queue(archive.database)
        run, _ = await queue.enqueue("Staff")
        story = Story(queue, run.id, boxes(1000))
        for mailbox in story.mailboxes[::250]:
            step(mailbox)
        await story.write()
        first = await queue.changes(run.id)
        assert first is not None
        assert len(first.lines) == 1000
        end(story.mailboxes[250])
        step(story.mailboxes[0])
        await story.write()
        written = await archive.database.read("SELECT position FROM run_mailbox WHERE change > ?", (first.change,))
        second = await queue.changes(run.id, first.change)
        assert second is not None
        assert ([row[0] for row in written], list(second.lines), list(second.snapshot.moving)) == ([250], [250], [0, 500, 750])
        plan = await archive.database.read(f"EXPLAIN QUERY PLAN {progress_rows._ALL}", (run.id, run.id, 0))
        assert any("run_mailbox_change" in row[3] for row in plan)
        assert len(json.dumps(second.snapshot.as_json())) < 3000
    finally:
        await archive.close()


def older(run: int, mailboxes: list[MailboxProgress], **changes: Any) -> str:
    """The progress of a run as an older program wrote it: everything in one text."""
    snapshot = Progress(run, "Staff", mailboxes).snapshot(1.0)
    value = snapshot.as_json() | {"mailboxes": [line_of(one)._asdict() for one in mailboxes]} | changes
    return json.dumps({name: one for name, one in value.items() if name not in ("share", "moving")})


async def test_the_progress_of_an_older_program_is_read_after_its_migration(tmp_path: Path) -> None:
    """Of a run that was interrupted all of it; of one that has ended the sums, since its result has the rest."""
    path = tmp_path / "a.sqlite"
    database = await Database.open(path)
    try:
        for one in (script for script in migrate.migrations() if script.number < 13):
            await database.script(f"{one.sql}\nPRAGMA user_version = {one.number};")
        mailboxes = boxes(3)
        for _ in range(4):
            step(mailboxes[1])
        fail(mailboxes[1])
        mailboxes[1].folder, mailboxes[1].waits_until = "B\udcff", WAIT
        end(mailboxes[2])
        ended = boxes(2)
        for number, (status, text) in enumerate((("interrupted", older(1, mailboxes)), ("failed", older(2, ended))), 1):
            await database.read("INSERT INTO run (profile, status, requested) VALUES (?, ?, '')", (str(number), status))
            await database.read("INSERT INTO run_progress (run, at, snapshot) VALUES (?, '', ?)", (number, text))
        await migrate.migrate(database)
        queue = Queue(database)
        watcher = FollowedMailboxes()
        changes = await queue.changes(1)
        assert changes is not None
        watcher.take(changes)
        assert watcher.mailboxes._items == list(map(line_of, mailboxes))
        assert changes.snapshot.fraction == pytest.approx(1 / 3)
        assert len(changes.snapshot.problems) == 1
        past = await queue.changes(2)
        assert past is not None
        assert (past.snapshot.mailboxes_total, past.lines, past.snapshot.problems) == (2, {}, ())
    finally:
        await database.close()
