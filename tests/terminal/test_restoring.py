"""Mail given back and taken in, in a real terminal at 80x24, by keys alone."""

from __future__ import annotations

import asyncio
import mailbox
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.registry import saved_profiles
from core.config import Home
from core.secrets import Secret
from tests.conftest import StartDovecot
from tests.emptied import fill, on_server, wipe
from tests.servers.dovecot import Dovecot
from tests.support import ALICE, At, mail, profile, sandbox
from tests.terminal.tmux import Tmux

pytestmark = [pytest.mark.terminal, pytest.mark.server]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(dovecot: StartDovecot) -> Dovecot:
    server = dovecot()
    fill(server)
    return server


@pytest.fixture
def home(server: Dovecot, tmp_path: Path) -> Home:
    """Alice's mailbox in the archive."""

    async def make() -> Home:
        one = replace(profile(At(server.host, server.plain_port)), name="Alice")
        async with sandbox(tmp_path / "home") as box:
            await saved_profiles.save(box.archive, one, Secret("secret"))
            assert (await box.run(one)).tally.archived == 7
            return box.archive.home

    return asyncio.run(make())


def console(home: Home, cwd: Path) -> Tmux:
    environment = {"XDG_CONFIG_HOME": str(cwd), "PYTHONPATH": str(ROOT)}
    return Tmux([sys.executable, "-m", "tui", "--home", str(home.path)], environment=environment, cwd=str(cwd))


def test_a_mailbox_is_restored_by_keyboard(server: Dovecot, home: Home, tmp_path: Path) -> None:
    """From a folder of the archive: what would happen, a look, the question, the result; then nothing is to be done."""
    before = on_server(server)
    wipe(server)
    with console(home, tmp_path) as terminal:
        terminal.until_shown("Needs attention", "m Archive")

        def press(*keys: str, shown: tuple[str, ...]) -> None:
            terminal.keys(*keys)
            terminal.until_shown(*shown)

        press("m", shown=("▸ alice",))
        press("Enter", shown=("Folders of alice", "▸     INBOX", "v Restore"))
        press("Home", shown=(f"▸ - {ALICE}",))
        press("v", shown=(f"Restore {ALICE} of alice", "▸   Profile         Alice", "where the mail was", "7 messages, "))
        terminal.until_shown("Projekte/Entwürfe & mehr", "Sent Items", "l looks how much of it is missing there.", "r Restore")
        assert terminal.straight
        press("l", shown=("✔ 7 of 7 messages are missing there", "Folders that will be made there: "))
        assert on_server(server) == []
        press("r", shown=("Restore 7 messages?", f"Into {ALICE} on 127.0.0.1, by the profile Alice.", "y  restore"))
        press("n", shown=("✔ 7 of 7 messages are missing there", "r Restore"))
        assert on_server(server) == []
        press("r", shown=("Restore 7 messages?",))
        press("y", shown=("Archivar · Restore", "✔ done", f"restored to {ALICE}.", "Folders made there: "))
        assert terminal.straight
        assert on_server(server) == before
        press("Escape", shown=("Folders of alice", f"▸ - {ALICE}"))
        press("v", shown=("r Restore",))
        press("r", shown=("✔ Nothing is missing there: all 7 messages are there.", "There is nothing to restore."))
        assert "y  restore" not in terminal.text
        assert on_server(server) == before
        press("Escape", shown=("Folders of alice",))
        press("y", "a", shown=("Restored ", "by profile Alice."))
        assert terminal.straight


def test_an_mbox_is_imported_by_keyboard(home: Home, tmp_path: Path) -> None:
    """From Users to the messages in the archive; a wrong path is said beside the field, and a second time nothing is new."""
    box = mailbox.mbox(tmp_path / "old.mbox")
    for number in range(12):
        box.add(mail(f"from before {number}"))
    box.close()
    with console(home, tmp_path) as terminal:
        terminal.until_shown("Needs attention")
        terminal.keys("u")
        terminal.until_shown("▸ alice", "I imports mail for the chosen user")
        terminal.keys("I")
        terminal.until_shown("Import mail into the archive of alice", "▸ From", "(•) found out")
        terminal.type("old.mbx")
        terminal.keys("Enter")
        terminal.until_shown("! There is no", "Give")
        terminal.keys("BSpace")
        terminal.until_shown("[old.mb ")
        terminal.type("ox")
        terminal.until_shown("[old.mbox ")
        terminal.keys("Enter")
        terminal.until_shown("Archivar · Import", "✔ done", "12 messages, ", "imported into the folder Imported/old of alice.")
        assert terminal.straight
        terminal.keys("Escape")
        terminal.until_shown("▸ alice")
        terminal.keys("I")
        terminal.until_shown("▸ From")
        terminal.type("old.mbox")
        terminal.keys("Enter")
        terminal.until_shown("Nothing new: 12 messages there already")
        terminal.keys("y", "a")
        terminal.until_shown("Imported 12 messages (", "Imported/old of alice.")
        terminal.keys("m")
        terminal.until_shown("Whose mail (1)")
        terminal.keys("Enter")
        terminal.until_shown("Folders of alice", "- Imported", "old")
        terminal.keys("End", "Enter")
        terminal.until_shown("Imported/old (12)", "from before")
        assert terminal.straight
