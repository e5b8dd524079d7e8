"""The place Archive: owners, folders, lists of messages, and one message, on a real archive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from core.archive.archive import Archive
from core.archive.registry import users
from tests import homes
from tests.homes import ALICE, SOURCE
from tests.screens import Shown, straight
from tests.terminal.consoles import console_on
from tests.terminal.staged import HOSTILE
from tui.desk.archive import GLANCE, ArchiveDesk, MailSelection
from tui.desk.desk import open_desk
from tui.desk.present import own, text
from tui.desk.refusals import Refused
from tui.places.archive.archive import ArchivePlace
from tui.places.archive.archive_list import PATIENCE
from tui.places.archive.archive_mail import MailPlace
from tui.places.archive.archive_message import MessagePlace
from tui.places.home.home import HomePlace

BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40), (170, 50)])
STRANGE = set("\x1b\x07\x9b\u202e\u2066\u200b\ufeff")


@pytest.fixture
async def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Archive]:
    monkeypatch.setattr("tui.desk.desk.ensure_running", AsyncMock())
    archive = await homes.begin(tmp_path / "home")
    yield archive
    await archive.close()


def mail(number: int, subject: str = "", *, text: str = "", files: Mapping[str, bytes] | None = None) -> bytes:
    """A message of a day of January 2024."""
    made = EmailMessage()
    made["From"] = "Bob Builder <bob@example.test>"
    made["To"] = f"Alice <{ALICE}>"
    made["Subject"] = subject or f"number {number}"
    made["Date"] = f"{number:02} Jan 2024 10:00:00 +0000"
    made["X-Number"] = str(number)
    made.set_content(text or f"Text of {number}.\n")
    for name, data in (files or {}).items():
        made.add_attachment(data, maintype="application", subtype="pdf", filename=name)
    return made.as_bytes()


async def fill(archive: Archive, count: int = 5, folder: str = "INBOX", *, first: int = 1) -> None:
    await homes.store(archive, {uid: mail(uid) for uid in range(first, first + count)}, folder=folder)


async def in_folders(screen: Shown) -> MailPlace:
    await screen.press("m")
    await screen.until_shown("Whose mail (1)", "▸ alice")
    await screen.press("enter")
    await screen.until_shown("Folders of alice")
    place = screen.console.screen
    assert isinstance(place, MailPlace)
    return place


async def in_inbox(screen: Shown) -> MailPlace:
    place = await in_folders(screen)
    await screen.until_shown("▸     INBOX")
    await screen.press("enter")
    await screen.until(lambda: place.rows.has_focus)
    return place


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


async def test_n_and_p_lead_from_one_message_to_the_next(archive: Archive) -> None:
    """n and p go through the list, which stands where one was."""
    await fill(archive, 3)
    async with console_on(archive.home) as screen:
        place = await in_inbox(screen)
        await screen.press("enter")
        await screen.until_shown("Text of 3.")
        await screen.press("p")
        await screen.until_shown("This is the first one.")
        await screen.press("n")
        await screen.until_shown("Text of 2.")
        await screen.press("n")
        await screen.until_shown("Text of 1.")
        await screen.press("n")
        await screen.until_shown("This is the last one.")
        await screen.press("escape")
        await screen.until(lambda: screen.console.screen is place)
        assert place.rows.cursor == 2


async def test_all_of_a_message_can_be_seen(archive: Archive) -> None:
    """All headers, the raw source, and where it was; each with a key, and back."""
    await fill(archive, 1)
    moves = [["INBOX", 7, 1, f"{ALICE}/Done", "Done", 7, 9, 100, None, ""]]
    owner = (await users.find(archive, "alice")).id
    await fill(archive, 1, first=2)
    await archive.append([homes.draft("moved", {"run": 1, "source": SOURCE, "owner": owner, "moves": moves})])
    async with console_on(archive.home) as screen:
        await in_folders(screen)
        await screen.press("down", "enter")
        await screen.until_shown("Done (1)")
        await screen.press("enter")
        await screen.until_shown("Text of 1.")
        assert "X-Number" not in screen.text
        await screen.press("f")
        await screen.until_shown("X-Number", "f Short")
        await screen.press("f")
        await screen.until(lambda: "X-Number" not in screen.text)
        await screen.press("r")
        await screen.until_shown("Raw source,", "X-Number: 1", "Content-Transfer-Encoding: 7bit")
        await screen.press("escape", "i")
        await screen.until_shown("Where it was", f"alice: {ALICE}/INBOX", f"alice: {ALICE}/Done", "still there", "until")


async def test_an_attachment_is_saved(archive: Archive, tmp_path: Path) -> None:
    """a, enter, a folder, enter: the very bytes, under a safe name; a folder that is none is refused in words."""
    data = bytes(range(256)) * 40
    await homes.store(archive, {1: mail(1, files={"../report\u202e.pdf": data, "second.pdf": b"2"}), 2: mail(2)})
    target = tmp_path / "target"
    target.mkdir()
    async with console_on(archive.home) as screen:
        await in_inbox(screen)
        await screen.press("enter")
        await screen.until_shown("Text of 2.")
        assert "a Files" not in screen.text
        await screen.press("n")
        await screen.until_shown("Text of 1.", "a Files", "Files", "(10 kB)")
        await screen.press("a")
        await screen.until_shown("Attachments (2)", "second.pdf", "application/pdf", "enter  save to a file")
        await screen.press("enter")
        await screen.until_shown("To which folder on this machine?")
        await screen.press("ctrl+u", *str(tmp_path / "none"), "enter")
        await screen.until_shown("There is no folder")
        await screen.press("escape", "enter", "ctrl+u", *str(target), "enter")
        await screen.until_shown("Saved as")
        [file] = (target / "attachments-of-message-1").iterdir()
        assert file.read_bytes() == data
        assert file.suffix == ".pdf"
        assert not set(file.name) & STRANGE
        assert file.stat().st_mode & 0o777 == 0o600


@BOTH_SIZES
async def test_mail_of_somebody_who_wants_the_terminal(archive: Archive, size: tuple[int, int]) -> None:
    """In the list, the preview, the message, its headers, its source and its attachments: shown, and obeyed nowhere."""
    raw = HOSTILE[:900].replace("\r", "").replace("\n", "").encode("utf-8", "surrogatepass")
    message = b"".join(
        [
            b"X-Evil: [/b][red]\r\nFrom: " + raw + b" <x@example.test>\r\nTo: " + raw + b"\r\nSubject: " + raw,
            b'\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n',
            b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + raw + b"\r\n",
            b'--b\r\nContent-Type: application/x\r\nContent-Disposition: attachment; filename="' + raw.replace(b'"', b""),
            b'"\r\n\r\nx\r\n--b--\r\n',
        ]
    )
    await homes.store(archive, {1: message})
    async with console_on(archive.home, size) as screen:

        def sound() -> bool:
            return straight(screen.lines, size) and not set(screen.text) & STRANGE

        place = await in_inbox(screen)
        await screen.until(lambda: place.rows.chosen is not None)
        assert sound()
        await screen.press("enter")
        await screen.until_shown("From ", "f Headers")
        assert sound()
        await screen.press("f")
        await screen.until_shown("X-Evil")
        assert sound()
        await screen.press("end", "r")
        await screen.until_shown("Raw source")
        assert sound()


async def test_a_large_message_is_read_only_when_it_is_opened(archive: Archive) -> None:
    """Its preview says so; opened, a bounded part of it is shown, and keys still work."""
    text = "\n".join(f"line {number}" for number in range(GLANCE // 8))
    await homes.store(archive, {1: mail(1, text=text)})
    async with console_on(archive.home) as screen:
        await in_inbox(screen)
        await screen.until_shown("so it is read only when it is opened")
        await screen.press("enter")
        await screen.until_shown("line 0", "line 10")
        await screen.press("end")
        await screen.until_shown("lines more, in the raw source")
        await screen.press("r")
        await screen.until_shown("Raw source", "X-Number: 1")
        await screen.press("end")
        await screen.until_shown(f"line {GLANCE // 8 - 1}")


async def test_no_text_stands_under_the_title_of_another_message(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A beginning and a message that cannot be read clear what stood there, and the next one is read again."""
    await fill(archive, 3)
    whole = ArchiveDesk.message

    async def failing(mail: ArchiveDesk, message: int) -> Any:
        if message == 2:
            raise ValueError("no text")
        return await whole(mail, message)

    monkeypatch.setattr(ArchiveDesk, "message", failing)
    async with console_on(archive.home) as screen:
        await in_inbox(screen)
        await screen.until_shown("Text of 3.")
        await screen.press("down")
        await screen.until_shown("That did not work")
        await screen.press("escape")
        await screen.until_shown("This message cannot be shown here")
        assert "Text of 3." not in screen.text
        await screen.press("down")
        await screen.until_shown("Text of 1.")
        await screen.press("enter")
        await screen.until_shown("f Headers")
        await screen.press("p")
        await screen.until_shown("That did not work")
        await screen.press("escape")
        await screen.until_shown("Its text cannot be read")
        assert "Text of 1." not in screen.text
        # The list behind it reads no message meanwhile, so one failure is told once.
        await asyncio.sleep(2 * PATIENCE)
        await screen.press("p")
        await screen.until_shown("Text of 3.")


async def test_a_message_whose_reading_fails_is_told_as_such(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog's columns are shown, the fault is named, and its traceback is in the console's log."""
    await fill(archive, 1)

    def failing(raw: bytes) -> Any:
        raise RecursionError

    monkeypatch.setattr("tui.desk.archive.content.read", failing)
    async with console_on(archive.home) as screen:
        await in_inbox(screen)
        await screen.press("enter")
        await screen.until_shown("number 1", "Its text cannot be read", "RecursionError")
    assert "RecursionError" in archive.home.console_log.read_text()


async def test_a_damaged_message_is_told_as_such(archive: Archive) -> None:
    """The catalog's columns are shown, and the damage."""
    await fill(archive, 2)
    await archive.close()
    homes.change(archive.home.volume(1), "UPDATE part SET data = zeroblob(length(data))")
    async with console_on(archive.home) as screen:
        await in_inbox(screen)
        await screen.press("enter")
        await screen.until_shown("number 2", "archivar repair")


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
