"""Places of the console: reached by one key, typed ahead in, left and closed while they are loaded."""

from __future__ import annotations

import pytest

from core.archive.archive import Archive
from core.system.tasks import spawn
from tests import past_runs
from tests.past_runs import at_runs, with_runs
from tests.terminal.consoles import console_on
from tui.places.home.home import HomePlace
from tui.places.place import Place
from tui.places.runs.activity import ActivityPlace

archive = past_runs.archive


async def test_all_places_are_one_key_away(archive: Archive) -> None:
    """h, u, y and a go there from anywhere, help and palette list them, and escape leads to Home."""
    async with console_on(archive.home) as screen:
        await at_runs(screen)
        await screen.press("a")
        await screen.until_shown("Ledger (")
        await screen.press("u")
        await screen.until_shown("Users (1)")
        assert len(screen.console.screen_stack) == 3
        await screen.press("question_mark")
        await screen.until_shown("Go to Home", "Go to Activity")
        await screen.press("escape", "ctrl+p")
        await screen.press(*"activ")
        await screen.until_shown("Go to Activity")
        await screen.press("enter", "enter")
        await screen.until(lambda: isinstance(screen.console.screen, ActivityPlace))
        await screen.press("h")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))


async def test_places_can_be_left_while_they_are_loaded(archive: Archive) -> None:
    """With any quick typing, no place is looked for that is gone, or not there yet."""
    await with_runs(archive)
    async with console_on(archive.home) as screen:
        for keys in ("y", "a", "s", "u", "y", "p", "h", "y", "a", "escape", "escape", "s", "y") * 3:
            await screen.press(keys)
            await screen.console.screen.load_or_say()  # type: ignore[attr-defined]
            assert isinstance(screen.console.screen, Place)
            leaving = screen.console.screen
            loading = spawn(leaving.load_or_say(), name="load")
            if not isinstance(leaving, HomePlace):
                await screen.console.action_go("home")
            await loading
        assert isinstance(screen.console.screen, HomePlace)


async def test_keys_typed_ahead_choose_in_a_list_that_is_not_drawn_yet(archive: Archive) -> None:
    """The list that asks takes each of them, and its own start does not take their place."""
    await with_runs(archive)
    async with console_on(archive.home) as screen:
        await at_runs(screen)
        for key in ("t", "down", "down", "down", "down", "enter"):
            screen.send(key)
        await screen.until_shown("Runs (1)", "t failed")


async def test_a_place_that_is_closed_while_the_archive_is_asked_is_no_fault(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its widgets are gone then, and nothing more is asked of it."""
    async with console_on(archive.home) as screen:
        await screen.press("y")
        await screen.until(lambda: isinstance(screen.console.screen, ActivityPlace))
        desk = screen.console.desk
        changed, asked = desk.changed, 0

        async def closing() -> bool:
            nonlocal asked
            asked += 1
            if isinstance(screen.console.screen, ActivityPlace):
                await screen.console.pop_screen()
            return await changed()

        monkeypatch.setattr(desk, "changed", closing)
        await screen.until(lambda: asked > 2)
        assert isinstance(screen.console.screen, HomePlace)
