"""A directory that is played, and the console's form for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from textual.widgets import Input

import tui.desk.users.directory
from core.archive.archive import Archive
from core.directory.entry import DirectoryEntry
from core.directory.group_notes import GroupNote
from core.directory.people import steps
from core.engine.examine import directory_sync
from core.errors import DirectoryError
from core.network import Report
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind, DirectoryServer
from core.secrets import Secret
from core.trial import TrialStep
from tests import homes
from tests.screens import Shown

WORD = "geheim-4711"
LDAP = Directory(DirectoryKind.LDAP, DirectoryServer("dc1.example.test", DirectoryAccess.LDAP_SSL), "cn=reader,dc=x")


def entry(number: int, *, name: str = "") -> DirectoryEntry:
    name = name or f"user{number:02}"
    return DirectoryEntry(f"entryUUID:{number}", name, f"Person {number}", (f"user{number:02}@example.test",))


class Played:
    """A directory that answers with ``people``, or ``refuses``; ``asked`` with which settings and passwords."""

    def __init__(self) -> None:
        self.people = tuple(entry(number) for number in range(10))
        self.groups: tuple[GroupNote, ...] = ()
        self.refuses: DirectoryError | None = None
        self.asked: list[tuple[Directory, str]] = []

    async def answer(
        self, directory: Directory, password: Secret, report: Report, note: Callable[[GroupNote], None]
    ) -> tuple[DirectoryEntry, ...]:
        self.asked.append((directory, password.reveal()))
        for one in self.groups:
            note(one)
        if self.refuses is not None:
            raise self.refuses
        report("search", f"{len(self.people)} users")
        return self.people

    async def test(
        self,
        directory: Directory,
        password: Secret,
        tick: Callable[[TrialStep], None],
        note: Callable[[GroupNote], None],
    ) -> tuple[list[TrialStep], tuple[DirectoryEntry, ...]]:
        for one in self.groups:
            note(one)
        found = [TrialStep(name, True, "as it should be") for name in steps(directory)]
        if self.refuses is not None:
            found[-1] = TrialStep(found[-1].name, False, self.refuses.message, self.refuses.reason)
        for step in found:
            tick(step)
        self.asked.append((directory, password.reveal()))
        return found, self.people


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    played = Played()
    monkeypatch.setattr(directory_sync, "people", played.answer)
    monkeypatch.setattr(tui.desk.users.directory, "connection_test", played.test)
    return played


async def write(screen: Shown, text: str) -> None:
    line = screen.console.screen.focused
    assert isinstance(line, Input)
    line.insert_text_at_cursor(text)
    await screen.until(screen.at_rest)


async def go(screen: Shown, label: str) -> None:
    """Tab on to the field with this label."""
    for _ in range(25):
        if f"▸ {label}" in screen.text:
            return
        await screen.press("tab")
        await screen.until(screen.at_rest)
    raise AssertionError(f"{label} is not reached\n{screen.text}")


async def at_directory(screen: Shown) -> None:
    await screen.press("u")
    await screen.until_shown("Users (", "t Directory")
    await screen.press("t")
    await screen.until_shown("Where users come from", "▸ Directory")


async def filled(screen: Shown, *, password: str = WORD) -> None:
    """LDAP on a server, with a login."""
    await at_directory(screen)
    await screen.press("right", "right")
    await screen.until_shown("(•) LDAP", "Access via")
    await go(screen, "Server name")
    await write(screen, "dc1.example.test")
    await go(screen, "Login")
    await write(screen, "cn=reader,dc=x")
    await go(screen, "Password")
    await write(screen, password)
