"""The place Archive: owners, folders, lists of messages, and one message, on a real archive."""

from __future__ import annotations

import asyncio

import pytest

from core.archive.archive import Archive
from core.archive.registry import users
from tests import homes, shown_mail
from tests.homes import ALICE, SOURCE
from tests.screens import straight
from tests.shown_mail import BOTH_SIZES, fill, in_folders, in_inbox, mail
from tests.terminal.consoles import console_on
from tui.desk.archive.archive import MailSelection
from tui.desk.desk import open_desk
from tui.desk.present import own, text
from tui.desk.refusals import Refused
from tui.places.archive.archive import ArchivePlace
from tui.places.archive.archive_mail import MailPlace
from tui.places.archive.archive_message import MessagePlace
from tui.places.home.home import HomePlace

archive = shown_mail.archive


@BOTH_SIZES
async def test_enter_leads_from_home_to_a_message_and_escape_back(archive: Archive, size: tuple[int, int]) -> None:
    """m, enter, enter, enter; each escape leads one step back, and every frame is straight."""
    await fill(archive)
    await fill(archive, 2, "Work/Plans")
    async with console_on(archive.home, size) as screen:
        await screen.until_shown("m Archive")
        place = await in_folders(screen)
        await screen.until_shown("- alice@example.test", "INBOX", "- Work", "Plans", "7 messages")
        assert straight(screen.lines, size)
        await screen.press("enter")
        await screen.until_shown(f"{ALICE}/INBOX (5)", "▸ 2024-01-05", "Bob Builder", "number 5", "number 1", "Text of 5.")
        assert straight(screen.lines, size)
        assert ("Folders of alice" in screen.text) == (size[0] > 80)
        await screen.press("down")
        await screen.until_shown("Text of 4.", "─ number 4 ─")
        await screen.press("enter")
        await screen.until_shown("From     Bob Builder <bob@example.test>", "Text of 4.", "f Headers", "r Raw")
        assert straight(screen.lines, size)
        for where in (MailPlace, MailPlace, ArchivePlace, HomePlace):
            await screen.press("escape")
            await screen.until(lambda: type(screen.console.screen) is where)  # noqa: B023
        assert not place.is_attached


async def test_a_folder_can_be_folded(archive: Archive) -> None:
    """space, and left and right: a folded one has the count of all that lies in it."""
    await fill(archive, 2)
    await fill(archive, 3, "Work/a")
    await fill(archive, 4, "Work/b")
    async with console_on(archive.home) as screen:
        place = await in_folders(screen)
        await screen.press("down")
        await screen.until(lambda: place.folder is not None and place.folder.name == "Work")
        await screen.until_shown("space Fold")
        await screen.press("space")
        await screen.until_shown("▸   + Work")
        assert [line for line in screen.lines if "+ Work" in line and line.rstrip("┃ ").endswith(" 7")]
        assert "  a " not in screen.text
        await screen.press("right", "down", "down")
        await screen.until(lambda: place.folder is not None and place.folder.name == "b")
        await screen.press("left")
        await screen.until(lambda: place.folder is not None and place.folder.name == "Work")
        await screen.press("left")
        await screen.until_shown("▸   + Work")
        await screen.press("enter")
        await screen.until_shown("▸   - Work")


async def test_an_opened_list_stands_still_and_says_what_is_new(archive: Archive) -> None:
    """The chosen message stays where it is; the dot lists what came."""
    await fill(archive, 4)
    async with console_on(archive.home) as screen:
        place = await in_inbox(screen)
        await screen.press("down")
        await fill(archive, 3, first=11)
        moves = [["INBOX", 7, 2, f"{ALICE}/Done", "Done", 7, 9, 100, None, ""]]
        owner = (await users.find(archive, "alice")).id
        await archive.append([homes.draft("moved", {"run": 1, "source": SOURCE, "owner": owner, "moves": moves})])
        await screen.until_shown("INBOX (4)", "3 new, 1 gone, . shows it", ". Show new")
        assert place.rows.chosen is not None
        assert place.rows.chosen.subject == "number 3"
        await screen.press("full_stop")
        await screen.until_shown("INBOX (6)", "▸ 2024-01-13")
        await screen.until(lambda: ". Show new" not in screen.text)


async def test_a_list_of_any_length_is_fetched_where_it_is_looked_at(archive: Archive) -> None:
    """To the end of 1,000 and back: a few pages are fetched, and each line is the right one."""
    base = {uid: mail(1, f"number {uid:04}") for uid in range(1, 1001)}
    await homes.store(archive, base)
    async with console_on(archive.home) as screen:
        place = await in_inbox(screen)
        await screen.until_shown("INBOX (1,000)", "number 1000")
        await screen.press("end")
        await screen.until_shown("▸ 2024-01-01", "number 0001")
        await screen.press("pageup", "home")
        await screen.until_shown("▸ 2024-01-01  Bob Builder       number 1000")
        assert len(place.rows._pages) <= 3


async def test_whose_mail_can_be_found(archive: Archive) -> None:
    """f and typing; enter opens the remaining one; removed users are marked."""
    await fill(archive)
    await users.add(archive, "bob", ["bob@example.test"])
    bob = await users.find(archive, "bob")
    await archive.append([homes.archived({9: mail(9)}, owner=bob.id)], await archive.writer.prepare([mail(9)]))
    await users.remove(archive, bob)
    async with console_on(archive.home) as screen:
        await screen.press("m")
        await screen.until_shown("Whose mail (2)", "▸ alice", "bob", "removed user")
        await screen.press("f", *"bo")
        await screen.until_shown("Whose mail (1 of 2)")
        await screen.press(*"xx")
        await screen.until_shown("Nobody who has mail has that")
        await screen.press("backspace", "backspace")
        await screen.until_shown("Whose mail (1 of 2)")
        await screen.press("enter")
        await screen.until_shown("Folders of bob")
        await screen.press("escape", "escape")
        await screen.until_shown("Whose mail (2)")


async def test_an_empty_archive_says_what_to_do(archive: Archive) -> None:
    """No owners, and the way to the first profile."""
    async with console_on(archive.home) as screen:
        await screen.press("m")
        await screen.until_shown("Nothing is archived yet.", "h  leads to Home")
        assert "enter Open" not in screen.text


async def test_a_selection_says_what_is_meant(archive: Archive) -> None:
    """A folder with what is below it from the tree, a message from the list."""
    await fill(archive, 2)
    async with console_on(archive.home) as screen:
        place = await in_inbox(screen)
        owner = (await users.find(archive, "alice")).id
        meant = MailSelection(owner, f"{ALICE}/INBOX", messages=(2,), words=own("number 2"))
        assert place.selection() == meant
        await screen.press("enter")
        await screen.until_shown("Text of 2.")
        message = screen.console.screen
        assert isinstance(message, MessagePlace)
        assert message.selection() == meant
        await screen.press("escape", "escape")
        await screen.until(lambda: place.folders.has_focus)
        owner = (await users.find(archive, "alice")).id
        assert place.selection() == MailSelection(user=owner, folder=f"{ALICE}/INBOX", words=text(f"{ALICE}/INBOX of alice"))


async def test_the_desk_refuses_what_is_not_there(archive: Archive) -> None:
    """In words, and without a traceback."""
    await fill(archive, 1)
    desk = await open_desk(archive.home.path)
    try:
        mail = desk.mail
        for job in (mail.message(99), mail.source(99, 76), mail.save_attachment(1, 5, "/tmp"), mail.save_attachment(1, 0, " ")):
            with pytest.raises(Refused):
                await job
        with pytest.raises(Refused):
            await mail.save_attachment(1, 0, "~nobody-of-that-name/x")
    finally:
        await desk.close()


async def test_the_end_of_a_list_is_seen_before_it_has_a_scroll_bar(archive: Archive) -> None:
    """A key that comes between the filling of a list and its layout moves the lines, too."""
    await fill(archive, 3)
    async with console_on(archive.home) as screen:
        place = await in_inbox(screen)
        rows = place.rows
        assert not rows.show_vertical_scrollbar
        rows.fill(1000, lambda offset, limit: asyncio.sleep(0, []), lambda row, width: ())
        rows.action_edge(1)
        await screen.until(lambda: rows.scroll_offset.y > 900)
