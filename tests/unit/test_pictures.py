"""The pictures in the README and in the manual are drawn by the console itself."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: Path) -> str:
    """All that is written in a picture."""
    root = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    return "\n".join(text.text or "" for text in root.iter(f"{SVG}text")).replace("\xa0", " ")


def test_the_pictures_show_home_a_run_and_mail_and_load_nothing(tmp_path: Path) -> None:
    """Drawn from nothing, with the clock that stands still, and without an address to load anything from."""
    subprocess.run([sys.executable, "-m", "tests.pictures", str(tmp_path)], cwd=ROOT, check=True, timeout=60)
    home, run = texts(tmp_path / "home.svg"), texts(tmp_path / "run.svg")
    for text in ("Profiles (4)", "40 mailboxes", "running", "every 15 min", "never run", "21:29", "Needs attention"):
        assert text in home
    for text in ("run 7", "anna@example.test", "61 %", "Problems (2)", "Archive/2019 · UID 4711", "21:29"):
        assert text in run
    for text in ("INBOX (1,204)", "1 marked", "Jörg Müller", "this is message 2.", "21:29"):
        assert text in texts(tmp_path / "archive.svg")
    for picture in tmp_path.glob("*.svg"):
        addresses = set(re.findall(r"https?://[^\"'\s)<]+", html.unescape(picture.read_text(encoding="utf-8"))))
        assert addresses <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}


def test_each_picture_that_is_drawn_is_shown() -> None:
    """One in the README, all of them on the page about the console; each that is named is in the checkout."""
    shown = {}
    for page in (ROOT / "README.md", ROOT / "docs" / "console.md"):
        named = re.findall(r"!\[[^\]]+\]\(([^)]+\.svg)\)", page.read_text(encoding="utf-8"))
        shown[page.name] = {(page.parent / name).resolve() for name in named}
    assert len(shown["README.md"]) == 1
    assert shown["README.md"] < shown["console.md"] == set((ROOT / "tests" / "pictures").glob("*.svg"))
