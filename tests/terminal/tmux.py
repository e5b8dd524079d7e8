"""A terminal of its own for a test: tmux on a socket of its own.

A test looks at it some hundred times, so all commands go through one client in control mode (tmux(1), CONTROL MODE).
"""

from __future__ import annotations

import os
import re
import select
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from core.text.cells import cell_len
from tests import forks

DEADLINE = 120.0
PAUSE = 0.02


def apart(line: str) -> str:
    """A line without what tmux draws into the cell before: a joiner, and the one that is joined."""
    return re.sub("\u200d.", "", line)


class Control:
    """A client of the server at a socket, attached to its session, that takes one command after another."""

    def __init__(self, socket: str) -> None:
        command = ["tmux", "-u", "-L", socket, "-C", "attach-session", "-f", "no-output,ignore-size"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._rest = b""
        self._answer("attach-session")

    def ask(self, *arguments: str) -> str:
        """The output of a command; raises ``RuntimeError`` with what tmux says when it fails."""
        assert self._process.stdin is not None
        # In single quotes tmux takes every character as it is, as a shell does.
        self._process.stdin.write((shlex.join(arguments) + "\n").encode())
        return self._answer(arguments[0])

    def close(self) -> None:
        """Wait for the end of the client, whose server has been told to end."""
        self._process.communicate(timeout=DEADLINE)

    def _answer(self, name: str) -> str:
        """The lines between ``%begin`` and the ``%end`` of the same command; notifications stand outside of them."""
        while not (begin := self._line(name)).startswith(b"%begin "):
            pass
        lines: list[bytes] = []
        marks = begin.removeprefix(b"%begin ")
        while (line := self._line(name)) != b"%end " + marks:
            if line == b"%error " + marks:
                raise RuntimeError(f"tmux {name}: {b' '.join(lines).decode()}")
            lines.append(line)
        return "".join(f"{line.decode()}\n" for line in lines)

    def _line(self, name: str) -> bytes:
        assert self._process.stdout is not None
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._process.stdout], [], [], DEADLINE)
            chunk = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
            if not chunk:
                raise RuntimeError(f"tmux {name}: {'it ended' if ready else 'no answer'}")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line


class Tmux:
    """One pane with a program in it. Use it as a context manager: the server ends with it.

    A console is a fork (``tests.forks``) where that equals a process, unless it shall be ``whole``.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        term: str = "xterm-256color",
        environment: Mapping[str, str] | None = None,
        cwd: str | None = None,
        whole: bool = False,
    ) -> None:
        self.size = size
        self._socket = f"archivar-{uuid.uuid4().hex}"
        self._cwd = cwd
        self._control: Control | None = None
        variables = {"TERM": term, "LANG": "C.UTF-8", **(environment or {})}
        cleared = ["NO_COLOR", "COLORTERM", "TMUX"]
        module, words = _module(command)
        if module in forks.CONSOLES and not whole and forks.fits(forks.plain({**os.environ, **variables})):
            variables |= {"PYTHONPATH": str(forks.ROOT)}
            cleared += [key for key in os.environ if key.startswith("PYTHON")]
            pane = str(Path(__file__).with_name("pane.py"))
            command, after = [sys.executable, "-I", "-S", pane, forks.name(), module, *words], ""
        else:
            # The shell after it keeps the pane open, so that what the program leaves behind can be seen.
            after = "; echo exit code $?; exec cat"
        unset = [word for key in cleared for word in ("-u", key)]
        words = ["env", *unset, *(f"{key}={value}" for key, value in variables.items()), *command]
        self._script = f"{'' if after else 'exec '}{shlex.join(words)}{after}"

    def __enter__(self) -> Self:
        width, height = self.size
        where = ("-c", self._cwd) if self._cwd else ()
        command = [
            "tmux",
            "-u",
            "-L",
            self._socket,
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            str(width),
            "-y",
            str(height),
        ]
        subprocess.run([*command, *where, self._script], capture_output=True, check=True, timeout=DEADLINE)
        self._control = Control(self._socket)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False, timeout=DEADLINE)
        if self._control is not None:
            self._control.close()

    def tmux(self, *arguments: str) -> str:
        """Run a tmux command on this server; its output."""
        assert self._control is not None
        return self._control.ask(*arguments)

    def keys(self, *keys: str) -> None:
        """Press keys by their tmux names."""
        self.tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type ``text`` as it is, even where it is the name of a key."""
        self.tmux("send-keys", "-l", "--", text)

    def resize(self, width: int, height: int) -> None:
        """Make the window larger or smaller."""
        self.size = (width, height)
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    @property
    def lines(self) -> list[str]:
        """The screen's content as text."""
        return self.tmux("capture-pane", "-p").split("\n")[: self.size[1]]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def coloured(self) -> str:
        """The screen's content, with its attributes as escape sequences."""
        return self.tmux("capture-pane", "-p", "-e")

    def pid_of(self, part: str) -> int:
        """The process on the pane's terminal whose command line has ``part``, but for the first, which began it."""
        path, first = self.tmux("display-message", "-p", "#{pane_tty} #{pane_pid}").split()
        terminal = Path(path).stat().st_rdev
        others = {entry for entry in os.listdir("/proc") if entry.isdigit()} - {first}
        [pid] = [pid for pid in map(int, others) if _is_on(pid, terminal, part)]
        return pid

    @property
    def title(self) -> str:
        return self.tmux("display-message", "-p", "#{pane_title}").strip()

    def until(self, condition: Callable[[], object], seconds: float = DEADLINE) -> None:
        """Wait until ``condition`` holds; after ``seconds`` fail with what is shown."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.text
            time.sleep(PAUSE)

    def until_shown(self, *texts: str, seconds: float = DEADLINE) -> None:
        """Wait until all of ``texts`` are on the screen."""
        self.until(lambda: all(map(self.text.__contains__, texts)), seconds)

    @property
    def straight(self) -> bool:
        """True when every framed line begins and ends with its frame, in the first and in the last column."""
        framed = [line for line in self.lines if line[:1] in tuple("│┃╭╰┏┗")]
        return bool(framed) and all(line[-1] in "│┃╮╯┓┛" and cell_len(line) == self.size[0] for line in framed)


def _module(command: Sequence[str]) -> tuple[str, list[str]]:
    """The module that a command of an interpreter runs, and its arguments."""
    match [*command]:
        case [sys.executable, "-P", "-m", module, *words] | [sys.executable, "-m", module, *words]:
            return module, words
    return "", []


def _is_on(pid: int, terminal: int, part: str) -> bool:
    """Is this process on the terminal with this device number, and has its command line ``part``?"""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
    except OSError:
        return False
    return int(fields[4]) == terminal and part in words
