"""Users in the console: found, added, changed, removed and imported by keys alone, on a real archive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.events import Key
from textual.widgets import Input

from core.archive.archive import Archive
from core.archive.registry import users
from tests import homes
from tests.screens import BOTH_SIZES, Shown, straight
from tests.terminal.consoles import add_users, console_on, names
from tests.terminal.staged import HOSTILE
from tui.desk.users.users import SavedUser, UserDraft, UsersDesk
from tui.places.confirm import Confirm
from tui.places.home.home import HomePlace
from tui.places.users.importing import ImportPlace
from tui.places.users.user_form import UserForm
from tui.places.users.users import UsersPlace
from tui.places.wizard.people import TargetStep, UsersStep
from tui.places.wizard.wizard import WizardPlace


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    await users.add(archive, "bob", ["bob@example.test", "robert@example.test"], full_name="Bob Baker", login="bb")
    await users.add(archive, "carol", [])
    yield archive
    await archive.close()


async def write(screen: Shown, text: str) -> None:
    await screen.press(*("space" if one == " " else one for one in text))


async def at_users(screen: Shown) -> UsersPlace:
    await screen.press("u")
    await screen.until_shown("Users (")
    place = screen.console.screen
    assert isinstance(place, UsersPlace)
    return place


@BOTH_SIZES
async def test_all_users_are_listed_with_what_is_known_of_them(archive: Archive, size: tuple[int, int]) -> None:
    """Name, full name and addresses, a missing address in words, the login name where there is room; the keys at the foot."""
    async with console_on(archive.home, size) as screen:
        await at_users(screen)
        await screen.until_shown("Users (3)", "▸ alice", "Bob Baker", "bob@example.test", "! no e-mail address")
        await screen.until_shown("n New", "enter Edit", "d Remove", "i Import", "t Directory", "esc Back", "? Help")
        assert ("Login name" in screen.text) == (size[0] > 100)
        assert straight(screen.lines, size)
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))


async def test_typing_searches_and_the_list_is_one_key_away(archive: Archive) -> None:
    """/ and typing leave what has the text; enter or down goes to the list, esc in the search shows all again."""
    async with console_on(archive.home) as screen:
        place = await at_users(screen)
        await screen.press("slash", *"robert")
        await screen.until_shown("Users (1 of 3)", "  bob ", "▸ Search [robert")
        assert "▸ bob" not in screen.text
        assert screen.lines[-1].split() == ["esc", "All", "users", "^p", "Commands", "f1", "Help"]
        await screen.press("enter")
        assert place.people.has_focus
        await screen.press("slash", *"zz")
        await screen.until_shown("Nobody has that in a name", "Users (0 of 3)")
        assert "enter Edit" not in screen.text
        await screen.press("escape")
        await screen.until_shown("Users (3)", "alice", "carol")
        await screen.until(lambda: place.people.has_focus)
        await screen.press("slash", *"carol", "down")
        await screen.until(lambda: place.people.has_focus)
        await screen.until_shown("Users (1 of 3)")


async def test_letters_in_the_search_are_no_commands(archive: Archive) -> None:
    """n, d, s and q are typed there."""
    async with console_on(archive.home) as screen:
        await at_users(screen)
        await screen.press("slash", *"ndsquhyi")
        await screen.until_shown("ndsquhyi")
        assert isinstance(screen.console.screen, UsersPlace)


async def test_keys_typed_while_a_form_saves_are_for_what_comes_then(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form saves once and closes itself alone, with any keys behind enter."""
    gate, saved = asyncio.Event(), UsersDesk.save
    begun = 0

    async def save(desk: UsersDesk, draft: UserDraft) -> SavedUser:
        nonlocal begun
        begun += 1
        await gate.wait()
        return await saved(desk, draft)

    monkeypatch.setattr(UsersDesk, "save", save)
    async with console_on(archive.home) as screen:
        await at_users(screen)
        for key in ("n", *"zoe", "enter", "escape", "u", "slash", *"zo"):
            screen.console.post_message(Key(key, key if len(key) == 1 else None))
        await screen.until(lambda: begun == 1)
        assert isinstance(screen.console.screen, UserForm)
        gate.set()
        await screen.until_shown("▸ Search [zo", "Users (1 of 4)")
        assert begun == 1
        assert isinstance(screen.console.screen, UsersPlace)


async def test_a_user_is_added_with_aliases(archive: Archive) -> None:
    """n, the fields, enter: the user is there, chosen in the list, and the first address is the primary one."""
    async with console_on(archive.home) as screen:
        place = await at_users(screen)
        await screen.press("n")
        await screen.until_shown("New user", "▸ User name", "The first is the primary one")
        await write(screen, "bea")
        await screen.press("tab")
        await write(screen, "Bea Best")
        await screen.press("tab")
        await write(screen, "bea@example.test,b2@example.test")
        await screen.press("enter")
        await screen.until_shown("User bea added.", "Users (4)", "▸ bea")
        assert place.people.has_focus
    user = await users.find(archive, "bea")
    assert (user.addresses, user.full_name) == (("bea@example.test", "b2@example.test"), "Bea Best")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("", "", ""), "Every user needs a name."),
        (("a/b", "", ""), "without / and no - first"),
        (("Bob", "", ""), "There is a user bob already."),
        (("dora", "", "robert@example.test"), "robert@example.test belongs to bob"),
        (("dora", "", "no address"), "is not an e-mail address"),
    ],
)
async def test_what_is_wrong_stands_beside_the_field(archive: Archive, typed: tuple[str, str, str], said: str) -> None:
    """Nothing is saved, what was typed stays, and the field to be corrected has the focus."""
    async with console_on(archive.home) as screen:
        await at_users(screen)
        await screen.press("n")
        await screen.until(lambda: isinstance(screen.console.screen, UserForm))
        for text in typed:
            await write(screen, text)
            await screen.press("tab")
        await screen.press("enter")
        await screen.until(lambda: "! " in screen.text and said in " ".join(screen.text.replace("┃", " ").split()))
        assert isinstance(screen.console.focused, Input)
        assert all(not text or text in screen.text for text in typed)
    assert await names(archive.home.path) == ["alice", "bob", "carol"]


async def test_leaving_a_form_asks_only_when_something_was_typed(archive: Archive) -> None:
    """Escape closes what is as it was; what was typed is not lost by one key."""
    async with console_on(archive.home) as screen:
        await at_users(screen)
        await screen.press("n", "escape")
        await screen.until(lambda: isinstance(screen.console.screen, UsersPlace))
        await screen.press("n", "x", "escape")
        await screen.until_shown("Leave without saving?")
        await screen.press("n")
        await screen.until(lambda: isinstance(screen.console.screen, UserForm))
        await screen.press("escape", "y")
        await screen.until(lambda: isinstance(screen.console.screen, UsersPlace))


async def test_a_user_is_changed(archive: Archive) -> None:
    """Enter opens the user with all true values; a new name keeps the archive."""
    before = await users.find(archive, "bob")
    async with console_on(archive.home) as screen:
        await at_users(screen)
        await screen.press("down", "enter")
        await screen.until_shown("Change a user", "bob@example.test, robert@example.test", "Bob Baker", "bb")
        await screen.press("home", *"big", "enter")
        await screen.until_shown("User bigbob changed.", "▸ bigbob")
    after = await users.find(archive, "bigbob")
    assert (after.id, after.addresses, after.login, after.full_name) == (
        before.id,
        before.addresses,
        before.login,
        before.full_name,
    )


async def test_removing_says_what_happens_and_asks(archive: Archive) -> None:
    """The archive stays; n leaves all as it is; adding the user again gives it back."""
    async with console_on(archive.home) as screen:
        await at_users(screen)
        await screen.press("down", "d")
        await screen.until_shown(
            "Remove bob?", "The archive stays", "not archive the mailbox any more", "gives the archive back"
        )
        await screen.press("enter")
        assert isinstance(screen.console.screen, Confirm)
        await screen.press("n")
        assert await names(archive.home.path) == ["alice", "bob", "carol"]
        await screen.press("d", "y")
        await screen.until_shown("User bob removed.", "Users (2)")
        await screen.press("n", *"bob", "enter")
        await screen.until_shown("User bob added.", "kept under this name is back.")


async def test_removing_somebody_of_the_directory_says_who_brings_the_user_back(archive: Archive) -> None:
    """It is undone by the next synchronisation, and other users get no such remark."""
    bob = (await users.find(archive, "bob")).as_json() | {"directory_id": "entryUUID:1"}
    await archive.append([homes.draft("user.saved", {"user": bob})])
    async with console_on(archive.home) as screen:
        await at_users(screen)
        await screen.press("down", "d")
        await screen.until_shown("Remove bob?", "next synchronisation brings the user back.", "n  leave it as it is")
        assert straight(screen.lines, (80, 24))
        await screen.press("n", "up", "d")
        await screen.until_shown("Remove alice?")
        assert "synchronisation" not in screen.text


async def test_without_users_the_place_says_how_to_add_them(tmp_path: Path) -> None:
    """An empty list names the keys, and none that has no sense."""
    archive = await homes.begin(tmp_path / "home")
    await users.remove(archive, await users.find(archive, "alice"))
    async with console_on(archive.home) as screen:
        await at_users(screen)
        await screen.until_shown("There are no users yet.", "n  adds a user by hand", "i  imports a CSV file")
        assert "enter Edit" not in screen.text
        assert "d Remove" not in screen.text
        await screen.press("n", *"zoe", "enter")
        await screen.until_shown("Users (1)", "▸ zoe")
    await archive.close()


async def test_two_consoles_see_each_others_users(archive: Archive) -> None:
    """A user added in one is in the other's list within a moment, and the other's choice stays."""
    async with console_on(archive.home) as one, console_on(archive.home) as other:
        await at_users(one)
        await at_users(other)
        await other.press("end")
        await other.until_shown("▸ carol")
        await one.press("n", *"aaron", "enter")
        await one.until_shown("User aaron added.")
        await other.until_shown("Users (4)", "aaron", "▸ carol")


@BOTH_SIZES
async def test_hostile_texts_leave_the_list_alone(archive: Archive, size: tuple[int, int]) -> None:
    """Names that no command would take but a ledger can hold change no line, in the list, the form and the question."""
    text = HOSTILE.encode("utf-8", "replace").decode()
    person = {"id": "x", "name": text, "addresses": [text], "login": text, "full_name": text, "removed": False}
    await archive.append([homes.draft("user.saved", {"user": person})])
    async with console_on(archive.home, size) as screen:
        place = await at_users(screen)
        await screen.until_shown("Users (4)", "OWNED")
        place.people.choose(next(index for index in range(4) if (row := place.people.row(index)) and row.key == text))
        assert straight(screen.lines, size)
        for key in ("d", "e"):
            await screen.press(key)
            await screen.until(lambda: screen.console.screen is not place)
            await screen.until_shown("[/b]")
            assert not set(screen.text) & set("\x1b\x07\x9b\u202e\u2066\u200b\ufeff")
            await screen.press("escape")
            await screen.until(lambda: screen.console.screen is place)


async def test_of_a_hundred_thousand_users_only_what_is_seen_is_read(archive: Archive) -> None:
    """The beginning and the end of the list are a page each, and so is what is searched for."""
    await add_users(archive, 100_000)
    async with console_on(archive.home) as screen:
        place = await at_users(screen)
        await screen.until_shown("Users (100,003)", "▸ alice")
        assert len(place.people._pages) == 1
        await screen.press("end")
        await screen.until_shown("▸ user099999")
        assert len(place.people._pages) <= 3
        await screen.press("slash", *"user0777")
        await screen.until_shown("Users (100 of 100,003)")


# -- importing


LIST = "name,email,full_name\nbob,bob@example.test,Bob B.\ndora,dora@example.test,Dora D.\nalice,alice@example.test,\n"


async def at_import(screen: Shown, path: Path) -> None:
    await at_users(screen)
    await screen.press("i")
    await screen.until_shown("Import users from a CSV file", "names the")
    await write(screen, str(path))
    await screen.press("enter")


@BOTH_SIZES
async def test_an_import_is_shown_and_then_done(archive: Archive, tmp_path: Path, size: tuple[int, int]) -> None:
    """New users and changes are shown before; enter does it and reports it."""
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    async with console_on(archive.home, size) as screen:
        await at_import(screen, tmp_path / "list.csv")
        await screen.until_shown(
            "1 new, 1 changed, 1 unchanged", "+ dora: new, dora@example.test (Dora D.)", "~ bob: ", "Bob Baker"
        )
        await screen.until_shown("enter Import", "esc Leave")
        assert straight(screen.lines, size)
        assert await names(archive.home.path) == ["alice", "bob", "carol"]
        await screen.press("enter")
        await screen.until_shown("Users: 1 added, 1 changed.", "Users (4)", "dora")
    assert (await users.find(archive, "bob")).full_name == "Bob B."


async def test_of_a_wrong_list_nothing_is_imported(archive: Archive, tmp_path: Path) -> None:
    """Wrong lines and conflicts are named with their numbers, and there is no key to import."""
    wrong = "name,email\ndora,dora@example.test\nx/y,nothing\nelse,alice@example.test\n"
    (tmp_path / "list.csv").write_text(wrong, encoding="utf-8")
    async with console_on(archive.home) as screen:
        await at_import(screen, tmp_path / "list.csv")
        await screen.until_shown("! line 3: ", "! line 4: alice@example.test belongs to alice", "Nothing can be imported")
        assert "enter Import" not in screen.text
        await screen.press("enter", "y", "escape")
        await screen.until(lambda: isinstance(screen.console.screen, UsersPlace))
    assert await names(archive.home.path) == ["alice", "bob", "carol"]


async def test_a_file_that_is_not_there_can_be_corrected(archive: Archive, tmp_path: Path) -> None:
    """The typed text stays in the line, beside the fault."""
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    async with console_on(archive.home) as screen:
        await at_import(screen, tmp_path / "list.cs")
        await screen.until_shown("cannot be read: No such file or directory.")
        await screen.press("v", "enter")
        await screen.until(lambda: isinstance(screen.console.screen, ImportPlace))


async def test_an_import_of_what_is_there_already_has_nothing_to_do(archive: Archive, tmp_path: Path) -> None:
    """It says so, and offers nothing."""
    (tmp_path / "list.csv").write_text("name\nbob\n", encoding="utf-8")
    async with console_on(archive.home) as screen:
        await at_import(screen, tmp_path / "list.csv")
        await screen.until_shown("There is nothing to do", "1 unchanged")
        assert "enter Import" not in screen.text


async def test_an_import_that_others_overtook_is_refused(archive: Archive, tmp_path: Path) -> None:
    """The shown plan is carried out, or nothing."""
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    async with console_on(archive.home) as screen:
        await at_import(screen, tmp_path / "list.csv")
        await screen.until_shown("enter Import")
        await users.add(archive, "dora", [])
        await screen.press("enter")
        await screen.until_shown("Users were changed in the meantime")
    assert (await users.find(archive, "bob")).full_name == "Bob Baker"


# -- in the wizard


async def test_users_are_added_and_imported_on_the_way_through_a_profile(archive: Archive, tmp_path: Path) -> None:
    """n and i open the same form and the same import on the page with users, and what they brought is in the list there."""
    (tmp_path / "list.csv").write_text("name,email\neve,eve@example.test\n", encoding="utf-8")
    async with console_on(archive.home) as screen:
        place = WizardPlace(await screen.console.desk.drafts.new("mailboxes"))
        place._at = place.steps.index(UsersStep)
        await screen.console.push_screen(place)
        await screen.until_shown("Whose mailboxes?", "[x] bob")
        await screen.press("n", *"dora", "enter")
        await screen.until_shown("User dora added.", "[ ] dora")
        await screen.press("i")
        await screen.until_shown("Import users from a CSV file")
        await write(screen, str(tmp_path / "list.csv"))
        await screen.press("enter")
        await screen.until_shown("1 new", "+ eve")
        await screen.press("u")
        assert isinstance(screen.console.screen, ImportPlace)
        await screen.press("y")
        await screen.until_shown("Whose mailboxes?", "[x] eve")
        assert isinstance(screen.console.screen, WizardPlace)


async def test_for_a_single_mailbox_the_new_user_has_its_address(archive: Archive) -> None:
    """It was typed two pages before."""
    async with console_on(archive.home) as screen:
        draft = await screen.console.desk.drafts.new("mailbox")
        draft.fields["target.folder"] = "zoe@example.test"
        place = WizardPlace(draft)
        place._at = place.steps.index(TargetStep)
        await screen.console.push_screen(place)
        await screen.until_shown("Into whose archive?", "alice")
        await screen.press("n")
        await screen.until_shown("New user", "zoe@example.test")
