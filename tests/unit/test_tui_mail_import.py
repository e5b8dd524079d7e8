"""Importing mail in the console: asked for in a form, done as a job, told in words, and then in the archive."""

from __future__ import annotations

import mailbox
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.read.selection import Selection
from core.archive.registry import users
from core.archive.transfer import export
from tests import desks, homes
from tests.jobs import over
from tests.screens import BOTH_SIZES, STRANGE, Shown, straight
from tests.shown_mail import fill, mail
from tests.terminal.consoles import console_on
from tui.desk.desk import Desk
from tui.desk.refusals import Refused
from tui.desk.transfer.imports import ImportWish, WrongField
from tui.places.archive.archive import ArchivePlace
from tui.places.runs.job import JobPlace
from tui.places.transfer.mail_import import ImportForm
from tui.places.users.users import UsersPlace

AUTO = ImportWish("", "auto", "", "")


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    archive = await homes.begin(tmp_path / "home")
    await users.add(archive, "bob", ["bob@example.test"])
    yield archive
    await archive.close()


desk = desks.desk


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Three messages in a folder and one below it, with what is no mail, what is empty, and a link."""
    folder = tmp_path / "old mail"
    (folder / "Work").mkdir(parents=True)
    for number in range(1, 4):
        (folder / f"{number}.eml").write_bytes(mail(number))
    (folder / "Work" / "4.eml").write_bytes(mail(4))
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    (folder / "empty.eml").touch()
    (folder / "link.eml").symlink_to(folder / "1.eml")
    return folder


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    path = tmp_path / "Old.mbox"
    box = mailbox.mbox(path)
    for number in range(1, 6):
        box.add(mail(number))
    box.close()
    return path


async def folders(desk: Desk, user: str) -> dict[str, int]:
    """Folders of a user's archive with mail in them, as the console's Archive lists them."""
    [row] = [row for row in await desk.mail.owners(user, 0, 10) if row.name == user]
    return {one.shown: one.messages for one in await desk.mail.folders(row.key) if one.messages}


# The desk ---------------------------------------------------------------------------------------------------------------


async def test_a_folder_of_files_is_imported_once(desk: Desk, files: Path) -> None:
    """Imported mail by folder, files that are no mail, and failures; a second time nothing is new."""
    wish = replace(AUTO, path=str(files))
    view = await over(desk, await desk.imports.begin("bob", wish))
    assert view.state.word == "with problems"
    assert view.result[0].startswith("4 messages, ")
    assert view.result[0].endswith("imported into 2 folders of bob.")
    assert view.result[1:] == (
        "Folders: Imported, Imported/Work.",
        "Found as: EML.",
        "2 files or messages not imported, for the reasons below.",
        "No mail, so left alone: 1 file (photo.jpg).",
    )
    assert view.problems == ("empty.eml: it is empty", "link.eml: a link, which is not followed")
    assert await folders(desk, "bob") == {"Imported": 3, "Imported/Work": 1}
    again = await over(desk, await desk.imports.begin("bob", wish))
    assert again.result[0] == "Nothing new: 4 messages there already, in 2 folders of bob."
    assert await folders(desk, "bob") == {"Imported": 3, "Imported/Work": 1}


async def test_an_mbox_goes_to_the_folder_that_was_named(desk: Desk, mbox: Path) -> None:
    """And the ledger tells from where to where."""
    view = await over(desk, await desk.imports.begin("bob", ImportWish(f" {mbox} ", "mbox", "From/2019/", "")))
    assert view.state.word == "done"
    assert "imported into the folder From/2019 of bob." in view.result[0]
    assert await folders(desk, "bob") == {"From/2019": 5}
    [entry] = await desk.activity.entries("imported", 0, 10)
    assert entry.sentence.startswith("Imported 5 messages (")
    assert entry.sentence.endswith(f"from {mbox} into From/2019 of bob.")


async def test_one_that_was_stopped_carries_on(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imported messages stay, a second import into the same archive has to wait, and repeating it brings the rest."""
    monkeypatch.setattr("core.archive.transfer.importing.BATCH_MESSAGES", 1)
    box = mailbox.mbox(tmp_path / "many.mbox")
    for number in range(200):
        box.add(mail(1, f"number {number}"))
    box.close()
    wish = ImportWish(str(tmp_path / "many.mbox"), "mbox", "Many", "")
    key = await desk.imports.begin("bob", wish)
    while (await folders(desk, "bob") if await desk.mail.owner_count("bob") else {}).get("Many", 0) < 2:
        assert desk.jobs.view(key).active
    with pytest.raises(Refused, match="is under way"):
        await desk.imports.begin("bob", wish)
    desk.jobs.stop(key)
    view = await over(desk, key)
    assert view.state.word == "stopped"
    assert "The same import again carries on" in view.result[0]
    before = (await folders(desk, "bob"))["Many"]
    assert 2 <= before < 200
    again = await over(desk, await desk.imports.begin("bob", wish))
    assert again.result[0].startswith(f"{200 - before} messages, ")
    assert again.result[0].endswith(f"of bob. {before} there already.")
    assert await folders(desk, "bob") == {"Many": 200}


async def test_whose_part_of_an_export_is_meant_is_asked(archive: Archive, desk: Desk, tmp_path: Path) -> None:
    """The user's own without asking; of a stranger's export one of the names, which are told beside the field."""
    await fill(archive, 3)
    bob = await users.find(archive, "bob")
    theirs = {9: mail(9), 10: mail(10)}
    await archive.append([homes.archived(theirs, owner=bob.id)], await archive.writer.prepare(list(theirs.values())))
    await users.add(archive, "carol", ["carol@example.test"])
    target = tmp_path / "export"
    await export.export(archive, Selection(), target, export.ExportFormat.MAILDIR)
    wish = replace(AUTO, path=str(target))
    with pytest.raises(WrongField, match="holds the archives of: alice, bob") as wrong:
        await desk.imports.begin("carol", wish)
    assert (wrong.value.field, "--" in wrong.value.hint) == ("of", False)
    view = await over(desk, await desk.imports.begin("carol", replace(wish, of="Alice")))
    assert view.result[0].startswith("3 messages, ")
    assert await folders(desk, "carol") == {f"{homes.ALICE}/INBOX": 3}
    own = await over(desk, await desk.imports.begin("bob", wish))
    assert own.result[0].startswith("Nothing new: 2 messages there already")


@pytest.mark.parametrize(
    ("wish", "field", "said"),
    [
        (AUTO, "path", "Nothing was named."),
        (replace(AUTO, path="/nowhere/at all"), "path", "There is no /nowhere/at all."),
        (replace(AUTO, path="a\0b"), "path", "a character that no path can have"),
        (replace(AUTO, path="~nobody-we-know/x"), "path", "is no path"),
        (replace(AUTO, path="HOME"), "path", "the archive's own folder"),
        (replace(AUTO, path="HOME/volumes/000001.sqlite"), "path", "the archive's own folder"),
        (replace(AUTO, path="HOME/.."), "path", "own folder lies in"),
        (replace(AUTO, path="FILES/photo.jpg"), "path", "does not look like mail"),
        (replace(AUTO, path="FILES", folder="a//b"), "folder", "cannot be a folder"),
        (replace(AUTO, path="FILES", folder="a\x1bb"), "folder", "control character"),
    ],
)
async def test_what_cannot_be_imported_is_said_beside_its_field(
    archive: Archive, desk: Desk, files: Path, wish: ImportWish, field: str, said: str
) -> None:
    """Before anything begins, with a remedy, and in words that move nothing."""
    path = wish.path.replace("HOME", str(archive.home.path)).replace("FILES", str(files))
    with pytest.raises(WrongField, match=said) as wrong:
        await desk.imports.begin("bob", replace(wish, path=path))
    assert wrong.value.field == field
    assert wrong.value.hint
    assert not set(wrong.value.message) & STRANGE
    assert desk.jobs.all() == []


async def test_a_folder_without_mail_is_a_failure_in_words(desk: Desk, tmp_path: Path) -> None:
    """Known only when all of it was looked at."""
    (tmp_path / "none").mkdir()
    view = await over(desk, await desk.imports.begin("bob", replace(AUTO, path=str(tmp_path / "none"))))
    assert view.state.word == "failed"
    assert view.result == (f"There is no mail at {tmp_path}/none.", "Say in which format it is, if it is mail.")


async def test_into_the_archive_of_nobody_nothing_is_imported(archive: Archive, desk: Desk) -> None:
    """A removed user, and the archive of unknown addresses."""
    bob = await users.find(archive, "bob")
    assert await desk.imports.user_of(bob.id) == "bob"
    await users.remove(archive, bob)
    with pytest.raises(Refused, match="was removed") as refused:
        await desk.imports.user_of(bob.id)
    assert "in Users" in refused.value.hint
    with pytest.raises(Refused, match="is the archive of mail to unknown addresses"):
        await desk.imports.user_of((await users.nobody(archive)).id)


# The console ---------------------------------------------------------------------------------------------------------------


async def in_form(screen: Shown) -> ImportForm:
    await screen.press("I")
    await screen.until(lambda: isinstance(screen.console.screen, ImportForm))
    await screen.until_shown("Import mail into the archive of", "▸ From", "(•) found out", "To the folder", "Archive of")
    form = screen.console.screen
    assert isinstance(form, ImportForm)
    return form


@BOTH_SIZES
async def test_mail_is_imported_for_the_chosen_user(
    archive: Archive, files: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """I in Users, a path that is wrong and then right, enter: the result, each problem by name, and the folders in Archive."""
    monkeypatch.chdir(files.parent)
    async with console_on(archive.home, size) as screen:
        await screen.press("u")
        await screen.until_shown("Users (2)", "▸ alice")
        await screen.press("down")
        await screen.until_shown("▸ bob")
        await in_form(screen)
        await screen.until_shown("archive of bob")
        assert straight(screen.lines, size)
        await screen.press(*"nowhere", "enter")
        await screen.until_shown("! There is no", "Give")
        await screen.press("ctrl+u", *files.name, "tab", "tab", *"Kept/Before", "enter")
        await screen.until_shown("! with problems", "4 messages", "2 folders of bob", "Problems (2)", "empty.eml: it is empty")
        await screen.until_shown("link.eml: a link, which is not followed", "No mail, so left alone: 1 file (photo.jpg)")
        assert straight(screen.lines, size)
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, UsersPlace))
        await screen.press("m")
        await screen.until_shown("Whose mail (1)", "bob")
        await screen.press("enter")
        await screen.until_shown("Folders of bob", "- Kept", "- Before", "Work")


async def test_mail_is_imported_from_the_archive_too(archive: Archive, mbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I in Archive; escape in the form leaves all as it is."""
    monkeypatch.chdir(mbox.parent)
    await fill(archive, 1)
    async with console_on(archive.home) as screen:
        await screen.press("m")
        await screen.until_shown("▸ alice", "I Import mail")
        await in_form(screen)
        await screen.press("escape")
        await screen.until(lambda: isinstance(screen.console.screen, ArchivePlace))
        await in_form(screen)
        await screen.press(*mbox.name, "enter")
        await screen.until_shown("✔ done", "5 messages", "imported into the folder Imported/Old of alice.", "Found as: mbox.")
        assert isinstance(screen.console.screen, JobPlace)
        await screen.press("y")
        await screen.until_shown("No runs yet.")


async def test_without_users_nothing_is_imported(tmp_path: Path) -> None:
    """No key that has no sense; and Archive says where the way is."""
    from core import config

    archive = await Archive.open(config.find_or_create(tmp_path / "empty"))
    await archive.close()
    async with console_on(archive.home) as screen:
        await screen.press("m")
        await screen.until_shown("Nothing is archived yet.", "where I imports mail")
        await screen.press("I")
        assert isinstance(screen.console.screen, ArchivePlace)
