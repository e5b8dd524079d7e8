"""The console on a slow line, in a locale without UTF-8, and ended from outside; and a wizard typed ahead in one burst."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.terminal.test_console import painted, staged
from tests.terminal.tmux import Tmux
from tests.terminal.wizards import ROOT, Wizard, begun

pytestmark = pytest.mark.terminal
#: A shell that tells how the terminal is, before the console and after it.
AROUND = 'stty -a | grep -o " -\\?echo " | tail -1; "$@"; stty -a | grep -o " -\\?echo " | tail -1; echo left with $?; exec cat'


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: signal.Signals(number).name)
def test_a_console_that_is_ended_leaves_the_terminal_as_it_was(number: int, tmp_path: Path) -> None:
    """The other screen, mouse, paste marks and echo: all as before, with a word on what happened."""
    command = ["sh", "-c", AROUND, "sh", *staged("ordinary")]
    with Tmux(command, environment={"XDG_CONFIG_HOME": str(tmp_path)}, cwd=str(ROOT)) as terminal:
        terminal.until_shown("Needs attention (2)")
        flags = "#{alternate_on} #{mouse_any_flag} #{cursor_flag} #{bracket_paste_flag}"
        assert terminal.tmux("display-message", "-p", flags).split()[0] == "1"
        [pid] = [
            int(entry)
            for entry in os.listdir("/proc")
            if entry.isdigit() and f"XDG_CONFIG_HOME={tmp_path}".encode() in _environment(entry) and _is_console(entry)
        ]
        os.kill(pid, number)
        terminal.until_shown("left with", f"The console was ended ({signal.Signals(number).name})")
        shown = terminal.text
        assert [line.strip() for line in shown.splitlines() if line.strip() in ("echo", "-echo")] == ["echo", "echo"]
        alternate, mouse, cursor, *_ = terminal.tmux("display-message", "-p", flags).split()
        assert (alternate, mouse, cursor) == ("0", "0", "1")


def _environment(entry: str) -> bytes:
    try:
        return Path(f"/proc/{entry}/environ").read_bytes()
    except OSError:
        return b""


def _is_console(entry: str) -> bool:
    try:
        words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[:3] == [sys.executable.encode(), b"-m", b"tests.terminal.staged"]


def test_an_arrow_that_comes_in_pieces_is_an_arrow(tmp_path: Path) -> None:
    """300 ms between its characters: no escape leaves the page, and no letters are typed."""
    with painted("ordinary", tmp_path) as line:
        line.send(b"\r")
        assert b"Last runs" in line.read(1.0)
        for piece in (b"\x1b", b"[", b"B"):
            line.send(piece)
            time.sleep(0.3)
        assert b"Profiles (" not in line.read(1.0)
        line.send(b"\x1b")
        assert b"Profiles (" in line.read(1.5)


@pytest.mark.parametrize("name", ["C", "POSIX", "de_DE@euro"])
def test_a_locale_without_utf_8_is_told_at_the_start(name: str, tmp_path: Path) -> None:
    """In the console and on the normal screen when it is left; the frames are there all the same."""
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "LANG": name}
    with Tmux(staged("ordinary"), environment=environment, cwd=str(ROOT)) as terminal:
        terminal.until_shown("Needs attention (2)", f'The locale "{name}" is not UTF-8', "LC_ALL=C.UTF-8")
        terminal.keys("q")
        terminal.until_shown("exit code 0", f'The locale "{name}" is not UTF-8')


def test_a_whole_wizard_is_typed_ahead_and_deletion_refused(tmp_path: Path) -> None:
    """In one burst at 80x24, with a stray key on the page of deletion: the profile is as typed, and deletes nothing."""
    with begun(tmp_path) as archivar:
        archivar("user", "add", "alice", "--email", "alice@example.test")
        with Wizard(archivar.home, tmp_path / "settings") as terminal:
            terminal.until_shown("No profiles yet")
            enter, down, tab = "\r", "\x1b[B", "\t"
            keys = (
                f"n{enter}mail.invalid{enter}alice@example.test{tab}{tab}word-4711{enter}{enter}{enter}"
                # Deletion: a stray arrow opens the question, and enter is no.
                f"{down}{enter}{enter}{enter}Typed ahead{enter}{enter}"
            )
            terminal.type(keys)
            terminal.until_shown("Profile Typed ahead saved.", "Profiles (1)")
        profile = archivar("profile", "show", "Typed ahead", "--json").json
        assert profile["password"]
        assert profile["profile"]["server"]["host"] == "mail.invalid"
        assert profile["profile"]["login"]["username"] == "alice@example.test"
        assert profile["profile"]["target"] == {"user": "alice", "folder": "alice@example.test"}
        assert profile["profile"]["delete"]["when"] == "never"
