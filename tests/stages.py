"""The wizard in a console on a real archive, with the network played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.profiles.profile import Profile
from tests import homes
from tests.screens import Shown
from tui.console import Console
from tui.desk.desk import Desk, open_desk
from tui.desk.present import BLANK, Safe, Tone, badge, own, text
from tui.desk.profiles.draft import ExampleRow, FolderRow, FolderTree, ProfileDraft
from tui.desk.profiles.drafts import Drafts
from tui.desk.refusals import Refused
from tui.desk.trial import StepRow

ROWS = (
    FolderRow("INBOX", (), own("INBOX"), 0, own("5"), True),
    FolderRow("Junk E-mail", ("\\Junk",), own("Junk E-mail"), 0, own("7"), True),
    FolderRow("Projects", (), own("Projects"), 0, own("1"), True),
    FolderRow("Projects/A", (), own("A"), 1, own("2"), True),
    FolderRow("Projects/B", (), own("B"), 1, own("3"), True),
    FolderRow("Shared", (), own("Shared"), 0, BLANK, False),
    FolderRow("x\x1b[31m", (), own("x␛[31m"), 0, own("0"), True),
)


class PlayedDrafts(Drafts):
    """Drafts on a real archive, of which the network is played: ``refusal`` and ``fault`` are raised instead of an answer."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive)
        self.refusal: Refused | None = None
        self.fault: Exception | None = None
        self.tried: list[str] = []

    def _answer(self, what: str, draft: ProfileDraft) -> None:
        self.tried.append(f"{what} {draft.password.reveal()}")
        if error := self.refusal or self.fault:
            raise error

    async def test(self, draft: ProfileDraft, tick: Callable[[StepRow], None]) -> bool:
        for step in self.steps(draft):
            tick(StepRow(step.key, step.name, badge("✔", "ok", Tone.GOOD), own("as it should be")))
        self._answer("test", draft)
        return True

    async def folders(self, draft: ProfileDraft) -> FolderTree:
        self._answer("folders", draft)
        return FolderTree(own("alice@example.test"), ROWS)

    async def examples(self, draft: ProfileDraft) -> Sequence[ExampleRow]:
        self._answer("examples", draft)
        place = str(draft.fields["catchall.incoming"])
        return [
            ExampleRow(
                own("Offer"), own("from x@elsewhere.test"), (text(f"alice: {place}"),), (own("no user has carl@example.test"),)
            )
        ]

    async def preview(self, draft: ProfileDraft) -> Sequence[Safe]:
        self._answer("preview", draft)
        return [own("3 of 9 messages would be deleted.")]

    async def probe(self, draft: ProfileDraft) -> Sequence[Safe]:
        self._answer("probe", draft)
        return [own("The server moves deleted mail to Trash.")]


class Stage:
    """An archive with alice, bob and carol, who has no address, and the console's drafts on it."""

    def __init__(self, archive: Archive, desk: Desk, drafts: PlayedDrafts, screen: Shown) -> None:
        self.archive, self.desk, self.drafts, self.screen = archive, desk, drafts, screen

    async def write(self, text: str) -> None:
        """As if pasted: key by key takes long, and is done in a real terminal elsewhere."""
        line = self.screen.console.screen.focused
        assert isinstance(line, Input)
        line.insert_text_at_cursor(text)
        await self.screen.until(self.screen.at_rest)

    async def to(self, *words: str) -> None:
        """On, page by page, to the last of ``words``."""
        for word in words:
            await self.screen.press("enter")
            await self.screen.until_shown(f"● {word}")
            await self.screen.until(lambda: self.screen.console.screen.focused is not None)

    async def server(self, *keys: str) -> None:
        """A new profile of the kind that ``keys`` lead to, with a server, up to the page of it."""
        await self.screen.press("n")
        await self.screen.until_shown("● Kind", "▸ Archive")
        await self.screen.press(*keys)
        await self.to("Server")
        await self.write("mail.example.test")

    async def login(self) -> None:
        """A new single mailbox with all that is asked for on the page of the login."""
        await self.server()
        await self.to("Login")
        await self.write("alice@example.test")
        await self.screen.press("tab", "tab")
        await self.write("word-4711")

    async def single(self) -> None:
        """A new single mailbox up to the page of folders."""
        await self.login()
        await self.to("Folders")
        await self.screen.until_shown("Folders of alice@example.test.")

    async def many(self) -> None:
        """A new profile for many up to the page of users."""
        await self.server("down")
        await self.to("Users")
        await self.screen.until_shown("[x] alice", "[x] bob")

    async def everybody(self, user_name: str = "journal@example.test") -> None:
        """A new catch-all profile up to the page of filing."""
        await self.screen.press("n")
        await self.screen.until_shown("● Kind", "▸ Archive")
        await self.screen.press("down", "down")
        await self.screen.until_shown("The mail server puts a copy of everybody's mail into it")
        await self.to("Server")
        await self.write("mail.example.test")
        await self.to("Login")
        await self.write(user_name)
        await self.screen.press("tab")
        await self.write("word-4711")
        await self.to("Folders")
        await self.screen.until_shown("Folders of alice@example.test.")
        await self.to("Filing")

    async def saved(self, name: str) -> Profile:
        return await saved_profiles.find(self.archive, name)


@asynccontextmanager
async def staged(path: Path, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Stage]:
    archive = await homes.begin(path / "home")
    try:
        await users.add(archive, "bob", ["bob@example.test"])
        await users.add(archive, "carol", [])
        desk = await open_desk(archive.home.path)
        desk.drafts = drafts = PlayedDrafts(desk._archive)

        async def opened() -> Desk:
            return desk

        console = Console(opened)
        async with console.run_test(size=size, notifications=True) as pilot:
            screen = Shown(console, pilot)
            await screen.until_shown("Needs attention", "n New")
            yield Stage(archive, desk, drafts, screen)
    finally:
        await archive.close()


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """The wizard on a stage, with colours and with settings of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("NO_COLOR", raising=False)
    async with staged(tmp_path) as stage:
        yield stage
