"""Archived mail in a real terminal, by keys alone: found by folder, read, saved; and columns that no subject moves."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import locale
import os
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from core.config import Home
from tests import homes
from tests.homes import ALICE
from tests.terminal.staged import HOSTILE
from tests.terminal.tmux import Tmux, apart
from tests.terminal.wizards import UNSAFE

pytestmark = pytest.mark.terminal
ROOT = Path(__file__).resolve().parents[2]
DATA = os.urandom(5000)
ONE_LINE = HOSTILE[:600].replace("\r", "").replace("\n", "")
SUBJECTS = (
    ONE_LINE,
    "\x1b]2;OWNED\x07\x1b[2J\x1b[10;10H\x9b5A moved",
    "שלום עולם، مرحبا بالعالم" * 6,
    "\u202egnp.exe\u2066 turned\u2069",
    "x" * 5000,
    "漢字かな交じり文、全角ＡＢＣ" * 40,
    "👨‍👩‍👧‍👦 family, 👍🏽 thumb, ❤️ heart, 🇩🇪 flag, ☰ trigram",
    "हिन्दी में தமிழ் বাংলা မြန်မာ क्\u200dष שָׁלוֹם ไทยภาษา",
    "Z" + "\u0301" * 60 + "algo e\u0301tude",
    "",
)


@pytest.fixture(scope="module")
def width() -> Iterator[ctypes._NamedFuncPointer]:
    """The C library's wcwidth, which knows nothing of what the console measures with."""
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    function = ctypes.CDLL(None).wcwidth
    function.argtypes, function.restype = [ctypes.c_wchar], ctypes.c_int
    yield function
    locale.setlocale(locale.LC_CTYPE, before)


def letter(number: int) -> bytes:
    made = EmailMessage()
    made["From"] = "Jörg Müller <joerg@example.test>"
    made["To"] = f"Alice <{ALICE}>"
    made["Subject"] = f"Minutes of week {number}"
    made["Date"] = f"{number:02} Jan 2024 10:00:00 +0000"
    made["X-Week"] = str(number)
    made.set_content(f"Dear Alice,\n\nthe minutes of week {number}.\n\n    1. Grüße\n    2. 漢字\n")
    if number % 2:
        made.add_attachment(DATA, maintype="application", subtype="pdf", filename="minutes.pdf")
    return made.as_bytes()


async def fill(path: Path) -> Home:
    archive = await homes.begin(path)
    try:
        await homes.store(archive, {uid: letter(uid) for uid in range(1, 25)})
        odd = {}
        for uid, subject in enumerate(SUBJECTS, 1):
            head = f"From: {subject[:80]} <x@example.test>\r\nSubject: {subject}\r\nDate: {uid:02} Feb 2024 10:00:00 +0000\r\n"
            odd[uid] = f"{head}\r\n{subject[:300]}\r\n".encode("utf-8", "surrogatepass")
        await homes.store(archive, odd, folder="Odd")
    finally:
        await archive.close()
    return archive.home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return asyncio.run(fill(tmp_path_factory.mktemp("archive") / "home"))


def console(home: Home, tmp_path: Path, size: tuple[int, int], **environment: str) -> Tmux:
    command = [sys.executable, "-m", "tui", "--home", str(home.path)]
    return Tmux(command, size=size, environment={"XDG_CONFIG_HOME": str(tmp_path), **environment}, cwd=str(ROOT))


@pytest.mark.parametrize(
    ("size", "environment"),
    [((80, 24), {}), ((120, 40), {}), ((80, 24), {"NO_COLOR": "1"})],
    ids=["80x24", "120x40", "NO_COLOR"],
)
def test_mail_is_read_by_keyboard(home: Home, tmp_path: Path, size: tuple[int, int], environment: dict[str, str]) -> None:
    """From Home to a message, its headers, its source, its history, an attachment on the disk, the next one, and back."""
    with console(home, tmp_path, size, **environment) as terminal:
        terminal.until_shown("Needs attention", "m Archive")
        title = terminal.title

        def press(*keys: str, shown: tuple[str, ...], box: bool = False) -> None:
            terminal.keys(*keys)
            terminal.until_shown(*shown)
            terminal.until(lambda: box or terminal.straight)

        press("m", shown=("Whose mail (1)", "▸ alice"))
        press("Enter", shown=("Folders of alice", "- alice@example.test", "▸     INBOX", "24", "Odd"))
        press("Enter", shown=("INBOX (24)", "▸ 2024-01-24", "Jörg Müller", "Minutes of week 24", "the minutes of week 24."))
        press("Down", shown=("▸ 2024-01-23", "the minutes of week 23.", "minutes.pdf (5"))
        press("Enter", shown=("From     Jörg Müller <joerg@example.test>", "    1. Grüße", "    2. 漢字", "a Files"))
        press("f", shown=("X-Week", "f Short"))
        press("f", shown=("f Headers",))
        press("r", shown=("Raw source,", "X-Week: 23", "↑ ↓  scroll"), box=True)
        press("Escape", shown=("f Headers",))
        press("i", shown=("Where it was", f"alice: {ALICE}/INBOX", "still there"), box=True)
        press("Escape", shown=("f Headers",))
        press("a", shown=("Attachments (1)", "minutes.pdf", "application/pdf"), box=True)
        terminal.keys("Enter")
        terminal.until_shown("To which folder on this machine?", f"[{Path.home()} ")
        terminal.keys("C-u")
        terminal.until(lambda: f"[{Path.home()} " not in terminal.text)
        terminal.type(str(tmp_path))
        terminal.until_shown(tmp_path.name[-20:])
        terminal.keys("Enter")
        # In a folder of its own, below the one that was named.
        saved = tmp_path / "attachments-of-message-23" / "minutes.pdf"
        terminal.until(saved.exists)
        assert saved.read_bytes() == DATA
        press("Escape", shown=("f Headers",))
        press("n", shown=("the minutes of week 22.",))
        press("Escape", shown=("INBOX (24)", "▸ 2024-01-22"))
        press("End", shown=("▸ 2024-01-01",))
        press("Escape", shown=("▸     INBOX",))
        press("Escape", shown=("Whose mail (1)",))
        press("Escape", shown=("Needs attention",))
        assert terminal.title == title


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_a_folder_is_exported_by_keyboard(home: Home, tmp_path: Path, size: tuple[int, int]) -> None:
    """From the tree to Maildir files with every byte of the folder; a second time nothing is written; Home has told of it."""
    with console(home, tmp_path, size, HOME=str(tmp_path)) as terminal:
        terminal.until_shown("Needs attention", "m Archive")
        for key, shown in (("m", "Whose mail (1)"), ("Enter", "▸     INBOX"), ("e", "24 messages, ")):
            terminal.keys(key)
            terminal.until_shown(shown)
        terminal.keys("Down")
        terminal.until_shown("(•) mbox")
        terminal.keys("Down")
        terminal.until_shown("(•) Maildir", "enter  export")
        terminal.until(lambda: terminal.straight)
        terminal.keys("Enter")
        terminal.until_shown("✔ done", "24 messages, ", "sha256sum -c SHA256SUMS", "esc Back")
        terminal.until(lambda: terminal.straight)
        archived = homes.rows(
            home.catalog,
            "SELECT m.sha256 FROM message m JOIN placement p ON p.message_id = m.id JOIN folder f ON f.id = p.folder_id "
            "WHERE f.path LIKE '%/INBOX'",
        )
        written = [hashlib.sha256(path.read_bytes()).digest() for path in (tmp_path / "archivar-export").rglob("cur/*")]
        assert sorted(written) == sorted(row[0] for row in archived)
        terminal.keys("Escape")
        terminal.until_shown("e Export")
        terminal.keys("e")
        terminal.until_shown("24 messages, ")
        terminal.keys("Down", "Down", "Enter")
        terminal.until_shown("✔ done", "0 messages", "24 messages were there already")
        terminal.keys("h")
        terminal.until_shown("Needs attention", "Nothing.")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (170, 40)])
def test_a_list_of_hostile_subjects_keeps_its_columns(
    home: Home, tmp_path: Path, size: tuple[int, int], width: ctypes._NamedFuncPointer
) -> None:
    """Each column begins in the cell in which its heading does, as the C library measures what tmux has on its screen."""

    def starts(line: str) -> dict[int, str]:
        """The characters of a line by the cells in which they begin."""
        found: dict[int, str] = {}
        at = 0
        for character in apart(line):
            cells = width(character)
            if cells > 0:
                found[at] = character
            at += max(cells, 0)
        return found

    with console(home, tmp_path, size) as terminal:
        terminal.until_shown("Needs attention")
        title = terminal.title
        terminal.keys("m")
        terminal.until_shown("▸ alice")
        terminal.keys("Enter")
        terminal.until_shown("▸     INBOX")
        terminal.keys("Down", "Enter")
        terminal.until_shown(f"Odd ({len(SUBJECTS)})", "2024-02-01")
        terminal.until(lambda: terminal.straight)
        lines = [line for line in terminal.lines if "2024-02-" in line and "─" not in line and "━" not in line]
        [heading] = [line for line in terminal.lines if "Subject" in line and "Size" in line]
        assert len(lines) == len(SUBJECTS)
        columns = [starts_at for name in ("Date", "From", "Subject") for starts_at in [heading.index(name)]]
        size_ends = heading.index("Size") + len("Size")
        for line in lines:
            found = starts(line)
            assert max(found) == size[0] - 1, line
            assert found[size[0] - 1] in "┃│"
            for column in columns:
                assert found.get(column, " ") != " ", line
                assert found.get(column - 1) == " ", line
            assert found[size_ends - 1] == "B", line
            assert not UNSAFE.search(line)
        for _ in SUBJECTS:
            terminal.keys("Enter")
            terminal.until_shown("f Headers")
            terminal.until(lambda: terminal.straight)
            assert not UNSAFE.search(terminal.text)
            terminal.keys("Escape")
            terminal.until_shown(f"Odd ({len(SUBJECTS)})")
            terminal.keys("Down")
        assert terminal.title == title
