"""The search of the console on an archive with an index."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.search.search_index import Index
from tests import homes
from tests.screens import Shown
from tests.shown_mail import fill, mail
from tui.places.archive.searching import SearchPlace


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> AsyncMock:
    """The code that starts a service, and starts none."""
    starts = AsyncMock()
    monkeypatch.setattr("tui.desk.desk.ensure_running", starts)
    return starts


@pytest.fixture
async def archive(tmp_path: Path, starts: AsyncMock) -> AsyncIterator[Archive]:
    """Ten messages, each with its number and that of its day, half of them with more about steel."""
    archive = await homes.begin(tmp_path / "home")
    await fill(archive, 5)
    steel = {uid: mail(uid, f"Offer {uid}", text="steel " * uid) for uid in range(6, 11)}
    await homes.store(archive, steel, folder="Work/Steel")
    await index(archive)
    yield archive
    await archive.close()


async def index(archive: Archive) -> None:
    opened = await Index.open(archive)
    try:
        while await opened.step():
            pass
    finally:
        await opened.close()


async def searching(screen: Shown, text: str = "") -> SearchPlace:
    """The search, from wherever one is, with ``text`` sought."""
    await screen.press("slash")
    await screen.until(lambda: isinstance(screen.console.screen, SearchPlace))
    place = screen.console.screen
    assert isinstance(place, SearchPlace)
    await screen.until(lambda: place.is_mounted and place.typing)
    if text:
        await seek(screen, place, text)
    return place


async def seek(screen: Shown, place: SearchPlace, text: str) -> None:
    """Write ``text`` into the line and press enter."""
    place.search.line.value = text
    await screen.press("enter")
