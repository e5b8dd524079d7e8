"""The console in a real terminal, over a staged archive: sizes, terminal types, colours, hostile texts, bytes sent."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from core.text.cells import cell_len
from tests import forks
from tests.terminal.tmux import Tmux

pytestmark = pytest.mark.terminal
ROOT = Path(__file__).parents[2]
TERMS = pytest.mark.parametrize(
    ("term", "environment"),
    [("xterm-256color", {}), ("screen", {}), ("xterm-256color", {"NO_COLOR": "1"})],
    ids=["xterm-256color", "screen", "NO_COLOR"],
)
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
QUIET_SECONDS = 3.0


def staged(scene: str) -> list[str]:
    return [sys.executable, "-m", "tests.terminal.staged", scene]


@TERMS
@SIZES
def test_home_and_run_look_right_in_every_terminal(
    term: str, environment: dict[str, str], size: tuple[int, int], tmp_path: Path
) -> None:
    """Home and Run fill their window, with frames that close, in every terminal."""
    environment = {"XDG_CONFIG_HOME": str(tmp_path), **environment}
    with Tmux(staged("ordinary"), term=term, size=size, environment=environment, cwd=str(ROOT)) as terminal:
        terminal.until_shown("Profiles (4)", "▸ Staff", "● running", "! with errors", "Needs attention (2)", "enter Open")
        terminal.until(lambda: terminal.straight)
        terminal.keys("r")
        terminal.until_shown("run 7", "61 %", "1,238 of 2,030 messages", "● archiving", "INBOX", "Problems (2)", "c Cancel")
        terminal.until(lambda: terminal.straight)
        terminal.keys("Escape")
        terminal.until_shown("Profiles (4)")
        terminal.keys("q")
        terminal.until_shown("A run goes on without the console", "exit code 0")


@TERMS
@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 48)], ids=["80x24", "100x30", "160x48"])
def test_details_and_guides_look_right_in_every_terminal(
    term: str, environment: dict[str, str], size: tuple[int, int], tmp_path: Path
) -> None:
    """By keys alone: a problem with its remedy, a mailbox with its counts, a guide to its last line; each names its way out."""
    environment = {"XDG_CONFIG_HOME": str(tmp_path), **environment}
    with Tmux(staged("ordinary"), term=term, size=size, environment=environment, cwd=str(ROOT)) as terminal:
        terminal.until_shown("Profiles (4)")
        terminal.keys("r")
        terminal.until_shown("Problems (2)", "enter Details")
        terminal.keys("Enter")
        terminal.until_shown("━ anna@example.test ━", "Archived now", "1,238", "esc  close")
        terminal.keys("Escape")
        terminal.until_shown("c Cancel")
        terminal.until(lambda: "Archived now" not in terminal.text)
        terminal.keys("Tab", "Enter")
        terminal.until_shown("━ Archive/2019 · UID 4711 · anna@example.test ━", "What to do", "esc  close")
        terminal.keys("Escape")
        terminal.until(lambda: "What to do" not in terminal.text)
        terminal.keys("?")
        terminal.until_shown("━ Keys ━", "g  Guides")
        terminal.keys("g")
        terminal.until_shown("━ Guides and manual ━", "▸ Kerio Connect: every mailbox with one password")
        terminal.keys("Enter")
        terminal.until_shown(
            "━ Kerio Connect: every mailbox with one password ━", "On the server", "↑ ↓  scroll      esc  close"
        )
        terminal.keys("End")
        terminal.until_shown("━ Kerio Connect: every mailbox with one password ━", "along.", "esc  close")
        box = [text[text.index("┃") : text.rindex("┃") + 1] for text in terminal.lines if text.count("┃") == 2]
        assert len({cell_len(text) for text in box}) == 1
        assert cell_len(box[0]) <= 100


@TERMS
@SIZES
def test_hostile_texts_leave_the_terminal_alone(
    term: str, environment: dict[str, str], size: tuple[int, int], tmp_path: Path
) -> None:
    """Neither title nor layout nor colours change, however folders, mailboxes, profiles and reasons are called."""
    environment = {"XDG_CONFIG_HOME": str(tmp_path), **environment}
    with Tmux(staged("hostile"), term=term, size=size, environment=environment, cwd=str(ROOT)) as terminal:
        title = terminal.title
        terminal.until_shown("Profiles (2)", "Alice", "✗ failed", "[/b][red]")
        terminal.until(lambda: terminal.straight)
        terminal.keys("r")
        terminal.until_shown("Mailboxes (0 of 2 done)", "bob@example.test", "Problems (2)", "c Cancel")
        terminal.until(lambda: terminal.straight)
        terminal.keys("c")
        terminal.until_shown("Cancel run 7 of")
        assert terminal.title == title


@pytest.mark.parametrize("scene", ["ordinary", "hostile"])
def test_no_colour_means_none(scene: str, tmp_path: Path) -> None:
    """With NO_COLOR there are attributes such as bold and reverse, but no colour at all."""
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "NO_COLOR": "1"}
    with Tmux(staged(scene), environment=environment, cwd=str(ROOT)) as terminal:
        terminal.until_shown("Profiles", "Needs attention (2)")
        codes = {int(code) for found in re.findall(r"\x1b\[([\d;]*)m", terminal.coloured) for code in found.split(";") if code}
        assert not codes & {*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108)}
        assert 7 in codes


def test_sixteen_colours_are_the_terminals_own(tmp_path: Path) -> None:
    """TERM=screen gets the eight colours that every terminal has, and no number from a larger palette."""
    with Tmux(staged("ordinary"), term="screen", environment={"XDG_CONFIG_HOME": str(tmp_path)}, cwd=str(ROOT)) as terminal:
        terminal.until_shown("Profiles (4)", "Needs attention (2)")
        assert "\x1b[38;" not in terminal.coloured
        assert re.search(r"\x1b\[(?:\d+;)*3[1-7]m", terminal.coloured)


def test_a_resized_window_is_filled_again(tmp_path: Path) -> None:
    """From 120 columns to 80 and back, without a restart."""
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    with Tmux(staged("ordinary"), size=(120, 40), environment=environment, cwd=str(ROOT)) as terminal:
        terminal.until_shown("Profiles (4)", "mail.example.test")
        terminal.resize(80, 24)
        terminal.until(lambda: terminal.straight and "mail.example.test" not in terminal.text)
        terminal.resize(120, 40)
        terminal.until(lambda: terminal.straight and "mail.example.test" in terminal.text)


def test_a_terminal_that_is_too_little_is_refused_with_a_hint() -> None:
    """TERM=dumb gets a sentence and exit code 2, and no escape sequence."""
    with Tmux(staged("ordinary"), term="dumb", cwd=str(ROOT)) as terminal:
        terminal.until_shown("such as TERM=xterm-256color", "exit code 2")


class Line:
    """A terminal of which only the bytes count. With ``before``, which is called in it, the console is no fork."""

    def __init__(self, scene: str, environment: dict[str, str], before: Callable[[], object] | None = None) -> None:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        variables = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLORTERM")} | environment
        self.process: subprocess.Popen[bytes] | forks.Fork
        if before is None and forks.fits(forks.plain(variables)):
            module, words = forks.CONSOLES[1], [scene]
            self.process = forks.at_terminal(module, words, forks.plain(variables), ROOT, slave, own=False)
        else:
            self.process = subprocess.Popen(
                staged(scene),
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=ROOT,
                env=variables,
                start_new_session=True,
                preexec_fn=before,
            )
        os.close(slave)
        self._master = master

    def read(self, seconds: float) -> bytes:
        """The output until none comes for ``seconds``."""
        received = b""
        while select.select([self._master], [], [], seconds)[0]:
            received += os.read(self._master, 65536)
        return received

    def read_for(self, seconds: float) -> bytes:
        """The output within ``seconds``."""
        received = b""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                received += os.read(self._master, 65536)
        return received

    def read_some(self) -> bytes:
        """The next output."""
        return os.read(self._master, 65536) if select.select([self._master], [], [], 5.0)[0] else b""

    def send(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def hang_up(self) -> None:
        """Take the terminal away."""
        if self._master >= 0:
            os.close(self._master)
        self._master = -1

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.hang_up()


@contextmanager
def painted(scene: str, settings: Path, before: Callable[[], object] | None = None) -> Iterator[Line]:
    """The console on a terminal, painted and quiet."""
    environment = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "XDG_CONFIG_HOME": str(settings)}
    terminal = Line(scene, environment, before)
    try:
        deadline = time.monotonic() + 30
        received = b""
        while b"Needs attention" not in received:
            assert time.monotonic() < deadline
            received += terminal.read(0.5)
        terminal.read(1.5)
        yield terminal
    finally:
        terminal.close()


def test_a_console_ends_with_its_terminal(tmp_path: Path) -> None:
    """A terminal that goes without a signal takes the console along: it would read the end of the file for ever."""
    with painted("ordinary", tmp_path, lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as line:
        line.hang_up()
        assert line.process.wait(20) == 128 + signal.SIGHUP


@pytest.mark.parametrize(
    "keys", [b"", b"r", b"\r", b"?", b"\x10", b"n"], ids=["Home", "Run", "profile", "Help", "palette", "wizard"]
)
def test_an_idle_console_sends_nothing(tmp_path: Path, keys: bytes) -> None:
    """No blinking, no animation, no repainting of what is the same; the clock moves once a minute and is let pass."""
    with painted("ordinary", tmp_path) as line:
        if keys:
            line.send(keys)
            assert line.read(1.5)
        begun, minute = time.monotonic(), datetime.now().astimezone().minute
        while sent := line.read_for(QUIET_SECONDS):
            # A box as high as the screen hides the clock, whose line is sent all the same.
            moved = datetime.now().astimezone().minute != minute
            assert moved or re.search(rb"\d\d:\d\d", sent), sent
            assert time.monotonic() - begun < 60
            minute = datetime.now().astimezone().minute


def test_a_run_at_full_speed_is_shown_with_few_bytes(tmp_path: Path) -> None:
    """Four mailboxes that all move, four times a second, fit through a slow line: under 3 kB a second."""
    with painted("busy", tmp_path) as line:
        line.send(b"r")
        line.read_for(2.0)
        seconds = 4.0
        sent = line.read_for(seconds)
        assert b"Archive/" in sent or b"%" in sent
        assert len(sent) / seconds < 3000


def test_a_key_is_answered_at_once(tmp_path: Path) -> None:
    """From key to paint it takes less than a twentieth of a second, in the median of twenty."""
    with painted("ordinary", tmp_path) as line:
        times = []
        for number in range(20):
            begun = time.monotonic()
            line.send(b"j" if number % 2 == 0 else b"k")
            assert line.read_some()
            times.append(time.monotonic() - begun)
            line.read(0.15)
        assert sorted(times)[10] < 0.05


def test_a_fault_is_a_message_and_never_a_traceback(tmp_path: Path) -> None:
    """A failure in the background or behind a key is shown in a box, and the console goes on."""
    with Tmux(staged("faulty"), environment={"XDG_CONFIG_HOME": str(tmp_path)}, cwd=str(ROOT)) as terminal:
        terminal.until_shown("▸ Staff", "r Run")
        terminal.keys("r")
        terminal.until_shown("the console has a fault", "KeyError in staged.py")
        assert "hunter2" not in terminal.text
        terminal.keys("Escape")
        terminal.until(lambda: "has a fault" not in terminal.text)
        terminal.keys("o")
        terminal.until_shown("the console has a fault", "KeyError in staged.py")
        assert "hunter2" not in terminal.text
        terminal.keys("Escape")
        terminal.until(lambda: "has a fault" not in terminal.text)
        terminal.keys("q")
        terminal.until_shown("exit code 0")
