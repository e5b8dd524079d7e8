"""The console on a real archive, for tests of its screens and actions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from core.archive.archive import Archive
from core.archive.catalog import records
from core.archive.registry import users
from core.config import Home
from core.model import COUNTERS, RunStatus, User, now, timestamp
from core.service.queue import Queue
from tests.screens import Shown
from tui.console import Console
from tui.desk.desk import open_desk


@asynccontextmanager
async def console_on(home: Home, size: tuple[int, int] = (80, 24), **options: Any) -> AsyncIterator[Shown]:
    """A console on the archive in ``home``, with Home loaded."""
    console = Console(lambda: open_desk(home.path), **options)
    async with console.run_test(size=size, notifications=True) as pilot:
        screen = Shown(console, pilot)
        await screen.until_shown("Needs attention")
        yield screen


async def add_users(archive: Archive, count: int) -> None:
    """Add users to the catalog alone, user000000 and so on: through the ledger 100,000 take half a minute."""
    people = [
        User(f"id{number:08}", f"user{number:06}", (f"user{number:06}@example.test",), "", f"Person {number}")
        for number in range(count)
    ]
    async with archive.database.transaction() as transaction:
        assert await records.users_saved(transaction, people, (await archive.head()).seq)


async def add_run(
    archive: Archive,
    profile: str = "Staff",
    status: RunStatus = RunStatus.SUCCEEDED,
    *,
    problems: Sequence[dict[str, Any]] = (),
    reason: str = "",
    automatic: bool = False,
    dry_run: bool = False,
    **totals: int,
) -> int:
    """A run that took 65 seconds and has ended; its number."""
    queue = Queue(archive.database)
    run, _ = await queue.enqueue(profile, automatic=automatic, dry_run=dry_run)
    await queue.begin(run, now() - timedelta(seconds=65), 0)
    counts = dict.fromkeys(COUNTERS, 0) | totals
    mailbox = {
        "mailbox": "anna@example.test",
        "user": "anna",
        "status": status.value,
        **counts,
        "problems": list(problems),
    }
    result = {
        "run": run.id,
        "status": status.value,
        "finished": timestamp(now()),
        "warnings": [],
        "totals": counts,
        "mailboxes": [mailbox],
    }
    await queue.finish(run.id, status, result, reason)
    return run.id


async def names(path: Path) -> list[str]:
    """The names of all users, asked past the console."""
    archive = await Archive.open(Home(path), follow=False)
    try:
        return [user.name for user in await users.all_users(archive)]
    finally:
        await archive.close()
