"""The console on a measured terminal: how soon it paints, and how many bytes it sends."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from types import TracebackType
from typing import Self

from core import config
from core.archive.archive import Archive
from core.archive.registry import saved_profiles
from core.profiles.profile import Login, Method, Profile, Server
from core.profiles.selection import UserSelection
from core.secrets import Secret
from tests.benchmarks.contestant import Home
from tests.benchmarks.server import fill
from tests.servers.dovecot import Dovecot
from tests.terminal.consoles import add_users
from tui.desk.desk import open_desk

Row = tuple[str, ...]
FAST = tuple(f"fast{number}@example.test" for number in range(4))
DEADLINE = 60.0
IDLE_SECONDS = 10.0
STARTS = 5
KEYS = 40
PEOPLE = 100_000
DONE = b"Everything is archived"
WATCHED_SECONDS = 2.5


class Screen:
    """A console in 80 columns and 24 lines."""

    def __init__(self, home: Path) -> None:
        self._end, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM")}
        environment |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "XDG_CONFIG_HOME": str(home.parent / "settings")}
        self.begun = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tui", "--home", str(home)],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=environment,
            start_new_session=True,
        )
        os.close(inner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._end)

    def send(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def read_for(self, seconds: float) -> bytes:
        """The output within ``seconds``."""
        received = b""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            if select.select([self._end], [], [], left)[0]:
                received += os.read(self._end, 65536)
        return received

    def until(self, *texts: str) -> bytes:
        """The output until all of ``texts`` were in it."""
        received = b""
        wanted = [text.encode() for text in texts]
        deadline = time.perf_counter() + DEADLINE
        while not all(text in received for text in wanted):
            if time.perf_counter() > deadline or not select.select([self._end], [], [], DEADLINE)[0]:
                raise TimeoutError(f"the console did not show {texts}")
            received += os.read(self._end, 65536)
        return received

    def settle(self) -> None:
        """Read until nothing comes for a second."""
        while self.read_for(1.0):
            pass


def measure(folder: Path, server: Dovecot, messages: int) -> Iterator[Row]:
    """All rows of the console."""
    home = Home(folder / "home-console", server)
    for login in FAST:
        fill(server, login, messages)
    home.add_many(FAST)
    home.stop()
    yield from _still(home.path)
    yield from _at_full_speed(home.path, messages * len(FAST))
    home.stop()
    yield from _with_many_users(folder / "home-people")


def _still(home: Path) -> Iterator[Row]:
    with Screen(home) as screen:
        # Once for nothing, so that the programs are in memory.
        screen.until("Needs attention")
    starts = []
    for _ in range(STARTS):
        with Screen(home) as screen:
            screen.until("Needs attention")
            starts.append(time.perf_counter() - screen.begun)
    yield row("console, from the command to the first paint", f"{median(starts):.2f} s", "at most 0.8 s", median(starts) <= 0.8)
    with Screen(home) as screen:
        screen.until("Needs attention")
        screen.settle()
        # The clock moves once a minute; two in a row cannot both be disturbed by it.
        sent = min(len(screen.read_for(IDLE_SECONDS)) for _ in range(2))
    yield row(f"console at rest, bytes in {IDLE_SECONDS:.0f} s", f"{sent / IDLE_SECONDS:.0f} B/s", "0 B/s", sent == 0)


def _at_full_speed(home: Path, messages: int) -> Iterator[Row]:
    """The rate in the middle of a run: its first seconds are only watched, and the rest is typed into."""
    with Screen(home) as screen:
        screen.until("Needs attention")
        screen.settle()
        screen.send("r")
        screen.until("archiving")
        sent, piece = screen.read_for(WATCHED_SECONDS), b""
        delays: list[float] = []
        while len(delays) < KEYS and DONE not in piece:
            pressed = time.perf_counter()
            screen.send("k" if len(delays) % 2 else "j")
            screen.until("▸")
            delays.append(time.perf_counter() - pressed)
            piece = screen.read_for(0.04)
    if DONE in sent or len(delays) < 2:
        raise RuntimeError("the run was over too soon: give it more --messages")
    rate = len(sent) / WATCHED_SECONDS
    yield row(
        f"console during a run at full speed, {messages:,} messages in {len(FAST)} mailboxes",
        f"{rate / 1000:.1f} kB/s",
        "at most 3 kB/s",
        rate <= 3000,
    )
    middle, late = median(delays), quantiles(delays, n=20)[-1]
    figure = f"{middle * 1000:.0f} ms, p95 {late * 1000:.0f} ms, {len(delays)} keys"
    yield row("key to paint during that run", figure, "median at most 50 ms", middle <= 0.05)


def _with_many_users(path: Path) -> Iterator[Row]:
    refreshes, first = asyncio.run(_home_with_many_users(path))
    opened = []
    for _ in range(3):
        with Screen(path) as screen:
            screen.until("Needs attention")
            screen.settle()
            screen.send("n")
            screen.until("Kind", "with its own password")
            screen.settle()
            screen.send("\x1b[B")
            screen.settle()
            screen.send("\r")
            screen.until("Server name")
            screen.settle()
            screen.send("mail.example.test")
            screen.settle()
            pressed = time.perf_counter()
            screen.send("\r")
            screen.until("user000000", "user000005")
            opened.append(time.perf_counter() - pressed)
    yield row(f"the wizard's list of {PEOPLE:,} users", f"{median(opened):.2f} s", "at most 0.3 s", median(opened) <= 0.3)
    yield row(
        f"Home's refresh with {PEOPLE:,} users",
        f"{median(refreshes) * 1000:.1f} ms, {first * 1000:.0f} ms after users changed",
        "median at most 50 ms",
        median(refreshes) <= 0.05,
    )


async def _home_with_many_users(path: Path) -> tuple[Sequence[float], float]:
    """Seconds of refreshes, and of the first one, which counts users."""
    archive = await Archive.open(config.find_or_create(path))
    await add_users(archive, PEOPLE)
    staff = Profile("Staff", Server("mail.example.test"), Login("", "", Method.KERIO_MASTER), selection=UserSelection())
    await saved_profiles.save(archive, staff, Secret("word"))
    await archive.close()
    desk = await open_desk(path)
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        await desk.home()
        times.append(time.perf_counter() - begun)
    await desk.close()
    return times[1:], times[0]


def row(what: str, figure: str, bar: str, met: bool, growth: str = "") -> Row:
    """A row without a reference; ``growth`` stands where its ratio would."""
    return (what, figure, "", growth, bar, verdict(met))


def verdict(met: bool) -> str:
    """The table's word for a bar that was met or missed."""
    return "✔ met" if met else "✘ missed"
