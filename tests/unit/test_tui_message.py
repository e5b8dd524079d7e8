"""A message in the console: all of it, its attachments, and messages that are hostile, large or damaged."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.registry import users
from tests import homes, shown_mail
from tests.homes import ALICE, SOURCE
from tests.screens import STRANGE, straight
from tests.shown_mail import BOTH_SIZES, fill, in_folders, in_inbox, mail
from tests.terminal.consoles import console_on
from tests.terminal.staged import HOSTILE
from tui.desk.archive.archive import GLANCE, ArchiveDesk
from tui.places.archive.archive_list import PATIENCE

archive = shown_mail.archive


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

    monkeypatch.setattr("tui.desk.archive.archive.content.read", failing)
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
