"""The directory in the console: set up, tried, previewed and synchronised by keys, on a real archive; the network is played."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from textual.events import Key

from core.archive.archive import Archive
from core.archive.registry import last_attempt, saved_directory
from core.directory.group_notes import GroupLack, GroupNote
from core.errors import DirectoryError
from core.secrets import Secret
from tests import played_directory, reasons
from tests.played_directory import LDAP, WORD, Played, at_directory, filled, go, write
from tests.screens import BOTH_SIZES, straight
from tests.terminal.consoles import console_on, names
from tui.desk.users.directory import DirectoryDesk, DirectoryDraft
from tui.places.directory.directory import DirectoryPlace
from tui.places.home.home import HomePlace
from tui.places.users.users import UsersPlace

archive = played_directory.archive
played = played_directory.played


@BOTH_SIZES
async def test_fields_are_those_of_the_kind_of_directory(archive: Archive, size: tuple[int, int]) -> None:
    """Kerio has domains, LDAP an access and a base DN, each its port; what is not safe is said beside it; the frame holds."""
    async with console_on(archive.home, size) as screen:
        await at_directory(screen)
        await screen.until_shown(
            "(•) Kerio Connect", "Empty: 4040", "enter Save", "^t Test", "^r Preview", "^n Sync now", "f1 Help"
        )
        assert "Access via" not in screen.text
        assert "^l" not in screen.lines[-1]
        assert straight(screen.lines, size)
        await screen.press("right")
        await screen.until_shown("(•) Active Directory", "(•) LDAPS", "Empty: 636")
        await go(screen, "Access via")
        await screen.press("right", "right")
        await screen.until_shown("! Anyone in between can read and change all of it.", "Empty: 389")
        await screen.until_gone("Certificates")
        await screen.press("left")
        await go(screen, "Certificates")
        await screen.press("space")
        await screen.until_shown("! Anyone in between can read the password")
        await screen.until_gone("Own CA file")
        await go(screen, "Addresses from")
        await screen.until_shown("Empty: mail, proxyAddresses.")
        await go(screen, "Who left")
        await screen.press("down", "down")
        await screen.until_shown("(•) they are removed", "Their archive stays.")
        await go(screen, "At most, in %")
        assert straight(screen.lines, size)


async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_saved(archive: Archive) -> None:
    """All at once, the first has the focus; a password without a user name is refused."""
    async with console_on(archive.home) as screen:
        await at_directory(screen)
        await screen.press("enter")
        await screen.until_shown("▸ Server name", "! This is needed.")
        await write(screen, "dc1.example.test")
        await go(screen, "Login")
        await screen.until_shown("! This is needed.")
        await write(screen, "admin")
        await screen.press("enter")
        await screen.until_shown("▸ Password", "! The password is needed.")
        assert await saved_directory.load(archive) is None


async def test_settings_are_saved_and_come_back(archive: Archive, played: Played) -> None:
    """The password is kept encrypted and asked for no more, but for another server."""
    async with console_on(archive.home) as screen:
        await filled(screen)
        await screen.press("enter")
        await screen.until_shown("Directory saved.", "Empty: the one that is kept.")
        assert await saved_directory.find(archive) == LDAP
        assert (await saved_directory.password(archive, LDAP)).reveal() == WORD
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, UsersPlace))
        await screen.press("t")
        await screen.until_shown("[dc1.example.test", "(•) LDAP", "Empty: the one that is kept.", "cn=reader,dc=x")
        assert WORD not in screen.text
        await screen.press("ctrl+t")
        await screen.until_shown("✔ All steps went well.")
        assert played.asked == [(LDAP, WORD)]
        await screen.press("escape")
        await go(screen, "Server name")
        await write(screen, ".other")
        await screen.until_shown("Needed: it is another server, account or encryption.")
        for key in ("ctrl+r", "enter"):
            await screen.press(key)
            await screen.until_shown("! The server, the account or the encryption is another")
        await screen.press("ctrl+t")
        await screen.until_shown("✗ The password is needed.")
        assert len(played.asked) == 1
        await screen.press("escape", "escape")
        await screen.until_shown("Leave without saving?")
        await screen.press("y")
        await screen.until(lambda: isinstance(screen.console.screen, UsersPlace))
        assert await saved_directory.find(archive) == LDAP


async def test_the_test_says_which_step_failed_and_what_to_do(archive: Archive, played: Played) -> None:
    """With what was typed, saved or not; a form that is not complete cannot be tried."""
    async with console_on(archive.home) as screen:
        await at_directory(screen)
        await screen.press("ctrl+t")
        await screen.until_shown('✗ This cannot be tried yet. Correct first: "Server name".')
        await screen.press("escape", "escape", "t")
        played.refuses = DirectoryError(reasons.said("There is nobody below dc=x.", "Look at the base DN."))
        await screen.until_shown("▸ Directory")
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, UsersPlace))
        await screen.press("escape")
        await filled(screen)
        await screen.press("ctrl+t")
        await screen.until_shown("Search", "✗ failed", "There is nobody below dc=x.", "Look at the base DN.", "✗ Not all steps")
        assert played.asked == [(LDAP, WORD)]
        assert await saved_directory.load(archive) is None


async def test_groups_that_lead_to_nobody_are_named(archive: Archive, played: Played) -> None:
    """By the test, and among what would change."""
    played.groups = (GroupNote("sales", GroupLack.EMPTY), GroupNote("staff", GroupLack.FOREIGN, 2, ("cn=x", "cn=y")))
    async with console_on(archive.home) as screen:
        await filled(screen)
        await screen.press("ctrl+t")
        await screen.until_shown("✔ All steps went well.", 'The group "sales" is empty', "members of another domain")
        await screen.press("escape", "ctrl+r")
        await screen.until_shown('! The group "sales" is empty: no users come of it.', '! The group "staff" has 2 members')


async def test_settings_that_do_not_work_never_take_the_place_of_those_that_do(archive: Archive, played: Played) -> None:
    """A wrong password, tried, previewed, synchronised at once and from the preview: what was saved is as it was."""
    await saved_directory.save(archive, LDAP, Secret(WORD))
    before = await archive.head()
    played.refuses = DirectoryError(reasons.said("The directory refused the login.", "Check login and password."))

    async def unchanged() -> bool:
        kept = (await saved_directory.password(archive, LDAP)).reveal() == WORD
        return kept and await saved_directory.find(archive) == LDAP and await archive.head() == before

    async with console_on(archive.home) as screen:
        await at_directory(screen)
        await go(screen, "Password")
        await write(screen, "wrong")
        for key, said in (("ctrl+t", "Not all steps went well"), ("ctrl+r", "nor saved.")):
            await screen.press(key)
            await screen.until_shown(said)
            assert await unchanged()
            await screen.press("escape")
            await screen.until_shown("Where users come from")
        await screen.press("ctrl+n")
        await screen.until_shown("The directory refused the login.", "nor saved.")
        assert await unchanged()
        assert await last_attempt.last(archive) is None
        played.refuses = None
        await screen.press("r")
        await screen.until_shown("10 created", "enter Synchronise now")
        played.refuses = DirectoryError(reasons.said("The directory refused the login.", "Check login and password."))
        await screen.press("enter")
        await screen.until_shown("nor saved.")
        assert await unchanged()
        played.refuses = None
        await screen.press("r")
        await screen.until_shown("10 created", "enter Synchronise now")
        await screen.press("enter")
        await screen.until_shown("✔ Done.", "10 created")
        assert (await saved_directory.password(archive, LDAP)).reveal() == "wrong"
        await screen.press("escape")
        await screen.until_shown("Last synchronised", "Empty: the one that is kept.")


async def test_settings_that_somebody_else_changed_are_not_overwritten(archive: Archive) -> None:
    """Saving says so, and what they are stays."""
    await saved_directory.save(archive, LDAP, Secret(WORD))
    async with console_on(archive.home) as screen:
        await at_directory(screen)
        await saved_directory.save(archive, replace(LDAP, guard=7))
        await go(screen, "Base DN")
        await write(screen, "dc=x")
        await screen.press("enter")
        await screen.until_shown("Somebody else changed the directory's settings")
        assert (await saved_directory.find(archive)).guard == 7


async def test_a_directory_is_removed_after_a_question(archive: Archive) -> None:
    """Settings and password go, users stay."""
    await saved_directory.save(archive, LDAP, Secret(WORD))
    async with console_on(archive.home) as screen:
        await at_directory(screen)
        await screen.press("ctrl+l")
        await screen.until_shown("Remove the directory?")
        await screen.press("n")
        assert await saved_directory.load(archive) == LDAP
        await screen.press("ctrl+l")
        await screen.until_shown("Remove the directory?")
        await screen.press("y")
        await screen.until_shown("Directory removed.")
        assert await saved_directory.load(archive) is None
        assert await names(archive.home.path) == ["alice"]


async def test_the_palette_and_the_guide_are_ways_too(archive: Archive) -> None:
    """From Home by name; ^g tells what the directory needs."""
    async with console_on(archive.home) as screen:
        await screen.press("ctrl+p")
        await screen.until_shown("Search for commands")
        await screen.press(*"directory")
        await screen.until_shown("The directory that users come from")
        await screen.press("down", "enter")
        await screen.until(lambda: isinstance(screen.console.screen, DirectoryPlace))
        await screen.press("ctrl+g")
        await screen.until_shown("Users from a directory", "Kerio Connect Administration")
        await screen.press("escape", "escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))


async def test_what_is_typed_while_the_settings_are_read_goes_into_their_form(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is lost, and a key that works with the form is no fault before there is one."""
    gate, read = asyncio.Event(), DirectoryDesk.draft

    async def draft(desk: DirectoryDesk) -> DirectoryDraft:
        await gate.wait()
        return await read(desk)

    monkeypatch.setattr(DirectoryDesk, "draft", draft)
    async with console_on(archive.home) as screen:
        await screen.press("u")
        await screen.until(lambda: isinstance(screen.console.screen, UsersPlace))
        for key in ("t", "tab", *"dc9"):
            screen.console.post_message(Key(key, key if len(key) == 1 else None))
        await screen.until(lambda: isinstance(screen.console.screen, DirectoryPlace))
        place = screen.console.screen
        assert isinstance(place, DirectoryPlace)
        assert place.draft is None
        gate.set()
        await screen.until(lambda: place.draft is not None and place.draft.fields["server.host"] == "dc9")
