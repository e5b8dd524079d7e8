"""The console's desk on the archive of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.archive.archive import Archive
from tui.desk.desk import Desk, open_desk


@pytest.fixture
async def desk(archive: Archive) -> AsyncIterator[Desk]:
    """The desk on ``archive``."""
    desk = await open_desk(archive.home.path)
    yield desk
    await desk.close()
