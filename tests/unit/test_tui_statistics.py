"""Statistics and Home's strip on a real archive."""

from __future__ import annotations

from pathlib import Path

from core.model import now
from core.text import bars
from tests import homes
from tests.screens import BOTH_SIZES
from tests.terminal.consoles import console_on


def test_bars_and_curves_show_each_value_above_zero() -> None:
    """However small it is against the greatest; nothing is shown as nothing."""
    assert [bars.bar(value, 100, 4) for value in (0, 0.01, 50, 100, 900)] == ["", "▏", "██", "████", "████"]
    assert bars.curve([0, 1, 500, 1000]) == "·▁▅█"
    assert bars.columns([0, 1, 8, 16], 2) == ["   █", "·▁██"]
    assert bars.columns([0, 0], 1, wide=2) == ["····"]
    assert bars.curve([]) == ""


@BOTH_SIZES
async def test_statistics_are_shown_and_turned_to_by_keys(tmp_path: Path, size: tuple[int, int]) -> None:
    """Days, weeks, months; sizes, domains, users, folders. The strip of Home tells the same number of messages."""
    archive = await homes.begin(tmp_path / "home")
    await homes.store(archive, {number: homes.message(number) for number in range(1, 8)})
    home = archive.home
    await archive.close()
    async with console_on(home, size) as screen:
        await screen.until_shown("7 messages", "30 days", "free", "no backup yet", "T Statistics")
        await screen.press("T")
        await screen.until_shown("Messages a day", "Came into the archive: at most 7", "Sizes of messages", "under 10 kB")
        await screen.press("t")
        await screen.until_shown("Messages a week")
        await screen.press("t")
        await screen.until_shown("Messages a month", f"{now():%Y-%m}-01")
        await screen.press("t", "f")
        await screen.until_shown("Messages a day", "Senders' domains (1)", "example.test")
        await screen.press("f")
        await screen.until_shown("Users (1)", "alice")
        await screen.press("f")
        await screen.until_shown("Folders (1)", "alice: alice@example.test/INBOX")
        await screen.press("escape")
        await screen.until_shown("Needs attention")


@BOTH_SIZES
async def test_an_archive_without_mail_has_statistics_too(tmp_path: Path, size: tuple[int, int]) -> None:
    """Charts of nothing, and empty lists."""
    archive = await homes.begin(tmp_path / "home")
    home = archive.home
    await archive.close()
    async with console_on(home, size) as screen:
        await screen.until_shown("0 messages")
        await screen.press("T")
        await screen.until_shown("Came into the archive: none", "No mail yet.")
