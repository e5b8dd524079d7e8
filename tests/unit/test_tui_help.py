"""Help in the console: keys of the place, the guides, the palette, and boxes before the place behind them."""

from __future__ import annotations

import pytest

from core.text.cells import cell_len
from tests.screens import shown
from tests.terminal.staged import ordinary
from tui.places.guide import GuidePage, Guides, load
from tui.places.help import Help
from tui.places.home.home import HomePlace
from tui.places.runs.run import RunPlace


@pytest.fixture(autouse=True)
def _with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


async def test_the_keys_of_a_place_stand_at_its_foot() -> None:
    """No key has to be known by heart."""
    async with shown(ordinary()) as screen:
        await screen.until_shown("enter Open", "n New", "r Run", "e Edit", "m Archive", "/ Search", "q Quit", "? Help")


async def test_help_lists_the_keys_of_the_place() -> None:
    """? shows what can be done here and not what can be done elsewhere."""
    async with shown(ordinary()) as screen:
        await screen.press("question_mark")
        await screen.until_shown("enter", "Open the profile's last run", "1 to 9 lead to where what needs attention is mended")
        await screen.press("escape", "r")
        await screen.until_shown("run 7")
        await screen.press("question_mark")
        await screen.until(lambda: isinstance(screen.console.screen, Help))
        await screen.until_shown("Stop this run")
        assert "last run" not in screen.text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (80, 12)])
async def test_help_leads_to_the_guides(size: tuple[int, int]) -> None:
    """g lists them, enter opens one, escape goes back step by step; title and way out stay in sight to the last line."""
    async with shown(ordinary(), size) as screen:
        await screen.press("question_mark")
        await screen.until_shown("Keys", "esc  close")
        await screen.press("end")
        await screen.until_shown("g  Guides")
        await screen.press("g")
        await screen.until_shown("Guides", "Kerio Connect: the archive mailbox", "enter  read", "esc  close")
        await screen.press("down", "enter")
        await screen.until_shown("━ Kerio Connect: the archive mailbox ━", "copy of each message", "↑ ↓  scroll", "esc  close")
        await screen.press("end")
        await screen.until_shown("━ Kerio Connect: the archive mailbox ━", "now and then.", "esc  close")
        assert all(cell_len(text) == size[0] for text in screen.lines)
        frame = next(text for text in screen.lines if "the archive mailbox" in text)
        assert frame.index("┓") - frame.index("┏") < 100
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, Guides))
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))


async def test_a_box_is_not_covered_by_the_keys_of_the_place_behind_it() -> None:
    """? does nothing where the keys that count stand in the box already."""
    async with shown(ordinary()) as screen:
        await screen.press("question_mark", "g")
        await screen.until(lambda: isinstance(screen.console.screen, Guides))
        await screen.press("question_mark")
        await screen.pilot.pause()
        assert isinstance(screen.console.screen, Guides)


async def test_behind_a_question_no_keys_are_told() -> None:
    """They would do nothing there; when the question is answered they are back."""
    async with shown(ordinary(), (80, 40)) as screen:
        await screen.until_shown("q Quit")
        for key, box in (("d", "Delete the profile"), ("question_mark", "━ Keys ━"), ("ctrl+p", "Search for commands")):
            await screen.press(key)
            await screen.until_shown(box)
            await screen.until(lambda: not screen.lines[-1].strip())
            await screen.press("escape")
            await screen.until_shown("enter Open", "q Quit", "? Help")


async def test_a_guide_keeps_its_text_when_the_window_changes() -> None:
    """It is wrapped anew, and says how to scroll only where there is something to scroll to."""
    async with shown(ordinary(), (160, 120)) as screen:
        await screen.console.push_screen(GuidePage(load("service")))
        await screen.until_shown("Keeping the service running", "Runs need not be stopped for a backup")
        assert "scroll" not in screen.text
        await screen.pilot.resize_terminal(80, 24)
        await screen.until_shown("Keeping the service running", "↑ ↓  scroll", "esc  close")
        assert "for a backup" not in screen.text


async def test_every_action_is_in_the_command_palette() -> None:
    """All actions of the place and the theme, and nothing that has no sense here."""
    async with shown(ordinary()) as screen:
        commands = {command.title for command in screen.console.get_system_commands(screen.console.screen)}
        here = {
            "Acknowledge",
            "Remedy",
            "Open",
            "New",
            "Run",
            "Edit",
            "Search",
            "Last result",
            "Copy",
            "Delete",
            "Quit",
            "Automatic",
        }
        assert commands == here | {
            "Users",
            "Archive",
            "Directory",
            "Proof",
            "Activity",
            "Unknown addresses",
            "Statistics",
            "Settings",
            "Help",
            "Guides",
            "Theme",
        }
        await screen.press("ctrl+p")
        await screen.until_shown("Search for commands", "Activity")
        await screen.press(*"last")
        await screen.until_shown("Open the profile's last run")
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.console.screen, RunPlace))
