"""Restoring in the console: the likely profile, the plan, and the reasons of impossible ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.registry import saved_profiles, users
from core.profiles.age import Age
from core.profiles.catchall import CatchAll
from core.profiles.deletion import Deletion, When
from core.profiles.mailboxes import of_target
from core.profiles.profile import Login, Method, Profile
from core.profiles.selection import SelectionMode, UserSelection
from core.secrets import Secret
from tests import desks, homes
from tests.homes import ALICE
from tests.screens import BOTH_SIZES, STRANGE, Shown, straight
from tests.shown_mail import fill, in_folders, in_inbox, mail
from tests.terminal.consoles import console_on
from tests.terminal.staged import HOSTILE
from tui.desk.archive.archive import MailSelection
from tui.desk.desk import Desk
from tui.desk.present import own
from tui.desk.refusals import Refused
from tui.places.ask import Ask
from tui.places.transfer.restoring import RestorePlace

#: No listener there.
HOST, PORT = "127.0.0.1", 1


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


desk = desks.desk


def alone(name: str, *, user: str = "alice", login: str = ALICE, host: str = HOST) -> Profile:
    one = homes.profile(host, PORT, name=name, login=login)
    return replace(one, target=replace(one.target, user=user)) if one.target else one


def staff(name: str, *names: str) -> Profile:
    """For many mailboxes: of these users, or of all."""
    chosen = UserSelection(SelectionMode.ONLY, names) if names else UserSelection()
    login = Login("archive", "", Method.MASTER_USER)
    return replace(homes.profile(HOST, PORT, name=name), target=None, selection=chosen, login=login)


async def save(archive: Archive, *profiles: Profile) -> None:
    for one in profiles:
        await saved_profiles.save(archive, one, Secret("secret"))


async def selected(archive: Archive, user: str = "alice", folder: str = "") -> MailSelection:
    return MailSelection((await users.find(archive, user, removed=True)).id, folder, words=own("what is meant"))


async def archived_by(archive: Archive, profile: Profile, folder: str = "INBOX", count: int = 2) -> None:
    """Mail of alice as a run of this profile brings it."""
    owner = await users.find(archive, "alice")
    messages = {uid: mail(uid, f"by {profile.name} {uid}") for uid in range(1, count + 1)}
    entry = homes.archived(messages, owner=owner.id, folder=folder)
    source = of_target(profile, owner).source(profile.server)
    ready = await archive.writer.prepare(list(messages.values()))
    await archive.append([homes.draft("archived", entry.value.payload() | {"source": source})], ready)


def nothing(_: object) -> None:
    """A callback that ignores its value."""


# Which profile is meant ----------------------------------------------------------------------------------------------------


async def test_the_profile_that_archived_the_mail_is_meant(archive: Archive, desk: Desk) -> None:
    """Before others of the same mailbox, those of the same user, and those of another user; catch-alls are left out."""
    origin = alone("Zuletzt")
    await users.add(archive, "bob", ["bob@example.test"])
    old = alone("Another top")
    assert old.target is not None
    await save(
        archive,
        origin,
        alone("Another server", host="127.0.0.2"),
        replace(old, target=replace(old.target, folder="old@example.test")),
        alone("Bob", user="bob", login="bob@example.test"),
        staff("Nobody we know", "bob"),
        replace(alone("Journal", login="journal@example.test"), target=None, catchall=CatchAll()),
    )
    await archived_by(archive, origin)
    wish = await desk.restores.prepare(await selected(archive), nothing)
    assert (wish.profile, wish.user, wish.to) == ("Zuletzt", "alice", "")
    profiles = await desk.restores.profiles(wish)
    assert [name for name, _ in profiles] == ["Zuletzt", "Another server", "Another top", "Bob", "Nobody we know"]
    words = dict(profiles)
    assert "the mail came from there" in words["Zuletzt"]
    assert "has these folders" in words["Another server"]
    assert "never had these folders" in words["Another top"]
    assert "another mailbox" in words["Bob"]
    assert "many mailboxes" in words["Nobody we know"]


async def test_without_a_profile_the_way_to_one_is_told(archive: Archive, desk: Desk) -> None:
    """No profile at all, and one for a catch-all mailbox, which is no user's own."""
    await fill(archive, 1)
    meant = await selected(archive)
    with pytest.raises(Refused, match="no profile"):
        await desk.restores.prepare(meant, nothing)
    await save(archive, replace(alone("Journal", login="journal@example.test"), target=None, catchall=CatchAll()))
    with pytest.raises(Refused) as refused:
        await desk.restores.prepare(meant, nothing)
    assert "The key n on Home" in refused.value.hint


async def test_of_a_profile_for_many_the_owners_mailbox_is_meant(archive: Archive, desk: Desk) -> None:
    """And may be another one, when a folder is named there."""
    await users.add(archive, "bob", ["bob@example.test"])
    await save(archive, staff("Staff"))
    await fill(archive, 3)
    wish = await desk.restores.prepare(await selected(archive), nothing)
    view = await desk.restores.plan(wish)
    assert (view.many, view.mailbox, view.trouble) == (True, f"{ALICE} on {HOST}", "")
    view = await desk.restores.plan(replace(wish, user="bob"))
    assert view.at == "folder"
    assert "was no folder of the mailbox bob@example.test" in view.trouble
    assert "--" not in view.trouble
    view = await desk.restores.plan(replace(wish, user="bob", to="From alice"))
    assert (view.trouble, view.folders[0].into, view.folders[0].messages) == ("", "From alice", "3")
    assert view.warnings[0] == "This is mail of alice, and bob will be able to read it."


async def test_what_is_found_is_restored(archive: Archive, desk: Desk) -> None:
    """A query is looked up once, with all mail indexed before; one that finds nothing, or cannot be read, is refused."""
    await save(archive, alone("Alice"))
    await fill(archive, 5)
    meant = MailSelection((await users.find(archive, "alice")).id, query="subject:number before:2024-01-03", words=own("found"))
    wish = await desk.restores.prepare(meant, nothing)
    assert (wish.selection.query, sorted(wish.selection.messages)) == ("", [1, 2])
    assert (await desk.restores.plan(wish)).folders[0].messages == "2"
    for query in ("subject:nowhere", 'subject:"open'):
        with pytest.raises(Refused):
            await desk.restores.prepare(replace(meant, query=query), nothing)


# What it comes to ----------------------------------------------------------------------------------------------------------


async def test_folders_counts_and_warnings_are_told(archive: Archive, desk: Desk) -> None:
    """The destination of each folder, its size, and a rule that would delete it again."""
    rule = Deletion(When.OLDER_THAN, Age(1, "day"))
    await save(archive, replace(alone("Alice"), deletion=rule))
    await fill(archive, 3)
    await fill(archive, 2, "Work/Plans", first=4)
    wish = await desk.restores.prepare(await selected(archive), nothing)
    view = await desk.restores.plan(wish)
    assert [(one.path, one.into, one.messages) for one in view.folders] == [
        (f"{ALICE}/INBOX", "INBOX", "3"),
        (f"{ALICE}/Work/Plans", "Work/Plans", "2"),
    ]
    assert view.sentences[0].startswith("5 messages, ")
    assert f"into the mailbox {ALICE} on {HOST}" in view.sentences[0]
    assert any("deletes 5 of these messages" in warning for warning in view.warnings)
    assert any("without TLS" in warning for warning in view.warnings)
    elsewhere = await desk.restores.plan(replace(wish, to=" Back/2024 "))
    assert {one.into for one in elsewhere.folders} == {"Back/2024"}


async def test_mail_of_others_stays_out_and_that_is_said(archive: Archive, desk: Desk) -> None:
    """Messages chosen by number lie with two people: only one of them is given hers."""
    bob, _ = await users.add(archive, "bob", ["bob@example.test"])
    await save(archive, alone("Alice"))
    await fill(archive, 3)
    messages = {9: mail(9)}
    await archive.append([homes.archived(messages, owner=bob.id)], await archive.writer.prepare(list(messages.values())))
    wish = await desk.restores.prepare(MailSelection(messages=(1, 2, 3, 4)), nothing)
    view = await desk.restores.plan(wish)
    assert view.folders[0].messages == "3"
    assert any("1 message of other users stay out" in warning for warning in view.warnings)


async def test_what_cannot_be_is_said_where_it_is_changed(archive: Archive, desk: Desk) -> None:
    """A folder that can be none, a user who is not among those of the profile, mail that was moved away since."""
    await users.add(archive, "bob", ["bob@example.test"])
    await save(archive, staff("Staff", "alice"))
    await fill(archive, 1)
    wish = await desk.restores.prepare(await selected(archive), nothing)
    for to in ("a//b", "/", "x" * 2000, "a\x1bb"):
        view = await desk.restores.plan(replace(wish, to=to))
        assert view.at == "folder"
        assert "--to" not in view.trouble
        assert not set(view.trouble) & STRANGE
    view = await desk.restores.plan(replace(wish, user="bob"))
    assert view.at == "mailbox"
    assert "not among the users of Staff" in view.trouble
    assert "archivar" not in view.trouble
    view = await desk.restores.plan(replace(wish, selection=await selected(archive, "alice", "none")))
    assert "There is no mail that fits" in view.trouble


async def test_without_a_password_nothing_begins(archive: Archive, desk: Desk) -> None:
    """The remedy is a page of the console."""
    await saved_profiles.save(archive, alone("Alice"), Secret("secret"))
    async with archive.database.transaction() as transaction:
        await transaction.execute("DELETE FROM password")
    await fill(archive, 1)
    wish = await desk.restores.prepare(await selected(archive), nothing)
    for ask in (desk.restores.begin(wish), desk.restores.look(wish, nothing)):
        with pytest.raises(Refused, match="No password is stored for Alice") as refused:
            await ask
        assert "Type the password on the page Login" in refused.value.hint
    assert desk.jobs.all() == []


# The place -----------------------------------------------------------------------------------------------------------------


async def at_restore(screen: Shown) -> RestorePlace:
    await screen.press("v")
    await screen.until(lambda: isinstance(screen.console.screen, RestorePlace))
    place = screen.console.screen
    assert isinstance(place, RestorePlace)
    return place


@BOTH_SIZES
async def test_v_shows_what_would_be_restored(archive: Archive, size: tuple[int, int]) -> None:
    """From the tree the folder with what is below it, from list and message the one message; escape leads back."""
    await save(archive, alone("Alice"))
    await fill(archive, 3)
    await fill(archive, 2, "Work/Plans", first=4)
    async with console_on(archive.home, size) as screen:
        await in_folders(screen)
        await screen.until_shown("v Restore")
        await screen.press("home")
        await at_restore(screen)
        await screen.until_shown(f"Restore {ALICE} of alice", "▸   Profile", "Alice", "where the mail was", "5 messages, ")
        await screen.until_shown("Into the folder", "Messages", "Work/Plans", "l looks how much", "r Restore", "? Help")
        assert straight(screen.lines, size)
        await screen.press("escape", "down", "enter")
        await screen.until_shown("INBOX (3)", "v Restore")
        await screen.press("down")
        await at_restore(screen)
        await screen.until_shown("Restore number 2", "1 message, ")
        await screen.press("escape", "enter")
        await screen.until_shown("Text of 2.")
        await at_restore(screen)
        await screen.until_shown("Restore number 2", "1 message, ")
        assert straight(screen.lines, size)


async def test_profile_mailbox_and_folder_are_changed_by_keys(archive: Archive) -> None:
    """An impossible part is marked in its line, told in words, and neither looked for nor restored."""
    await users.add(archive, "bob", ["bob@example.test"])
    await save(archive, alone("Alice"), staff("Staff", "bob"))
    await fill(archive, 3)
    async with console_on(archive.home) as screen:
        await in_inbox(screen)
        await at_restore(screen)
        await screen.until_shown("▸   Profile", "l Look", "r Restore")
        await screen.press("down", "enter")
        await screen.until_shown("Alice is for this mailbox alone.")
        await screen.press("up", "enter")
        await screen.until_shown("Through which profile", f"▸ Alice: {ALICE} on {HOST}", "Staff: many mailboxes")
        await screen.press("down", "enter")
        await screen.until_shown("! Mailbox", "of alice", "! alice is not among the users of Staff")
        assert "r Restore" not in screen.text
        await screen.press("down", "enter")
        await screen.until_shown("Into whose mailbox", "bob")
        await screen.press(*"bob", "enter")
        await screen.until_shown("! Into the folder", "was no folder of the mailbox", "Name a folder on the server")
        await screen.press("down", "enter")
        await screen.until(lambda: isinstance(screen.console.screen, Ask))
        await screen.press(*"a//b", "enter")
        await screen.until_shown('! "a//b" cannot be a folder.', "[a//b")
        await screen.press("ctrl+u", *"From alice", "enter")
        await screen.until_shown("bob@example.test on 127.0.0.1", "From alice", "1 message, ", "r Restore")
        assert straight(screen.lines, (80, 24))


async def test_a_server_that_is_not_there_is_said_on_the_page(archive: Archive) -> None:
    """Neither a question nor a job; another key, another try."""
    await save(archive, alone("Alice"))
    await fill(archive, 3)
    async with console_on(archive.home) as screen:
        await in_inbox(screen)
        place = await at_restore(screen)
        await screen.until_shown("r Restore")
        for key in "lr":
            await screen.press(key)
            await screen.until_shown(f"! {HOST} refused the connection", "Is the service running")
            assert screen.console.screen is place
            assert screen.console.desk.jobs.all() == []
        assert straight(screen.lines, (80, 24))


async def test_without_a_profile_the_page_says_so(archive: Archive) -> None:
    """And no key does anything."""
    await fill(archive, 1)
    async with console_on(archive.home) as screen:
        await in_inbox(screen)
        await at_restore(screen)
        await screen.until_shown("! There is no profile through which mail could be put back", "The key n on Home")
        assert "r Restore" not in screen.text
        await screen.press("escape")
        await screen.until_shown("INBOX (1)")


async def test_hostile_names_stay_text(archive: Archive) -> None:
    """Folders, a profile and a subject that want the terminal."""
    folder = HOSTILE[:200].replace("\r", "").replace("\n", "").replace("\ud800", "").replace("/", "")
    await save(archive, alone("[red]Alice[/]"))
    await homes.store(archive, {1: mail(1, "[b]evil[/b]")}, folder=folder)
    async with console_on(archive.home) as screen:
        await in_folders(screen)
        await screen.press("home")
        await at_restore(screen)
        await screen.until_shown("[red]Alice[/]", "␛]2;OWNED", "1 message, ")
        assert straight(screen.lines, (80, 24))
        assert not set(screen.text) & STRANGE


async def test_the_palette_has_all_of_it(archive: Archive) -> None:
    """By name, from the folders and on the page."""
    await save(archive, alone("Alice"))
    await fill(archive, 1)
    async with console_on(archive.home) as screen:
        await in_folders(screen)
        await screen.press("ctrl+p", *"restore")
        await screen.until_shown("Put what is chosen back into a mailbox")
        await screen.press("enter")
        await screen.until(lambda: isinstance(screen.console.screen, RestorePlace))
        await screen.until_shown("r Restore")
        for name, help in (
            ("look", "Look into the mailbox"),
            ("restore", "Look, and put back"),
            ("change", "Change the chosen line"),
        ):
            await screen.press("ctrl+p", *name)
            await screen.until_shown(help)
            await screen.press("escape")
