"""Seals in the console: places, deliveries, and setting up, changing and removing a place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal, seal_places
from core.config import Home
from core.profiles.seal_place import MailAccess, PlaceKind, SealPlace
from core.secrets import Secret
from tests import homes
from tests.homes import message
from tests.reasons import said
from tests.screens import Shown, straight
from tests.terminal.consoles import console_on
from tui.places.confirm import Confirm
from tui.places.home.home import HomePlace
from tui.places.pick import Pick
from tui.places.proof.proof import ProofPlace
from tui.places.proof.seals import SealForm, SealsPlace
from tui.places.runs.job import JobPlace
from tui.places.settings.settings import SettingsPlace


@pytest.fixture
async def archive(several_volumes: Home) -> AsyncIterator[Archive]:
    archive = await Archive.open(several_volumes)
    yield archive
    await archive.close()


async def at_seals(screen: Shown) -> None:
    for key, place in (("s", SettingsPlace), ("p", ProofPlace), ("l", SealsPlace)):
        await screen.press(key)
        await screen.until(lambda place=place: isinstance(screen.console.screen, place))  # type: ignore[misc]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_place_is_set_up_and_the_seal_sent_there(archive: Archive, tmp_path: Path, size: tuple[int, int]) -> None:
    """A fault stands at its field, and nothing is saved; a delivered seal is listed with its entry."""
    target = tmp_path / "seals.txt"
    async with console_on(archive.home, size) as screen:
        await at_seals(screen)
        await screen.until_shown("Seals are sent nowhere yet", "n New", "sent every night")
        assert "t Send now" not in screen.text
        await screen.press("n")
        await screen.until(lambda: isinstance(screen.console.screen, Pick))
        await screen.until_shown("a file elsewhere")
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.console.screen, SealForm))
        await screen.press("tab", *"seals.txt", "enter")
        await screen.until_shown('! "seals.txt" is not allowed')
        await screen.press(*["backspace"] * 9, *str(target), "enter")
        await screen.until(lambda: isinstance(screen.console.screen, SealsPlace))
        await screen.until_shown("○ not yet", "t Send now", "d Remove")
        assert straight(screen.lines, size)
        await screen.press("t")
        await screen.until(lambda: isinstance(screen.console.screen, JobPlace))
        await screen.until_shown("The seal is at 1 place: file.")
        await screen.press("escape")
        await screen.until_shown("✔ sent")
    assert str(await seal.current(archive)) in target.read_text("utf-8")


async def test_a_new_place_takes_no_name_that_is_taken_and_a_changed_choice_is_not_lost(
    archive: Archive, tmp_path: Path
) -> None:
    """The kind's name is offered to every new place: the one that has it stays. Enter saves wherever one is."""
    await seal_places.save(archive, SealPlace("mail", PlaceKind.MAIL, "a@example.test", "mail.example.test"))
    async with console_on(archive.home) as screen:
        await at_seals(screen)
        await screen.press("e")
        await screen.until(lambda: isinstance(screen.console.screen, SealForm))
        await screen.press("tab", "tab", "tab", "right", "escape")
        await screen.until_shown("Leave without saving?")
        await screen.press("n", "enter")
        await screen.until(lambda: isinstance(screen.console.screen, SealsPlace))
        assert (await seal_places.find(archive, "mail")).place.access is MailAccess.SSL
        await screen.press("n", "down", "enter")
        await screen.until(lambda: isinstance(screen.console.screen, SealForm))
        await screen.press("tab", *"b@example.test", "tab", *"mail.example.test", "enter")
        await screen.until_shown("there is a place mail already")
        assert [one.place.target for one in await seal_places.standings(archive)] == ["a@example.test"]


async def test_one_place_has_one_name_whatever_its_letters(archive: Archive, tmp_path: Path) -> None:
    """Large or small letters beyond ASCII too: what the ledger calls a change is one, and one is removed."""
    for name, file in (("Büro", "a.txt"), ("BÜRO", "b.txt")):
        saved = await seal_places.save(archive, SealPlace(name, PlaceKind.FILE, str(tmp_path / file)))
    [one] = await seal_places.standings(archive)
    assert one.place == saved == SealPlace("Büro", PlaceKind.FILE, str(tmp_path / "b.txt"))
    await seal_places.remove(archive, "büro")
    assert await seal_places.standings(archive) == []


async def test_a_place_that_fails_is_on_home_and_is_changed_or_removed(archive: Archive, tmp_path: Path) -> None:
    """The digit of Home leads there; its password stays when something else is changed."""
    mail = SealPlace("post", PlaceKind.MAIL, "seals@example.test", "127.0.0.1", 9, username="archivar")
    await seal_places.save(archive, mail, Secret("hidden"))
    await seal_places.failed(archive, mail, said("127.0.0.1 refuses\x1b[31m the mail."))
    async with console_on(archive.home) as screen:
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))
        await screen.until_shown("No seal reaches post: 127.0.0.1 refuses")
        await screen.press("1")
        await screen.until(lambda: isinstance(screen.console.screen, SealsPlace))
        await screen.until_shown("! failed", "mail: seals@example.test by 127.0.0.1")
        await screen.press("e")
        await screen.until(lambda: isinstance(screen.console.screen, SealForm))
        await screen.until_shown("seals@example.test")
        assert "hidden" not in screen.text
        await screen.press("end", *"s", "enter")
        await screen.until(lambda: isinstance(screen.console.screen, SealsPlace))
        await screen.until_shown("mail: seals@example.tests by")
        changed = (await seal_places.find(archive, "post")).place
        assert (await seal_places.password(archive, changed)).reveal() == "hidden"
        await screen.press("d")
        await screen.until(lambda: isinstance(screen.console.screen, Confirm))
        await screen.press("y")
        await screen.until_shown("Seals are sent nowhere yet")
    assert homes.rows(archive.home.catalog, "SELECT count(*) FROM password") == [(0,)]


async def test_an_archive_that_was_put_back_is_asked_about(archive: Archive, tmp_path: Path) -> None:
    """DAMAGED on Home and in the list; sending asks first, and goes on when that is wished."""
    file = SealPlace("file", PlaceKind.FILE, str(tmp_path / "seals.txt"))
    await seal_places.save(archive, file)
    now = await seal.current(archive)
    await seal_places.arrived(archive, file, replace(now, hash=bytes(32)), sent=True)
    await homes.store(archive, {60: message(60)})
    async with console_on(archive.home) as screen:
        await at_seals(screen)
        await screen.press("t")
        await screen.until_shown("The archive does not contain what was sealed at entry")
        await screen.press("escape")
        await screen.until_shown("✗ DAMAGED")
        await screen.press("t")
        await screen.until(lambda: isinstance(screen.console.screen, Confirm))
        await screen.press("y")
        await screen.until_shown("The seal is at 1 place: file.")
