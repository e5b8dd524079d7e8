"""Verifying and repairing in a real terminal, by keys alone: damage is found by name, repaired from a backup, and gone."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import Home
from core.service.lock import is_running
from tests import homes
from tests.terminal.tmux import Tmux

pytestmark = pytest.mark.terminal


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An archive of several volumes, of which there is a backup; the service that the console starts ends with the test."""
    home = asyncio.run(homes.filled(tmp_path / "home", volume_bytes=108_000))
    done = homes.cli(home, "backup", str(tmp_path / "backup"))
    assert done.returncode == 0, done.stderr
    yield home
    homes.cli(home, "service", "stop")


def _flip(home: Home) -> None:
    """Change one byte in the middle of the largest part of the first volume, past SQLite."""
    path = home.volume(1)
    [(data,)] = homes.rows(path, "SELECT data FROM part ORDER BY size DESC LIMIT 1")
    whole = path.read_bytes()
    place = whole.index(data[200:260]) + 30
    mode = path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    path.chmod(mode)


def console(home: Home) -> Tmux:
    command = [sys.executable, "-P", "-m", "tui", "--home", str(home.path)]
    return Tmux(command, environment={"PYTHONPATH": str(homes.ROOT)}, cwd="/")


def test_damage_is_found_named_repaired_and_gone(home: Home, tmp_path: Path) -> None:
    """Settings, Proof, verify; the finding by subject and folder; repaired from the backup; verified again: clean."""
    _flip(home)
    with console(home) as terminal:
        terminal.until_shown("Needs attention")
        terminal.keys("s")
        terminal.until_shown("▸ Theme", "p Proof")
        terminal.keys("p")
        terminal.until_shown("○ never verified", "v Verify")
        terminal.keys("v")
        terminal.until_shown("✗ DAMAGED", "Damaged: 1 message, 2 findings", "▸ ✗ message ", "alice: alice@example.test/INBOX")
        terminal.until_shown("v Verify", "r Repair", "f From backup", "enter Show", "esc Back", "? Help")
        assert terminal.straight
        terminal.keys("Enter")
        terminal.until_shown("SHA-256", "What to do")
        terminal.keys("Escape")
        terminal.until_shown("f From backup")
        terminal.keys("f")
        # The backup that was made last is offered.
        terminal.until_shown("Repair from a backup", "In which folder")
        terminal.keys("C-u")
        terminal.until_shown("[          ")
        terminal.type(str(tmp_path / "backup"))
        terminal.keys("Enter")
        terminal.until_shown("✔ done", "1 message repaired.", "Nothing that is damaged is known any more.")
        terminal.keys("Escape")
        terminal.until_shown("✔ repaired", "✔ Nothing that is damaged is known.")
        terminal.keys("v")
        terminal.until_shown("Last    ✔ clean", "v Verify")
        assert terminal.straight
        terminal.keys("Escape")
        terminal.until_shown("▸ Theme", "✔ clean")
        terminal.keys("Escape")
        terminal.until_shown("✔ verified")
        assert "DAMAGED" not in terminal.text
    assert homes.findings(home) == []


def test_closing_the_console_leaves_the_verification_alone(home: Home) -> None:
    """The service ends it, and the next console tells of it."""
    with console(home) as terminal:
        terminal.until_shown("Needs attention")
        terminal.keys("s")
        terminal.until_shown("p Proof")
        terminal.keys("p")
        terminal.until_shown("v Verify")
        terminal.keys("v")
        homes.wait_for(lambda: is_running(home), "the service")
    ended = "SELECT 1 FROM setting WHERE name = 'verification.ended'"
    homes.wait_for(lambda: homes.rows(home.catalog, ended), "the end of the verification")
    with console(home) as terminal:
        terminal.until_shown("✔ verified")


def test_a_home_is_kept_apart_from_its_backup(home: Home, tmp_path: Path) -> None:
    """A backup says that it is one, and has no key that would write to it."""
    copy = Home(Path(shutil.copytree(tmp_path / "backup", tmp_path / "copy")))
    with console(copy) as terminal:
        terminal.until_shown("Needs attention")
        terminal.keys("s")
        terminal.until_shown("p Proof")
        terminal.keys("p")
        terminal.until_shown("This is a backup, which is only read.")
        assert "v Verify" not in terminal.text
