"""An archive of several volumes, as a home and opened."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.archive.archive import Archive
from core.config import Home


@pytest.fixture
def home(several_volumes: Home) -> Home:
    """The home of an archive of several volumes."""
    return several_volumes


@pytest.fixture
async def archive(home: Home) -> AsyncIterator[Archive]:
    """The archive of ``home``."""
    archive = await Archive.open(home)
    yield archive
    await archive.close()
