"""Messages marked in the console: in a folder, among hits, and all that is found."""

from __future__ import annotations

import pytest

from core.archive.archive import Archive
from core.archive.registry import users
from tests import homes, sought_mail
from tests.homes import ALICE
from tests.shown_mail import in_folders, mail
from tests.sought_mail import searching, seek
from tests.terminal.consoles import console_on
from tui.desk.archive.archive import MailSelection
from tui.desk.present import own
from tui.desk.refusals import Refused
from tui.places.archive.archive_message import MessagePlace

starts = sought_mail.starts
archive = sought_mail.archive

# Marks -------------------------------------------------------------------------------------------------------------------


async def test_messages_are_marked_in_a_folder(archive: Archive) -> None:
    """space, x; marks are counted, survive scrolling and news, and end with the folder. In the tree space folds."""
    await homes.store(archive, {uid: mail(1, f"many {uid:04}") for uid in range(1, 401)}, folder="Many")
    async with console_on(archive.home) as screen:
        place = await in_folders(screen)
        await screen.press("down", "enter")
        await screen.until_shown("Many (400)", "space Mark")
        assert "x Unmark" not in screen.text
        await screen.press("space", "down", "down", "space")
        await screen.until_shown("Many (400), 2 marked", "x Unmark")
        await screen.press("end")
        await screen.until_shown("many 0001")
        await screen.press("space", "home")
        await screen.until_shown("3 marked", "many 0400")
        assert [line.rstrip("┃ ")[-1] for line in screen.lines if "many 0400" in line and "▸" in line] == ["*"]
        chosen = place.selection()
        alice = (await users.find(archive, "alice")).id
        assert (chosen.user, chosen.folder) == (alice, f"{ALICE}/Many")
        assert (chosen.query, chosen.words) == ("", "3 marked messages")
        assert len(chosen.messages) == 3
        await screen.press("space")
        await screen.until_shown("2 marked")
        await screen.press("x")
        await screen.until(lambda: "marked" not in screen.text)
        assert len(place.selection().messages) == 1
        await screen.press("space")
        await screen.until_shown("1 marked")
        await screen.press("escape")
        await screen.until_shown("▸     Many")
        await screen.press("home", "space")
        await screen.until_shown("▸ + alice@example.test")
        await screen.press("space", "down", "enter")
        await screen.until_shown("1 marked in the list before: these marks are gone.", "number 5")
        assert place.selection() == MailSelection(user=alice, folder=f"{ALICE}/INBOX", messages=(5,), words=own("number 5"))


async def test_hits_are_marked_and_all_that_is_found(archive: Archive) -> None:
    """Marks stay in another order; A means the query itself, in its scope; another search begins without marks."""
    alice = (await users.find(archive, "alice")).id
    async with console_on(archive.home) as screen:
        await in_folders(screen)
        place = await searching(screen, "steel")
        await screen.until_shown("5 found")
        await screen.press("down", "space", "down", "space")
        await screen.until_shown("5 found, newest first, 2 marked")
        assert place.selection() == MailSelection(user=alice, messages=(10, 9), words=own("2 marked messages"))
        await screen.press("ctrl+r")
        await screen.until_shown("5 found, by relevance, 2 marked")
        await screen.press("A")
        await screen.until_shown("all 5 marked")
        words = own("5 messages found in the mail of alice for: steel")
        assert place.selection() == MailSelection(user=alice, query="steel", words=words)
        await screen.press("space")
        await screen.until_shown("1 marked", "now only this one is")
        assert len(place.selection().messages) == 1
        await screen.press("slash")
        lies = "SELECT folder.id, path FROM folder JOIN placement ON folder_id = folder.id WHERE message_id = 10"
        [[number, path]] = await archive.database.read(lies)
        await seek(screen, place, f'steel folder:"{path}"')
        await screen.until_shown("5 found")
        await screen.press("down", "space")
        await screen.until_shown("1 marked")
        assert (place.selection().user, place.selection().folders) == (alice, frozenset((number,)))
        await screen.press("slash")
        await seek(screen, place, "steel")
        await screen.until_shown("5 found", "these marks are gone")
        await screen.press("down")
        await screen.press("x", "A", "x")
        await screen.until(lambda: "marked" not in screen.text.split("╭")[0])
        assert len(place.selection().messages) == 1
        await screen.press("space", "slash")
        await seek(screen, place, "number")
        await screen.until_shown("5 found", "these marks are gone")
        assert place.selection() == MailSelection(user=alice, messages=(5,), words=own("number 5"))
        await screen.press("enter")
        await screen.until(lambda: place.among_rows)
        await screen.press("enter")
        await screen.until_shown("Subject  number 5")
        message = screen.console.screen
        assert isinstance(message, MessagePlace)
        assert message.selection() == MailSelection(user=alice, messages=(5,), words=own("number 5"))


async def test_nothing_found_means_nothing(archive: Archive) -> None:
    """Not everything: that is what an empty selection would be."""
    async with console_on(archive.home) as screen:
        place = await searching(screen, "unheard")
        await screen.until_shown("Nothing found")
        with pytest.raises(Refused, match="No message is chosen"):
            place.selection()
        assert not screen.text.count("A All found")
