"""Settings in the console: changed where they stand, checked by the core, and the state of the archive beside them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.catalog import settings
from core.archive.proof import last_verification
from core.archive.proof.verify import Finding, Verdict
from core.archive.registry import storing
from core.problems import finding
from core.storage.place import StoragePlace
from tests import homes
from tests.screens import BOTH_SIZES, Shown, straight
from tests.terminal.consoles import console_on
from tui.desk.start import glance
from tui.places.home.home import HomePlace
from tui.places.settings.setting import SettingForm
from tui.places.settings.settings import SettingsPlace, ThemePick


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


async def at_settings(screen: Shown) -> SettingsPlace:
    await screen.press("s")
    await screen.until(lambda: isinstance(screen.console.screen, SettingsPlace))
    await screen.until_shown("Theme", "Volume size", "Home ")
    place = screen.console.screen
    assert isinstance(place, SettingsPlace)
    return place


@BOTH_SIZES
async def test_settings_and_the_archive_are_shown(archive: Archive, size: tuple[int, int]) -> None:
    """Every setting with its value, home, disk by part, free space, volumes, verification, service and log."""
    async with console_on(archive.home, size) as screen:
        await at_settings(screen)
        await screen.until_shown("▸ Theme", "dark", "off", "0.5", "16", "4 GiB", "catalog", "are free on the archive's disk")
        await screen.until_shown("Verified  never", "Service   not running", "Log ", "Volumes   1")
        assert "service.log" in "".join(line.strip("│ ") for line in screen.lines)
        await screen.until_shown("enter Change", "b Backups", "p Proof", "S Start service", "esc Back", "? Help")
        assert straight(screen.lines, size)
        assert "…" not in "".join(screen.lines[1:8])
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))


async def test_the_list_has_a_line_for_each_setting(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are; one that says so has no line."""
    others = {f"example_{number}": replace(settings.DESCRIBED["seal"], line=(f"Other {number}", "")) for number in range(4)}
    values = settings.shown(settings.Settings()) | dict.fromkeys(others, "off")
    monkeypatch.setattr(settings, "DESCRIBED", {**settings.DESCRIBED, **others})
    monkeypatch.setattr(settings, "shown", lambda _: values)
    async with console_on(archive.home) as screen:
        await at_settings(screen)
        found = {name: one.line[0] for name, one in settings.DESCRIBED.items() if one.line is not None}
        await screen.until_shown(*(label for name, label in found.items() if not name.startswith(("storage_", "backup_"))))


@BOTH_SIZES
async def test_the_settings_of_a_storage_are_shown_where_there_is_one(
    archive: Archive, tmp_path: Path, size: tuple[int, int]
) -> None:
    """A home without one has no lines for it."""
    async with console_on(archive.home, size) as screen:
        await at_settings(screen)
        assert not any("Stored copies" in line or "May wait" in line for line in screen.lines)
    (tmp_path / "elsewhere").mkdir()
    await storing.configure(archive, StoragePlace(str(tmp_path / "elsewhere")), None, actor="test")
    async with console_on(archive.home, size) as screen:
        await at_settings(screen)
        await screen.until_shown("Stored copies all", "May wait", "64 GiB")
        assert straight(screen.lines, size)
        assert "…" not in "".join(screen.lines[1:13])
        for _ in range(20):
            await screen.press("down")
        await screen.press("up", "enter")
        await screen.until_shown("Allowed: all, or a size from 64 MiB")


async def test_a_theme_is_seen_while_it_is_chosen_and_kept_when_taken(archive: Archive) -> None:
    """Escape brings the old one back; enter keeps the new one for the next console."""
    async with console_on(archive.home) as screen:
        await at_settings(screen)
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.console.screen, ThemePick))
        await screen.until_shown("▸ dark")
        await screen.press("end")
        await screen.until(lambda: screen.console.theme == "light")
        assert (await settings.read(archive.database)).theme == "dark"
        await screen.press("escape")
        await screen.until(lambda: screen.console.theme == "dark")
        assert (await settings.read(archive.database)).theme == "dark"
        await screen.press("enter", "end", "enter")
        await screen.until_shown("▸ Theme         light")
    assert glance(archive.home.path).theme == "light"
    async with console_on(archive.home, start=glance(archive.home.path)) as screen:
        assert screen.console.theme == "light"
        screen.console.theme = "high-contrast"
        await at_settings(screen)
        await screen.until_shown("▸ Theme         high-contrast")


async def test_a_theme_that_nobody_knows_is_the_usual_one(archive: Archive) -> None:
    """Also one that Textual would have; and terminals with few colours keep their own."""
    # As another version may have written it.
    async with archive.database.transaction() as transaction:
        await transaction.execute("INSERT OR REPLACE INTO setting (name, value) VALUES ('theme', 'nord')")
    async with console_on(archive.home, start=glance(archive.home.path)) as screen:
        assert screen.console.theme == "dark"
    async with console_on(archive.home, few_colours=True, start=glance(archive.home.path)) as screen:
        assert screen.console.theme == "ansi"
        place = await at_settings(screen)
        await screen.until_shown("terminal's own")
        await screen.press("enter")
        await screen.until_shown("few colours")
        assert screen.console.screen is place


async def test_what_the_core_refuses_stands_beside_the_line(archive: Archive) -> None:
    """Nothing is changed, and what was typed can be corrected."""
    async with console_on(archive.home) as screen:
        await at_settings(screen)
        await screen.press("down", "down", "down", "enter")
        await screen.until_shown("Allowed: a number from 1 to 64.")
        await screen.press("end", "0", "enter")
        await screen.until_shown('! connections: "160" is not allowed.')
        assert isinstance(screen.console.screen, SettingForm)
        assert (await settings.read(archive.database)).connections == 16
        await screen.press("backspace", "backspace", "2", "enter")
        await screen.until_shown("▸ Connections   12")
    assert (await settings.read(archive.database)).connections == 12


async def test_the_mouse_is_switched_by_enter(archive: Archive) -> None:
    """It is kept; where it cannot be switched at once, that is said."""
    async with console_on(archive.home) as screen:
        await at_settings(screen)
        await screen.press("down", "enter")
        await screen.until_shown("▸ Mouse         on", "The mouse is taken")
    assert glance(archive.home.path).mouse


async def test_refresh_counts_at_once(archive: Archive) -> None:
    """The console that changed it goes by it."""
    async with console_on(archive.home) as screen:
        await at_settings(screen)
        await screen.press("down", "down", "enter", "end", "backspace", "backspace", "backspace", *"2", "enter")
        await screen.until_shown("▸ Refresh       2 ")
        assert screen.console._reloading.pace == 2.0


async def test_two_consoles_see_each_others_settings(archive: Archive) -> None:
    """A number that one changes stands in the other's list."""
    async with console_on(archive.home) as one, console_on(archive.home) as other:
        await at_settings(one)
        await at_settings(other)
        await one.press("down", "down", "down", "down", "enter", "end", "backspace", "9", "enter")
        await one.until_shown("▸ Runs at once  9")
        await other.until_shown("Runs at once  9")


async def test_the_last_verification_is_told(archive: Archive) -> None:
    """Damage is not overlooked, with any text."""
    verdict = Verdict()
    verdict.findings = [Finding("000001.sqlite", finding.PAGES(said="\x1b[2Jpart 7 [/b]does not match"))]
    await last_verification.remember(archive.home, verdict)
    async with console_on(archive.home) as screen:
        await at_settings(screen)
        await screen.until_shown("✗ DAMAGED", "1 finding, none mended yet: ", "[/b]does")
        assert "\x1b" not in screen.text


async def test_the_service_can_be_started(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """S starts it; when it runs there is no such key, but its process and since when."""
    running = False

    async def start(_home: object) -> None:
        nonlocal running
        running = True

    monkeypatch.setattr("tui.desk.desk.ensure_running", AsyncMock(side_effect=start))
    monkeypatch.setattr("tui.desk.settings.is_running", lambda _home: running)
    from core.service.queue import Queue

    await Queue(archive.database).announce(4711)
    async with console_on(archive.home) as screen:
        await at_settings(screen)
        await screen.press("S")
        await screen.until_shown("running since", "process 4711")
        await screen.until(lambda: "Start service" not in screen.text)


async def test_a_keymap_file_is_written_once(archive: Archive) -> None:
    """All ids with their keys, commented out, for the owner alone; one that is there is never written over."""
    async with console_on(archive.home) as one, console_on(archive.home) as other:
        await at_settings(one)
        await at_settings(other)
        await one.press("K")
        await one.until_shown("Written:")
        assert os.stat(archive.home.keymap).st_mode & 0o777 == 0o600
        assert '# user-new = "n"' in archive.home.keymap.read_text("utf-8")
        await one.until(lambda: "K Keymap file" not in one.text)
        archive.home.keymap.write_text("mine", encoding="utf-8")
        await other.console.screen.run_action("write_keymap")
        await other.until_shown("There is a keymap.toml already.")
        assert archive.home.keymap.read_text("utf-8") == "mine"
