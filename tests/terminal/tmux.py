"""A terminal of its own for a test: tmux on a socket of its own."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from core.text.cells import cell_len

DEADLINE = 120.0
PAUSE = 0.05


def apart(line: str) -> str:
    """A line without what tmux draws into the cell before: a joiner, and the one that is joined."""
    return re.sub("\u200d.", "", line)


class Tmux:
    """One pane with a program in it. Use it as a context manager: the server ends with it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        term: str = "xterm-256color",
        environment: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> None:
        self.size = size
        self._socket = f"archivar-{uuid.uuid4().hex}"
        self._cwd = cwd
        variables = {"TERM": term, "LANG": "C.UTF-8", **(environment or {})}
        cleared = ["-u", "NO_COLOR", "-u", "COLORTERM", "-u", "TMUX"]
        self._command = shlex.join(["env", *cleared, *(f"{key}={value}" for key, value in variables.items()), *command])

    def __enter__(self) -> Self:
        width, height = self.size
        where = ("-c", self._cwd) if self._cwd else ()
        # The shell after it keeps the pane open, so that what the program leaves behind can be seen.
        script = f"{self._command}; echo exit code $?; exec cat"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), *where, script)
        return self

    def __exit__(self, *_: object) -> None:
        self.tmux("kill-server", check=False)

    def tmux(self, *arguments: str, check: bool = True) -> str:
        """Run a tmux command on this server; its output."""
        command = ["tmux", "-u", "-L", self._socket, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=check, timeout=DEADLINE).stdout

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
        """The process in the pane whose command line has ``part``, below the shell that began it."""
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        below = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        [pid] = [pid for pid in below if part in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")]
        return int(pid)

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
