"""Long jobs of the console, for tests: an archive, and their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from tests import homes
from tui.desk.desk import Desk
from tui.desk.jobs import Jobs, JobView


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    monkeypatch.setattr("tui.desk.desk.ensure_running", AsyncMock())
    monkeypatch.setenv("HOME", str(tmp_path))
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


async def over(desk: Desk, key: int) -> JobView:
    """The job, when it is over."""
    await ended(desk.jobs, key)
    return desk.jobs.view(key)


async def ended(jobs: Jobs, key: int) -> None:
    task = jobs._jobs[key].task
    assert task is not None
    await asyncio.wait([task], timeout=20)


def contents(folder: Path, pattern: str) -> set[bytes]:
    return {path.read_bytes() for path in folder.rglob(pattern)}
