"""The real ``archivar`` in a process of its own, on a home of its own: as a user at a shell or a script sees it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests import coded, forks

ROOT = Path(__file__).resolve().parents[1]
#: Only what hangs takes so long; a busy machine does not.
DEADLINE = 180.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a command. ``raw`` are the very bytes of stdout."""

    code: int
    out: str
    err: str
    raw: bytes

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)

    @property
    def text(self) -> str:
        return self.out + self.err


class Archivar:
    """A home below ``folder`` and the commands on it; its service is stopped at the end. ``variables`` are for all of them.

    ``whole``: each command, and what it starts, is an interpreter of its own and never a fork.
    """

    def __init__(self, folder: Path, *, whole: bool = False, **variables: str) -> None:
        self.whole = whole
        self.folder = folder
        self.home = folder / "archive"
        self.variables = variables

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if (self.home / "service.lock").exists():
            self("service", "stop", code=None)

    def __call__(self, *words: str, code: int | None = 0, **options: Any) -> Answer:
        """Run a command to its end; its exit code must be ``code``, unless that is None."""
        done = self._done(words, self.options(**options))
        answer = Answer(done[0], done[1].decode("utf-8", "replace"), done[2].decode("utf-8", "replace"), done[1])
        assert "Traceback" not in answer.text, answer.text
        coded.check(words, answer.out)
        assert code is None or answer.code == code, f"archivar {' '.join(words)}: exit code {answer.code}\n{answer.text}"
        return answer

    def _done(self, words: Sequence[str], options: Mapping[str, Any]) -> tuple[int, bytes, bytes]:
        """Exit code, stdout and stderr of a command."""
        if not self.whole and forks.fits(options["env"]):
            return forks.run(words, options["env"], options["cwd"], DEADLINE)
        done = subprocess.run(self.command(*words), **options, capture_output=True, timeout=DEADLINE, check=False)
        return done.returncode, done.stdout, done.stderr

    def start(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start a command and leave it alone."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.command(*words), **{**pipes, **self.options(**options)})

    def shell(self, script: str, **variables: str) -> Answer:
        """Run a line of shell in which ``$ARCHIVAR`` is the command."""
        command = f"{sys.executable} -P -m tui"
        environment = {**self.environment(), "ARCHIVAR": command, "ARCHIVAR_HOME": str(self.home), **variables}
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", script],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            timeout=DEADLINE,
            check=False,
        )
        answer = Answer(
            done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"), done.stdout
        )
        assert "Traceback" not in answer.text, answer.text
        return answer

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-P", "-m", "tui", *words]

    def options(self, *, cwd: Path | None = None, home: bool = True, **variables: str | None) -> dict[str, Any]:
        environment: dict[str, str | None] = {**self.environment(), **variables}
        if home:
            environment["ARCHIVAR_HOME"] = str(self.home)
        known = {key: value for key, value in environment.items() if value is not None}
        return {"env": known, "cwd": cwd or self.folder, "stdin": subprocess.DEVNULL}

    def environment(self) -> dict[str, str]:
        """Nothing of the caller's but where the programs are."""
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "PYTHONPATH": str(ROOT),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            **self.variables,
        }

    def write(self, name: str, text: str) -> Path:
        """A file beside the home, whole at any moment: a service may be reading it."""
        path = self.folder / name
        aside = self.folder / f".{name}.new"
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
        return path


class Typed:
    """A command at a terminal of its own: what it shows is in ``shown``."""

    def __init__(self, archivar: Archivar, *words: str, columns: int = 80, variables: Mapping[str, str] | None = None) -> None:
        self.shown = b""
        self._end, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        options = archivar.options()
        options["env"] |= {"TERM": "xterm-256color", **(variables or {})}
        self.process: subprocess.Popen[bytes] | forks.Fork
        if not archivar.whole and forks.fits(options["env"]):
            self.process = forks.at_terminal("tui", words, options["env"], options["cwd"], inner)
        else:
            self.process = subprocess.Popen(
                archivar.command(*words),
                **{**options, "stdin": inner},
                stdout=inner,
                stderr=inner,
                start_new_session=True,
                # The terminal of the new session, so that Ctrl-C comes from it.
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
        os.close(inner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._end)

    @property
    def text(self) -> str:
        return self.shown.decode("utf-8", "replace")

    def type(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def until(self, condition: Callable[[str], object]) -> None:
        """Read until ``condition`` holds for all that was shown."""
        deadline = time.monotonic() + DEADLINE
        while not condition(self.text):
            assert time.monotonic() < deadline, self.text
            assert self._read(), f"ended: {self.text}"

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        return self.process.wait(DEADLINE)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._end], [], [], DEADLINE)
        assert ready, self.text
        try:
            data = os.read(self._end, 65536)
        except OSError:
            # Linux says so when the last program on the terminal has gone.
            return False
        self.shown += data
        return bool(data)
