"""The directory in the console: set up, tried, previewed and synchronised by keys, on a real archive; the network is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.events import Key
from textual.widgets import Input

import tui.desk.directory
from core.archive.archive import Archive
from core.archive.registry import last_attempt, saved_directory, saved_profiles, users
from core.directory.entry import DirectoryEntry
from core.directory.group_notes import GroupLack, GroupNote
from core.directory.people import steps
from core.engine.examine import directory_sync
from core.errors import DirectoryError
from core.model import Run, RunStatus, now
from core.network import Report
from core.profiles.directory import Directory, DirectoryAccess, DirectoryKind, DirectoryServer, LeaverPolicy
from core.profiles.profile import Access, Login, Method, Profile, Server
from core.profiles.selection import UserSelection
from core.secrets import Secret
from core.trial import TrialStep
from tests import homes, reasons
from tests.screens import Shown, straight
from tests.terminal.consoles import console_on, names
from tests.terminal.staged import HOSTILE
from tui.desk.directory import DirectoryDesk, DirectoryDraft
from tui.places.directory.directory import DirectoryPlace
from tui.places.home.home import HomePlace
from tui.places.users.users import UsersPlace

BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)])
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
    monkeypatch.setattr(tui.desk.directory, "connection_test", played.test)
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
        await screen.until_shown("1 ! Users could not be synchronised (", "before run 7 of Staff): It", "gave a part only.")
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
        await screen.until_shown("1 ! Staff is to synchronise users before each run, and no directory", "→ set one up")
        await screen.press("1")
        await screen.until_shown("▸ Directory", "(•) Kerio Connect")


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
