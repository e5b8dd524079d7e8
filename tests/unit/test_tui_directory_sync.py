"""Synchronisation with the directory in the console: previewed, done, refused, and told on Home."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.archive.archive import Archive
from core.archive.registry import saved_directory, saved_profiles, users
from core.engine.examine import directory_sync
from core.errors import DirectoryError
from core.model import Run, RunStatus, now
from core.profiles.directory import LeaverPolicy
from core.profiles.profile import Access, Login, Method, Profile, Server
from core.profiles.selection import UserSelection
from core.secrets import Secret
from tests import played_directory, reasons
from tests.played_directory import LDAP, WORD, Played, at_directory, entry, filled, go, write
from tests.screens import straight
from tests.terminal.consoles import console_on, names
from tests.terminal.staged import HOSTILE

archive = played_directory.archive
played = played_directory.played


async def test_a_preview_changes_nothing_until_enter_does_it(archive: Archive, played: Played) -> None:
    """New, adopted and conflicting users are shown; then settings are saved and users are there, with their origin."""
    await users.add(archive, "bob", ["user01@example.test"])
    await users.add(archive, "user02", ["bobby@example.test"])
    async with console_on(archive.home) as screen:
        await filled(screen)
        await screen.press("ctrl+r")
        await screen.until_shown("8 created, 1 adopted", "1 conflict", "! user02:", "~ user01: was known", "+ user00: new")
        await screen.until_shown("enter Synchronise now", "is changed yet: enter does it.")
        assert await saved_directory.load(archive) is None
        assert len(await users.all_users(archive)) == 3
        assert straight(screen.lines, (80, 24))
        await screen.press("enter")
        await screen.until_shown("✔ Done.", "8 created")
        assert "Synchronise now" not in screen.lines[-1]
        assert await saved_directory.find(archive) == LDAP
        assert len(await names(archive.home.path)) == 11
        await screen.press("escape")
        await screen.until_shown("Last synchronised", "8 created, 1 adopted", "Empty: the one that is kept.")
        await screen.press("escape")
        await screen.until_shown("Users (11)", "From", "user00@example.test", "directory")
        assert "directory" not in next(line for line in screen.lines if "bobby@example.test" in line)


async def test_sync_now_does_it_at_once_and_leaves_are_told(archive: Archive, played: Played) -> None:
    """Users who left are disabled and marked in the list; too many at once are withheld, with the reason."""
    await saved_directory.save(archive, replace(LDAP, left=LeaverPolicy.DISABLE), Secret(WORD))
    async with console_on(archive.home) as screen:
        await at_directory(screen)
        await screen.press("ctrl+n")
        await screen.until_shown("✔ Done.", "10 created")
        played.people = played.people[1:]
        await screen.press("r")
        await screen.until_shown("1 disabled, 9 unchanged", "- user00: left the directory, is disabled")
        await screen.press("enter")
        await screen.until_shown("✔ Done. ", "1 disabled")
        await screen.press("r")
        await screen.until_shown("✔ There is nothing to do.")
        played.people = played.people[4:]
        await screen.press("r")
        await screen.until_shown(
            "! 5 in the directory", "so nobody does; f lets them go.", "4 of 9 users would go", "f Let them go"
        )
        assert "Synchronise now" not in screen.lines[-1]
        await screen.press("escape", "escape")
        await screen.until_shown("Users (11)", "disabled")
        assert [user.name for user in await users.all_users(archive) if user.disabled] == ["user00"]


async def disabled(archive: Archive) -> list[str]:
    return [user.name for user in await users.all_users(archive) if user.disabled]


async def test_many_go_after_a_question_that_names_them_and_nobody_else_does(archive: Archive, played: Played) -> None:
    """Their number and names; no keeps all; yes lets these go, but none when others have left since."""
    await saved_directory.save(archive, replace(LDAP, left=LeaverPolicy.DISABLE), Secret(WORD))
    played.people = tuple(entry(number) for number in range(20))
    await directory_sync.sync(archive)
    played.people = played.people[10:]
    async with console_on(archive.home) as screen:
        await at_directory(screen)
        await screen.press("ctrl+n")
        await screen.until_shown("! Done, but for those who left", "10 of 20 users would go", "f Let them go")
        await screen.press("f")
        await screen.until_shown("Let 10 users go?", "disabled if you say yes: user00,", "user07 and 2 more.")
        await screen.until_shown("y  let them go", "n  leave them as they are")
        assert straight(screen.lines, (80, 24))
        await screen.press("n")
        await screen.until(lambda: "Let 10 users go?" not in screen.text)
        assert await disabled(archive) == []
        everybody, played.people = played.people, played.people[1:]
        await screen.press("f", "y")
        await screen.until_shown("11 of 20 users would go")
        assert await disabled(archive) == []
        played.people = everybody
        await screen.press("r")
        await screen.until_shown("10 of 20 users would go", "so nobody does; f lets them go.")
        await screen.press("f", "y")
        await screen.until_shown("✔ Done.", "10 disabled")
        assert "Let them go" not in screen.lines[-1]
        assert await disabled(archive) == [f"user{number:02}" for number in range(10)]


async def test_a_directory_that_does_not_answer_changes_nothing(archive: Archive, played: Played) -> None:
    """The refusal and the remedy, also from a hostile server; asking again is one key."""
    await saved_directory.save(archive, LDAP, Secret(WORD))
    played.refuses = DirectoryError(reasons.said(f"It gave a part only. {HOSTILE}", "Ask again later."))
    async with console_on(archive.home) as screen:
        await at_directory(screen)
        await screen.press("ctrl+n")
        await screen.until_shown("✗ It gave a part only.")
        assert straight(screen.lines, (80, 24))
        assert "\x1b" not in screen.text
        played.refuses = None
        await screen.press("r")
        await screen.until_shown("10 created", "enter Synchronise now")
        assert await names(archive.home.path) == ["alice"]


async def test_home_tells_of_a_failed_synchronisation_until_one_succeeds(archive: Archive, played: Played) -> None:
    """With when, before which run and why; its digit leads to the directory, which tells it too; then it is gone."""
    await saved_directory.save(archive, LDAP, Secret(WORD))
    played.refuses = DirectoryError(reasons.said(f"It gave a part only. {HOSTILE}", "Ask again later."))
    with pytest.raises(DirectoryError):
        await directory_sync.sync(archive, asked_by=Run(7, "Staff", RunStatus.RUNNING, now()))
    async with console_on(archive.home) as screen:
        await screen.until_shown("1 ! Users could not be synchronised (", "It gave a part")
        await screen.until_shown("→ look at")
        assert straight(screen.lines, (80, 24))
        await screen.press("1")
        await screen.until_shown("▸ Directory", "! Users could not be synchronised (", "before run 7 of Staff)")
        assert straight(screen.lines, (80, 24))
        played.refuses = None
        await screen.press("ctrl+n")
        await screen.until_shown("✔ Done.")
        await screen.press("escape")
        await screen.until_shown("Last synchronised")
        assert "could not be" not in screen.text
        await screen.press("escape")
        await screen.until_shown("Needs attention", "✔ Nothing.")


async def test_home_tells_of_a_profile_that_synchronises_without_a_directory(archive: Archive) -> None:
    """Its digit leads to where one is set up."""
    server = Server("mail.example.test", Access.IMAP_SSL)
    profile = Profile(
        "Staff", server, Login("", method=Method.KERIO_MASTER), selection=UserSelection(), sync_directory_first=True
    )
    await saved_profiles.save(archive, profile, Secret(WORD))
    async with console_on(archive.home) as screen:
        await screen.until_shown("1 ! Staff is to synchronise users before each run, and no", "→ look at")
        await screen.press("1")
        await screen.until_shown("▸ Directory", "(•) Kerio Connect")


async def test_the_wizard_takes_users_from_a_directory_and_synchronises_first(archive: Archive, played: Played) -> None:
    """t on the page of users; back there they are in the list, and a tick has each run synchronise first."""
    await users.remove(archive, await users.find(archive, "alice"))
    async with console_on(archive.home) as screen:
        await screen.press("n")
        await screen.until_shown("● Kind", "▸ Archive")
        await screen.press("down", "enter")
        await screen.until_shown("● Server", "▸ Server name")
        await write(screen, "mail.example.test")
        await screen.press("enter")
        await screen.until_shown("● Users", "t  takes them from a directory")
        assert "synchronise with the directory" not in screen.text
        await screen.press("t")
        await screen.until_shown("▸ Directory", "(•) Kerio Connect")
        await screen.press("right", "right")
        await go(screen, "Server name")
        await write(screen, "dc1.example.test")
        await screen.press("ctrl+n")
        await screen.until_shown("✔ Done.", "10 created")
        await screen.press("escape")
        await screen.until_shown("Last synchronised")
        await screen.press("escape")
        await screen.until_shown(
            "● Users", "[x] user00", "[ ] synchronise with the directory before archiving", "Archives 10 of"
        )
        assert straight(screen.lines, (80, 24))
        await screen.press("shift+tab", "shift+tab", "space")
        await screen.until_shown("▸ [x] synchronise with the directory before archiving")
        for word in ("Login", "Folders", "Filter", "Delete", "Name"):
            await screen.press("enter")
            if word == "Login":
                await screen.until_shown("● Login")
                await go(screen, "Master password")
                await write(screen, WORD)
            await screen.until_shown(f"● {word}")
            if word == "Folders":
                await screen.until_shown("The folders cannot be read")
        await screen.until_shown("▸ Profile name")
        await write(screen, "Staff")
        await screen.press("enter")
        await screen.until_shown("● Summary")
        await screen.press("enter")
        await screen.until_shown("Profile Staff saved.")
        assert (await saved_profiles.find(archive, "Staff")).sync_directory_first


async def test_the_page_of_filing_leads_to_the_directory_while_nobody_is_known(archive: Archive, played: Played) -> None:
    """It says so until a user has an address, and the doubt about it is told once."""
    await users.remove(archive, await users.find(archive, "alice"))
    async with console_on(archive.home) as screen:
        await screen.press("n")
        await screen.until_shown("● Kind", "▸ Archive")
        await screen.press("down", "down", "enter")
        await screen.until_shown("● Server", "▸ Server name")
        await write(screen, "mail.example.test")
        await screen.press("enter")
        await screen.until_shown("● Login")
        await write(screen, "journal@example.test")
        await go(screen, "Password")
        await write(screen, WORD)
        await screen.press("enter")
        await screen.until_shown("● Folders", "The folders cannot be read")
        await screen.press("enter")
        await screen.until_shown("● Filing", "! No user has an e-mail address yet: ^o takes them", "^o Directory")
        assert straight(screen.lines, (80, 24))
        await screen.press("enter")
        await screen.until_shown("step 5 of 9", "all the same.")
        await saved_directory.save(archive, LDAP, Secret(WORD))
        await screen.press("ctrl+o")
        await screen.until_shown("▸ Directory", "(•) LDAP")
        await screen.press("ctrl+n")
        await screen.until_shown("✔ Done.", "10 created")
        await screen.press("escape")
        await screen.until_shown("Last synchronised")
        await screen.press("escape")
        await screen.until_shown("step 5 of 9", "Received mail")
        await screen.until(lambda: "! No user has" not in screen.text)
        await screen.press("enter")
        await screen.until_shown("● Filter")
