"""Backups in the console: their settings, the one that is made now, and what is told of the last and the next."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.registry import saved_settings
from core.archive.transfer import backup_plan, backup_work
from core.config import Home
from core.errors import InputError
from core.problems.folder import NO_FOLDERS
from core.service.alarms.alarm import Alarm, AlarmRule
from tests import backups
from tests.screens import BOTH_SIZES, Shown, straight
from tests.terminal.consoles import console_on
from tui.desk.home import attention
from tui.places.settings.backups import BackupsPlace


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await backups.filled(tmp_path / "home")
    yield archive
    await archive.close()


async def at_backups(screen: Shown) -> None:
    await screen.press("s")
    await screen.until_shown("b Backups")
    await screen.press("b")
    await screen.until(lambda: isinstance(screen.console.screen, BackupsPlace))
    await screen.until_shown("Folder", "When", "Generations")


@BOTH_SIZES
async def test_a_folder_is_set_and_a_backup_made_there_now(archive: Archive, tmp_path: Path, size: tuple[int, int]) -> None:
    """The copy is verified; without a folder there is no such key."""
    copies = tmp_path / "copies"
    async with console_on(archive.home, size) as screen:
        await at_backups(screen)
        await screen.until_shown("▸ Folder", "off", "Last      never", "Next      none by itself", "f To a folder")
        assert "Back up now" not in screen.text
        assert straight(screen.lines, size)
        await screen.press("enter")
        await screen.until_shown("Allowed: off, or the whole path of a folder")
        await screen.press("ctrl+u", *str(copies), "enter")
        await screen.until_shown("b Back up now", "no service runs, which would make it")
        assert (await settings.read(archive.database)).backup_to == str(copies)
        await screen.press("b")
        await screen.until_shown("nothing is damaged", "copied (")
        await screen.press("escape")
        await screen.until_shown("✔ made and verified")
        assert straight(screen.lines, size)
    assert json.loads(Home(copies).backup_note.read_bytes())["complete"]


async def test_home_tells_one_that_failed_and_leads_to_the_page(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "copies").write_text("no folder")
    await saved_settings.change(archive, "backup_to", str(tmp_path / "copies"))
    with pytest.raises(InputError):
        await backup_work.make(archive, actor="test")
    async with console_on(archive.home) as screen:
        await screen.until_shown("The last scheduled backup,", "go to Backups")
        number = next(line.split()[1] for line in screen.lines if "The last scheduled backup," in line)
        await screen.press(number)
        await screen.until(lambda: isinstance(screen.console.screen, BackupsPlace))
        await screen.until_shown("By itself ✘ failed")


def test_home_leads_somewhere_from_every_alarm() -> None:
    """A rule without a page would end Home."""
    reason = NO_FOLDERS()
    for rule in AlarmRule:
        assert attention([Alarm(rule, reason)]).words


async def test_one_that_failed_is_told_with_its_reason(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "copies").write_text("no folder")
    await saved_settings.change(archive, "backup_to", str(tmp_path / "copies"))
    async with console_on(archive.home) as screen:
        await at_backups(screen)
        await screen.press("b")
        await screen.until_shown("is no folder")
        await screen.press("escape")
        await screen.until_shown("By itself ✘ failed", "Why")
    ended = (await backup_plan.state(archive)).ended
    assert ended is not None
    assert ended.outcome is backup_plan.BackupOutcome.FAILED
