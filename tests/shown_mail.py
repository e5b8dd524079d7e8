"""An archive with mail, and the console in it: its folders, its inbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from email.message import EmailMessage
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from tests import homes
from tests.homes import ALICE
from tests.screens import Shown
from tui.places.archive.archive_mail import MailPlace

BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (170, 50)])


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    monkeypatch.setattr("tui.desk.desk.ensure_running", AsyncMock())
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


def mail(number: int, subject: str = "", *, text: str = "", files: Mapping[str, bytes] | None = None) -> bytes:
    """A message of a day of January 2024."""
    made = EmailMessage()
    made["From"] = "Bob Builder <bob@example.test>"
    made["To"] = f"Alice <{ALICE}>"
    made["Subject"] = subject or f"number {number}"
    made["Date"] = f"{number:02} Jan 2024 10:00:00 +0000"
    made["X-Number"] = str(number)
    made.set_content(text or f"Text of {number}.\n")
    for name, data in (files or {}).items():
        made.add_attachment(data, maintype="application", subtype="pdf", filename=name)
    return made.as_bytes()


async def fill(archive: Archive, count: int = 5, folder: str = "INBOX", *, first: int = 1) -> None:
    await homes.store(archive, {uid: mail(uid) for uid in range(first, first + count)}, folder=folder)


async def in_folders(screen: Shown) -> MailPlace:
    await screen.press("m")
    await screen.until_shown("Whose mail (1)", "▸ alice")
    await screen.press("enter")
    await screen.until_shown("Folders of alice")
    place = screen.console.screen
    assert isinstance(place, MailPlace)
    return place


async def in_inbox(screen: Shown) -> MailPlace:
    place = await in_folders(screen)
    await screen.until_shown("▸     INBOX")
    await screen.press("enter")
    await screen.until(lambda: place.rows.has_focus)
    return place
