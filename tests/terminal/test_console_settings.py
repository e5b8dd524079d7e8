"""Settings in a real terminal: their effect on it, and on the next console of the same archive."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from core.config import Home
from tests import homes
from tests.terminal.tmux import Tmux


@pytest.fixture
def home(tmp_path: Path) -> Home:
    async def begin() -> Home:
        archive = await homes.begin(tmp_path / "home")
        await archive.close()
        return archive.home

    return asyncio.run(begin())


def console(home: Home, term: str = "xterm-256color", **environment: str) -> Tmux:
    command = [sys.executable, "-P", "-m", "tui", "--home", str(home.path)]
    return Tmux(command, term=term, environment={"PYTHONPATH": str(homes.ROOT), **environment}, cwd="/")


def mouse(terminal: Tmux) -> bool:
    return terminal.tmux("display-message", "-p", "#{mouse_any_flag}").strip() == "1"


def test_the_mouse_is_taken_and_left_at_once(home: Home) -> None:
    """No terminal is taken over unasked; on request it is at once, and so is the next console's."""
    with console(home) as terminal:
        terminal.until_shown("Needs attention")
        assert not mouse(terminal)
        terminal.keys("s")
        terminal.until_shown("▸ Theme")
        terminal.keys("Down", "Enter")
        terminal.until_shown("▸ Mouse         on")
        terminal.until(lambda: mouse(terminal))
        terminal.keys("Enter")
        terminal.until_shown("▸ Mouse         off")
        terminal.until(lambda: not mouse(terminal))
        terminal.keys("Enter")
        terminal.until_shown("▸ Mouse         on")
    with console(home) as terminal:
        terminal.until_shown("Needs attention")
        terminal.until(lambda: mouse(terminal))
        terminal.keys("q")
        terminal.until_shown("exit code 0")
        assert not mouse(terminal)


@pytest.mark.parametrize(("term", "environment"), [("screen", {}), ("xterm-256color", {"NO_COLOR": "1"})])
def test_terminals_with_few_colours_keep_their_own(home: Home, term: str, environment: dict[str, str]) -> None:
    """With any saved theme; and the choice is not lost by it."""
    homes.change(home.catalog, "INSERT INTO setting VALUES ('theme', 'light')")
    with console(home, term, **environment) as terminal:
        terminal.until_shown("Needs attention")
        terminal.keys("s")
        terminal.until_shown("▸ Theme         terminal's own", "enter Change", "? Help")
        assert terminal.straight
        assert "48;5;" not in terminal.coloured
    assert homes.rows(home.catalog, "SELECT value FROM setting WHERE name = 'theme'") == [("light",)]
