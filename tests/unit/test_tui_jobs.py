"""Long jobs behind the pages of the console: exports, backups and seals, on a real archive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from core.archive.archive import Archive
from core.archive.proof import seal
from core.archive.read import originals
from tests import jobs
from tests.jobs import contents
from tests.screens import BOTH_SIZES, straight
from tests.shown_mail import fill, in_folders, in_inbox, mail
from tests.terminal.consoles import console_on
from tui.desk.home import Remedy
from tui.places.confirm import Confirm
from tui.places.home.home import HomePlace
from tui.places.runs.job import JobPlace
from tui.places.transfer.exporting import ExportForm

archive = jobs.archive


# The pages ---------------------------------------------------------------------------------------------------------------


@BOTH_SIZES
async def test_a_folder_and_a_message_are_exported_by_keys(archive: Archive, tmp_path: Path, size: tuple[int, int]) -> None:
    await fill(archive, 3)
    async with console_on(archive.home, size) as screen:
        place = await in_inbox(screen)
        await screen.press("e")
        await screen.until(lambda: isinstance(screen.console.screen, ExportForm))
        await screen.until_shown("number 3", "1 message, ", "EML: a file for each message", "To the folder")
        assert straight(screen.lines, size)
        await screen.press("enter")
        await screen.until_shown("✔ done", "1 message, ")
        assert straight(screen.lines, size)
        assert contents(tmp_path / "archivar-export", "*.eml") == {mail(3)}
        await screen.press("escape")
        await screen.until(lambda: screen.console.screen is place)
        await screen.press("enter")
        await screen.until_shown("e Export")
        await screen.press("e")
        await screen.until_shown("1 message, ")
        for _ in range(2):
            before = screen.console.screen
            await screen.press("escape")
            await screen.until(lambda before=before: screen.console.screen is not before)  # type: ignore[misc]
        await screen.press("escape")
        await screen.until(lambda: place.folders.has_focus)
        await screen.press("e")
        await screen.until_shown("INBOX of alice", "3 messages, ")
        await screen.press("down", "down", "tab", "ctrl+u", *str(tmp_path / "md"), "enter")
        await screen.until_shown("✔ done", "(maildir)")
        assert contents(tmp_path / "md", "cur/*") == {mail(1), mail(2), mail(3)}


async def test_a_wrong_folder_is_said_beside_the_field_and_nothing_typed_is_lost(archive: Archive, tmp_path: Path) -> None:
    await fill(archive, 1)
    (tmp_path / "file").write_text("x")
    async with console_on(archive.home) as screen:
        await in_inbox(screen)
        await screen.press("e")
        await screen.until_shown("To the folder")
        await screen.press("tab", "ctrl+u", *str(tmp_path / "file"), "enter")
        await screen.until_shown("Choose")
        assert isinstance(screen.console.screen, ExportForm)
        await screen.press("2", "enter")
        await screen.until_shown("✔ done")
        assert (tmp_path / "file2").is_dir()


async def test_home_tells_of_what_goes_on_and_leaving_asks(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job goes on over other pages, is stopped by a key after a question, and is told of until it was looked at."""
    await fill(archive, 3)
    go_on = asyncio.Event()
    read = originals.read

    async def slow(*given: Any, **options: Any) -> AsyncGenerator[Any]:
        await go_on.wait()
        async with aclosing(read(*given, **options)) as pages:
            async for page in pages:
                yield page

    monkeypatch.setattr(originals, "read", slow)
    async with console_on(archive.home) as screen:
        await in_folders(screen)
        await screen.press("e")
        await screen.until_shown("To the folder")
        await screen.press("enter")
        await screen.until_shown("● working", "c Stop")
        await screen.press("h")
        await screen.until_shown("1 ● Export working", "show it", "Under way, or just over (1)")
        await screen.press("q")
        await screen.until_shown("Leave? Export stops then.", "The same export again carries on.")
        await screen.press("n")
        await screen.until(lambda: isinstance(screen.console.screen, HomePlace))
        await screen.press("1")
        await screen.until(lambda: isinstance(screen.console.screen, JobPlace))
        await screen.press("c")
        await screen.until(lambda: isinstance(screen.console.screen, Confirm))
        await screen.press("y")
        await screen.until_shown("■ stopped", "The same export again carries on.")
        go_on.set()
        await screen.press("h")
        await screen.until_shown("Nothing.")
        # Once more to its end, behind another page: told of until it is looked at.
        await in_folders(screen)
        await screen.press("e")
        await screen.until_shown("To the folder")
        go_on.clear()
        await screen.press("enter")
        await screen.until_shown("● working")
        await screen.press("h")
        go_on.set()
        await screen.until_shown("1 ✔ Export done")
        view = await screen.console.desk.home()
        assert [item.remedy for item in view.attention] == [Remedy.JOB]
        await screen.press("1")
        await screen.until_shown("3 messages, ")
        await screen.press("escape")
        await screen.until_shown("Nothing.")


@BOTH_SIZES
async def test_a_backup_is_begun_in_settings(archive: Archive, tmp_path: Path, size: tuple[int, int]) -> None:
    await fill(archive, 2)
    async with console_on(archive.home, size) as screen:
        await screen.press("s")
        await screen.until_shown("b Backups")
        await screen.press("b")
        await screen.until_shown("f To a folder")
        await screen.press("f")
        await screen.until_shown("To which folder on this machine?")
        assert straight(screen.lines, size)
        await screen.press(*str(archive.home.path), "enter")
        await screen.until_shown("own folder")
        await screen.press("ctrl+u", *str(tmp_path / "copy"), "enter")
        await screen.until_shown("✔ done", "1 volume copied", "To restore")
        assert straight(screen.lines, size)
        await screen.press("escape", "f")
        await screen.until_shown("The last one was made", f"[{tmp_path}"[:20])


@BOTH_SIZES
async def test_the_seal_is_shown_and_checked_in_the_ledger(archive: Archive, size: tuple[int, int]) -> None:
    await fill(archive, 2)
    sealed = await seal.current(archive)
    async with console_on(archive.home, size) as screen:
        await screen.press("y")
        await screen.until_shown("a Ledger")
        await screen.press("a")
        await screen.until_shown("t Seal", "c Check seal")
        await screen.press("t")
        await screen.until_shown(sealed.hash.hex(), sealed.at, "Keep this elsewhere")
        assert straight(screen.lines, size)
        await screen.press("escape", "c")
        await screen.until_shown("The seal as it was kept")
        await screen.press(*"1 abc", "enter")
        await screen.until_shown("! This is no seal.", "[1 abc")
        await screen.press("ctrl+u", *f"{sealed.seq} {sealed.hash.hex()}", "enter")
        await screen.until_shown("✔ done", f"everything up to entry {sealed.seq}")
        assert straight(screen.lines, size)
