"""Searching in a real terminal, by keys alone: errors at their place, hits, orders, marks; columns that no subject moves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.archive.archive import Archive
from core.archive.search.search_index import Index
from core.config import Home
from core.text.cells import cell_len
from tests import homes
from tests.terminal.test_archive import SUBJECTS, console, letter
from tests.terminal.tmux import apart
from tests.terminal.wizards import UNSAFE

pytestmark = pytest.mark.terminal
MANY = 10_000


async def indexed(archive: Archive) -> Home:
    opened = await Index.open(archive)
    while await opened.step():
        pass
    await opened.close()
    await archive.close()
    return archive.home


async def fill(path: Path) -> Home:
    archive = await homes.begin(path)
    await homes.store(archive, {uid: letter(uid) for uid in range(1, 25)})
    odd = {}
    for uid, subject in enumerate(SUBJECTS, 1):
        head = f"From: {subject[:80]} <x@example.test>\r\nSubject: {subject}\r\nDate: {uid:02} Feb 2024 10:00:00 +0000\r\n"
        odd[uid] = f"{head}\r\nstrange\r\n".encode("utf-8", "surrogatepass")
    await homes.store(archive, odd, folder="Odd")
    return await indexed(archive)


async def fill_many(path: Path) -> Home:
    archive = await homes.begin(path)
    for first in range(1, MANY, 500):
        batch = range(first, first + 500)
        raw = b"From: a@example.test\r\nSubject: plenty %05d\r\nDate: 01 Jan 2024 10:00:00 +0000\r\n\r\n.\r\n"
        await homes.store(archive, {uid: raw % uid for uid in batch})
    return await indexed(archive)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return asyncio.run(fill(tmp_path_factory.mktemp("search") / "home"))


@pytest.mark.parametrize(
    ("size", "environment"),
    [((80, 24), {}), ((120, 40), {}), ((80, 24), {"NO_COLOR": "1"})],
    ids=["80x24", "120x40", "NO_COLOR"],
)
def test_mail_is_found_by_keyboard(home: Home, tmp_path: Path, size: tuple[int, int], environment: dict[str, str]) -> None:
    """A query with an error, corrected at its place; a hit, the next one, back; another order; two marks, all, none."""
    with console(home, tmp_path, size, **environment) as terminal:
        terminal.until_shown("Needs attention", "/ Search")

        def press(*keys: str, shown: tuple[str, ...], straight: bool = True) -> None:
            terminal.keys(*keys)
            terminal.until_shown(*shown)
            terminal.until(lambda: not straight or terminal.straight)

        press("/", shown=("▸ Search everything [", "Type what to find", "^g How to search", "f1 Help"))
        terminal.type("minutes (from:jörg")
        press("Enter", shown=("! This parenthesis is not closed.", "^"))
        line, below = terminal.lines[1:3]
        assert below.rstrip() == f"{' ' * cell_len(line[: line.index('(from')])}^"
        terminal.type(")")
        press("Enter", shown=("24 found, newest first", "· 2024-01-24", "Minutes of week 24", "alice: INBOX"))
        assert "^\n" not in terminal.text
        press("Down", shown=("  Search everything [", "▸ 2024-01-24"))
        press("Down", shown=("▸ 2024-01-23", "the minutes of week 23."))
        press("Enter", shown=("Subject  Minutes of week 23", "n Next"))
        press("n", shown=("Subject  Minutes of week 22",))
        press("Escape", shown=("▸ 2024-01-22", "space Mark"))
        press("C-r", shown=("24 found, by relevance",))
        press("C-r", shown=("24 found, newest first", "▸ 2024-01-24"))
        press("Space", shown=("24 found, newest first, 1 marked", "x Unmark"))
        press("End", shown=("▸ 2024-01-01",))
        press("Space", shown=("24 found, newest first, 2 marked",))
        press("A", shown=("all 24 marked",))
        press("x", shown=("24 found, newest first ━", "A All found"))
        press("C-g", shown=("How to search", '"offer for steel"', "esc  close"), straight=False)
        press("Escape", shown=("▸ 2024-01-01",))
        press("/", shown=("▸ Search everything [minutes (from:jörg)",))
        press("C-u", shown=("[words, from:, subject:",))
        press("Up", shown=("[minutes (from:jörg)",))
        press("C-u", shown=("[words, from:, subject:",))
        terminal.type("unheard-of")
        press("Enter", shown=("Nothing found", "for: unheard-of"))
        press("C-u", shown=("[words, from:, subject:",))
        terminal.type('subject:"week 7"')
        press("Enter", shown=("1 found, newest first", "Minutes of week 7", "minutes.pdf"))
        press("Escape", shown=("Needs attention", "/ Search"))
        # In a folder the search begins within it.
        press("m", shown=("▸ alice",))
        press("Enter", shown=("▸     INBOX",))
        press("Down", "Enter", shown=("Odd (",))
        press("/", shown=("Search Odd [", "^l Everywhere"))
        terminal.type("minutes")
        press("Enter", shown=("Nothing found", "in alice@example.test/Odd of alice", "^l  searches everybody's mail"))
        press("C-l", shown=("24 found", "^l Only Odd"))
        press("Escape", shown=("Odd (",))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (170, 40)])
def test_hits_with_hostile_subjects_keep_their_columns(home: Home, tmp_path: Path, size: tuple[int, int]) -> None:
    """Marked or not, each line ends in the cell in which the screen does, and nothing of a subject is obeyed."""
    with console(home, tmp_path, size) as terminal:
        terminal.until_shown("Needs attention")
        title = terminal.title
        terminal.keys("/")
        terminal.until_shown("Type what to find")
        terminal.type("strange")
        terminal.keys("Enter")
        terminal.until_shown(f"{len(SUBJECTS)} found", "2024-02-01")
        terminal.keys("Down")
        terminal.until_shown("▸ 2024-02-10")
        terminal.keys("Space", "Down", "Space")
        terminal.until_shown("2 marked")
        terminal.until(lambda: terminal.straight)
        lines = [line for line in terminal.lines if "2024-02-" in line and "─" not in line and "━" not in line]
        assert len(lines) == len(SUBJECTS)
        [heading] = [line for line in terminal.lines if "Subject" in line and "Size" in line]
        ends = cell_len(heading[: heading.index("Size") + 4])
        marks = []
        for line in lines:
            assert line[heading.index("From") - 1] == " "
            cells = "".join(one if cell_len(one) == 1 else one + "\0" for one in apart(line) if cell_len(one))
            assert cells[ends - 1] == "B", line
            marks.append(cells[ends + 1])
            assert not UNSAFE.search(line)
        assert "".join(marks).strip() == "**"
        assert terminal.title == title


def test_ten_thousand_hits_are_gone_through(tmp_path: Path) -> None:
    """From one end to the other at once."""
    home = asyncio.run(fill_many(tmp_path / "home"))
    with console(home, tmp_path, (80, 24)) as terminal:
        terminal.until_shown("/ Search")
        terminal.keys("/")
        terminal.until_shown("Type what to find")
        terminal.type("plent*")
        terminal.keys("Enter")
        terminal.until_shown("10,000 found, newest first", "plenty 10000")
        terminal.keys("Down")
        terminal.until_shown("▸ 2024-01-01")
        terminal.keys("End")
        terminal.until_shown("▸ 2024-01-01  a@example.test    plenty 00001")
        terminal.keys("Home", "PageDown")
        terminal.until_shown("plenty 09991")
        terminal.until(lambda: terminal.straight)
