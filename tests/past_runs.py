"""A console on an archive with past runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.model import RunStatus
from core.service.queue import Queue
from tests import homes
from tests.screens import Shown
from tests.terminal.consoles import add_run
from tests.terminal.staged import problem
from tui.places.runs.activity import ActivityPlace


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    # The runs here are rows: no service shall take them up.
    monkeypatch.setattr("tui.desk.desk.ensure_running", AsyncMock())
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


async def with_runs(archive: Archive) -> None:
    """Four runs: fine, with two problems and by the schedule, failed, going on."""
    await add_run(archive, "Staff", archived=310, bytes=44_000_000, found=310)
    two = [problem(), problem("Junk", 9, "It is not there any more.")]
    await add_run(archive, "Journal", RunStatus.WITH_ERRORS, problems=two, automatic=True, archived=12, failed=2, deleted=1234)
    await add_run(archive, "Staff", RunStatus.FAILED, reason="The server refused the login.")
    await Queue(archive.database).enqueue("Staff")


async def at_runs(screen: Shown) -> ActivityPlace:
    await screen.press("y")
    await screen.until(lambda: isinstance(screen.console.screen, ActivityPlace))
    await screen.until_shown("Runs (")
    place = screen.console.screen
    assert isinstance(place, ActivityPlace)
    return place
