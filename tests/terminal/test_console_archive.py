"""The console over a real archive, a real service and a real server, in a real terminal that is closed in the middle."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core import config
from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.model import RunStatus
from core.profiles.profile import Access, Login, Profile, Server, Target
from core.secrets import Secret
from core.service.lock import is_running
from core.service.queue import Queue
from tests.conftest import StartDovecot
from tests.servers.proxy import Proxy
from tests.terminal.tmux import Tmux

pytestmark = [pytest.mark.terminal, pytest.mark.server]
ROOT = Path(__file__).parents[2]
ALICE = "alice@example.test"
#: A title, a colour, markup, a change of direction, and wide characters.
FOLDER = "\x1b]2;OWNED\x07\x1b[31m[b]x[/b]\u202e漢字"
FOLDER_SHOWN = "␛]2;OWNED␇␛[31m[b]x[/b]漢字"
MESSAGES = 60


@pytest.fixture
def server(dovecot: StartDovecot) -> Iterator[Proxy]:
    """Alice's mailbox with a folder of a hostile name, behind a proxy that can hold the traffic."""
    real = dovecot()
    body = b"x" * 76 + b"\r\n"
    for number in range(MESSAGES):
        head = f"From: a@example.test\r\nSubject: \x1b]2;OWNED\x07 {number}\r\nMessage-ID: <{number}@example.test>\r\n\r\n"
        real.deliver(ALICE, FOLDER, head.encode() + body * 6000)
    with Proxy(real.host, real.plain_port) as proxy:
        yield proxy


@pytest.fixture
def home(server: Proxy, tmp_path: Path) -> Iterator[config.Home]:
    """An archive with one profile; its service ends with the test."""

    async def make() -> config.Home:
        home = config.find_or_create(tmp_path / "home")
        archive = await Archive.open(home)
        await users.add(archive, "alice", [ALICE])
        place = Server(server.host, Access.IMAP, server.port, timeout=120)
        await saved_profiles.save(archive, Profile("Alice", place, Login(ALICE), Target("alice", ALICE)), Secret("secret"))
        await archive.close()
        return home

    made = asyncio.run(make())
    yield made
    if (pid := asyncio.run(service_of(made))) is not None and is_running(made):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while is_running(made):
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def service_of(home: config.Home) -> int | None:
    archive = await Archive.open(home, follow=False)
    try:
        service = await Queue(archive.database).service()
        return service[0] if service else None
    finally:
        await archive.close()


async def status_of(home: config.Home, run: int) -> RunStatus:
    archive = await Archive.open(home, follow=False)
    try:
        return (await Queue(archive.database).run(run)).status
    finally:
        await archive.close()


def console(home: config.Home, tmp_path: Path, *, whole: bool = False, **options: str) -> Tmux:
    environment = {"XDG_CONFIG_HOME": str(tmp_path), **options}
    command = [sys.executable, "-m", "tui", "--home", str(home.path)]
    return Tmux(command, environment=environment, cwd=str(ROOT), whole=whole)


def test_a_run_outlives_the_terminal_it_was_started_in(server: Proxy, home: config.Home, tmp_path: Path) -> None:
    """r starts a run; the window is closed in the middle; the next console shows it going on, and how it ends."""
    server.stall_after_bytes = 2_000_000
    with console(home, tmp_path, whole=True) as terminal:
        title = terminal.title
        terminal.until_shown("Profiles (1)", "▸ Alice", "· never run", "service ○ idle", "connects without TLS")
        terminal.until(lambda: terminal.straight)
        terminal.keys("r")
        terminal.until_shown("run 1", "● archiving", FOLDER_SHOWN, f"of {MESSAGES} messages", "c Cancel")
        terminal.until(lambda: terminal.straight)
        assert terminal.title == title
    assert is_running(home)
    assert asyncio.run(status_of(home, 1)) is RunStatus.RUNNING
    with console(home, tmp_path) as terminal:
        terminal.until_shown("▸ Alice", "● running", "service ● running")
        terminal.keys("r")
        terminal.until_shown("run 1", FOLDER_SHOWN)
        server.stall_after_bytes = None
        terminal.until_shown("✔ done", "Everything is archived.", f"{MESSAGES} messages found: {MESSAGES} archived now")
        terminal.keys("Escape")
        terminal.until_shown("▸ Alice", "✔ done", f"+{MESSAGES}")
        assert terminal.title == title


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGHUP], ids=["killed", "hung up"])
def test_the_end_of_a_console_is_not_the_end_of_a_run(
    server: Proxy, home: config.Home, tmp_path: Path, end: signal.Signals
) -> None:
    """A console that is killed, or whose line drops, leaves the run untouched; reopening shows it."""
    server.stall_after_bytes = 2_000_000
    with console(home, tmp_path, whole=True) as terminal:
        terminal.until_shown("▸ Alice")
        terminal.keys("r")
        terminal.until_shown("run 1", FOLDER_SHOWN)
        pid = asyncio.run(service_of(home))
        os.kill(terminal.pid_of("-m tui"), end)
        terminal.until_shown("exit code")
        assert asyncio.run(service_of(home)) == pid
        assert asyncio.run(status_of(home, 1)) is RunStatus.RUNNING
    server.stall_after_bytes = None
    with console(home, tmp_path) as terminal:
        terminal.until_shown("▸ Alice", "✔ done", f"+{MESSAGES}")
        terminal.keys("Enter")
        terminal.until_shown("Last runs", "✔ done")
        assert "interruption" not in terminal.text


def test_two_consoles_show_the_same_run(server: Proxy, home: config.Home, tmp_path: Path) -> None:
    """One detached and one that was opened later; what the first asks for the second sees."""
    server.stall_after_bytes = 2_000_000
    with console(home, tmp_path) as first, console(home, tmp_path, LANG="C.UTF-8") as second:
        for terminal in (first, second):
            terminal.until_shown("▸ Alice", "· never run")
        first.keys("r")
        first.until_shown("run 1", FOLDER_SHOWN)
        second.until_shown("● running")
        second.keys("r")
        second.until_shown("run 1", FOLDER_SHOWN)
        second.keys("c")
        second.until_shown("y  cancel the run")
        second.keys("y")
        for terminal in (first, second):
            terminal.until_shown("■ cancelled", "What was archived is kept")


def test_an_interrupted_run_carries_on_when_the_console_opens(server: Proxy, home: config.Home, tmp_path: Path) -> None:
    """A service that was killed left a run behind: opening the console is enough to have it finished."""
    server.stall_after_bytes = 2_000_000
    with console(home, tmp_path) as terminal:
        terminal.until_shown("▸ Alice")
        terminal.keys("r")
        terminal.until_shown(FOLDER_SHOWN)
    pid = asyncio.run(service_of(home))
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    server.stall_after_bytes = None
    with console(home, tmp_path) as terminal:
        terminal.until_shown("▸ Alice", "✔ done", f"+{MESSAGES}")


def test_cancelling_in_the_console_cancels(server: Proxy, home: config.Home, tmp_path: Path) -> None:
    """c, y: the service stops the run, though the server is silent, and the screen says what was kept."""
    server.stall_after_bytes = 2_000_000
    with console(home, tmp_path) as terminal:
        terminal.until_shown("▸ Alice")
        terminal.keys("r")
        terminal.until_shown(FOLDER_SHOWN, "c Cancel")
        terminal.keys("c")
        terminal.until_shown("Cancel run 1 of Alice?")
        terminal.keys("y")
        terminal.until_shown("■ cancelled", "What was archived is kept")
    assert asyncio.run(status_of(home, 1)) is RunStatus.CANCELLED


def test_the_first_start_ends_when_there_is_an_archive(tmp_path: Path) -> None:
    """A home without an archive shows how to begin; Home appears by itself once it was begun elsewhere."""
    home = config.Home(tmp_path / "home")

    async def begin() -> None:
        archive = await Archive.open(config.find_or_create(home.path))
        await archive.close()

    with console(home, tmp_path) as terminal:
        terminal.until_shown("There is no archive in", "archivar demo", "b Begin", "r Look again")
        assert not home.path.exists()
        asyncio.run(begin())
        terminal.until_shown("Profiles (0)", "n  makes one")


def test_an_archive_is_begun_in_the_console(tmp_path: Path) -> None:
    """b asks and makes it; no leaves nothing behind."""
    home = config.Home(tmp_path / "home")
    with console(home, tmp_path) as terminal:
        terminal.until_shown("b Begin")
        terminal.keys("b")
        terminal.until_shown("Begin an archive in", "y  begin it")
        terminal.keys("n")
        terminal.until(lambda: "y  begin it" not in terminal.text)
        assert not home.path.exists()
        terminal.keys("b")
        terminal.until_shown("y  begin it")
        terminal.keys("y")
        terminal.until_shown("Profiles (0)", "n  makes one")
    assert home.exists
    assert home.path.stat().st_mode & 0o777 == 0o700
