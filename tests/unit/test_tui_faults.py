"""Keys at the wrong moment: nothing is lost, nothing reaches the wrong place, nothing crashes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.widgets import Input

from core import config
from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.config import Home
from core.profiles.profile import Login, Profile, Server, Target
from core.secrets import Secret
from tests.terminal.consoles import console_on
from tui.desk.present import BLANK, own
from tui.desk.profiles.drafts import Drafts
from tui.keymap import read
from tui.places.confirm import Confirm
from tui.places.home.home import HomePlace
from tui.places.profiles.profile import ProfilePlace
from tui.places.settings.settings import SettingsPlace
from tui.places.users.users import UsersPlace
from tui.places.wizard.summary import SummaryStep
from tui.places.wizard.wizard import WizardPlace


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An archive with one user and one profile."""

    async def make() -> Home:
        made = config.find_or_create(tmp_path / "home")
        archive = await Archive.open(made)
        await users.add(archive, "anna", ["anna@example.test"])
        profile = Profile(
            "Office", Server("mail.example.test"), Login("anna@example.test"), Target("anna", "anna@example.test")
        )
        await saved_profiles.save(archive, profile, Secret("secret"))
        await archive.close()
        return made

    return asyncio.run(make())


async def test_a_password_is_never_copied(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither copying nor cutting in its line brings it to a clipboard, here or in the terminal."""
    async with console_on(home) as screen:
        await screen.press("e")
        await screen.until(lambda: isinstance(screen.console.screen, WizardPlace))
        await screen.until_shown("● Server")
        await screen.press("enter")
        await screen.until_shown("● Login", "▸ E-mail address")
        sent: list[str] = []
        driver = screen.console._driver
        assert driver is not None
        monkeypatch.setattr(driver, "write", sent.append)
        await screen.press("tab", "tab")
        await screen.until_shown("▸ Password")
        await screen.press(*"hunter2", "shift+home", "ctrl+c")
        line = screen.console.screen.focused
        assert isinstance(line, Input)
        assert line.value == "hunter2"
        line.action_cut()
        assert line.value == "hunter2"
        assert screen.console.clipboard == ""
        assert not [text for text in sent if "]52;" in text]
        await screen.press("shift+tab", "home", "shift+end", "ctrl+c")
        assert not [text for text in sent if "]52;" in text]


async def test_saving_closes_the_wizard_and_nothing_else(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys pressed while it takes time wait for its end, and none of them brings the wizard back."""
    release = asyncio.Event()
    save = Drafts.save

    async def slow(self: Drafts, draft: object) -> str:
        await release.wait()
        return await save(self, draft)  # type: ignore[arg-type]

    monkeypatch.setattr(Drafts, "save", slow)
    async with console_on(home) as screen:
        await screen.press("e")
        await screen.until_shown("● Server")
        for word in ("Login", "Folders", "Filter", "Delete", "Target", "Name", "Summary"):
            await screen.press("enter")
            await screen.until_shown(f"● {word}")
        await screen.press("enter")
        await screen.until_shown("Saving …")
        for key in ("ctrl+x", "y", "escape", "enter", "h"):
            screen.send(key)
        await screen.until_shown("Saving …")
        release.set()
        # The last key leads Home, whichever pages those before it opened there.
        await screen.keys_done()
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))
        await screen.until_shown("Office")
        assert len(screen.console.screen_stack) == 2


async def test_a_form_does_not_open_over_another_place(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who went on to another place is not disturbed, and neither is the closed place."""
    release = asyncio.Event()
    async with console_on(home) as screen:
        draft = screen.console.desk.users.draft

        async def slow(key: str) -> object:
            await release.wait()
            return await draft(key)

        monkeypatch.setattr(screen.console.desk.users, "draft", slow)
        await screen.press("u")
        await screen.until(lambda: isinstance(screen.console.screen, UsersPlace))
        await screen.until_shown("▸ anna")
        await screen.press("e")
        # Not by a key: that would be kept for the form.
        await screen.console.run_action("go('settings')")
        await screen.until(lambda: isinstance(screen.console.screen, SettingsPlace))
        release.set()
        await screen.pilot.pause()
        assert isinstance(screen.console.screen, SettingsPlace)


async def test_a_profile_that_was_renamed_on_its_page_is_still_there(home: Home) -> None:
    """The page goes on under the new name; one that is gone closes its page and says so."""
    async with console_on(home) as screen:
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.console.screen, ProfilePlace))
        await screen.until_shown("Last runs")
        await screen.press("e")
        await screen.until_shown("● Server")
        for word in ("Login", "Folders", "Filter", "Delete", "Target", "Name"):
            await screen.press("enter")
            await screen.until_shown(f"● {word}")
        await screen.press("end", *" two", "enter")
        await screen.until_shown("● Summary")
        assert isinstance(screen.console.screen, WizardPlace)
        assert isinstance(screen.console.screen.step, SummaryStep)
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.console.screen, ProfilePlace))
        await screen.until_shown("Archivar · Office two")
        archive = await Archive.open(home)
        try:
            await saved_profiles.remove(archive, "Office two")
        finally:
            await archive.close()
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))
        await screen.until_shown("There is no profile Office two any more.")


async def test_a_fault_in_an_answer_is_told(home: Home) -> None:
    """The handler of a box's answer may fail: a panel, and the console goes on."""

    def fail(_answer: object) -> None:
        raise KeyError("hunter2")

    async with console_on(home) as screen:
        await screen.console.push_screen(Confirm(own("Sure?"), BLANK, own("yes"), own("no")), fail)
        await screen.press("y")
        await screen.until_shown("the console has a fault", "KeyError in test_tui_faults.py")
        assert "hunter2" not in screen.text


@pytest.mark.parametrize("keys", ["backspace", "a", "ctrl+u", "?"])
def test_keys_of_forms_cannot_be_what_is_typed(keys: str) -> None:
    """An action needed while typing has a key that is not typed."""
    found = read(f'wizard-next = "{keys}"')
    assert not found.keys
    assert "where this is needed" in found.troubles[0]
