"""The wizard in a real terminal, driven by keys alone."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from core import config
from core.archive.archive import Archive
from tests.command import Archivar
from tests.terminal.tmux import Tmux

ROOT = Path(__file__).parents[2]
#: Seconds without a change after which a screen is taken for painted.
SETTLED = 0.05
#: What no terminal may be sent as text: controls, and characters that turn, hide or join others.
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")

#: The question before mail is deleted, and what it says of each choice.
DELETE = "Delete mail on the server?"
ASKED = {"immediately": "every archived message", "when older than": "old enough"}


@contextmanager
def begun(folder: Path) -> Iterator[Archivar]:
    """An archive without users; its service ends with it."""

    async def begin() -> None:
        await (await Archive.open(config.find_or_create(archivar.home))).close()

    with Archivar(folder) as archivar:
        asyncio.run(begin())
        yield archivar


class Wizard(Tmux):
    """A console on the archive in ``home``. ``seen`` is all that was ever looked at."""

    def __init__(
        self,
        home: Path,
        settings: Path,
        *,
        size: tuple[int, int] = (80, 24),
        term: str = "xterm-256color",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        variables = {"XDG_CONFIG_HOME": str(settings), **(environment or {})}
        command = [sys.executable, "-P", "-m", "tui", "--home", str(home)]
        super().__init__(command, size=size, term=term, environment={"PYTHONPATH": str(ROOT), **variables}, cwd=str(ROOT))
        self.seen: set[str] = set()

    @property
    def lines(self) -> list[str]:
        lines = super().lines
        self.seen.update(lines)
        return lines

    def until_page(self, word: str, *texts: str) -> None:
        """Wait until the page of that word is in front and shows ``texts``."""
        self.until(lambda: f"● {word}" in (shown := self.text) and all(text in shown for text in texts))

    def next(self, word: str, *texts: str) -> None:
        """To the next page, which is that of ``word``."""
        self.keys("Enter")
        self.until_page(word, *texts)

    def back(self, word: str, *texts: str) -> None:
        """To the page before."""
        self.keys("Escape")
        self.until_page(word, *texts)

    def fill(self, label: str, text: str) -> None:
        """Go to the field with this label and write ``text`` into it, in place of what is there."""
        self.go(label)
        before = self.content(label)
        if before and not before.startswith(("e.g. ", "/  ")):
            self.keys("End", "C-u")
            # What is typed at once would come before what a command does.
            self.until(lambda: self.content(label) != before)
        self.type(text)
        self.until(lambda: self.content(label) in (text, "•" * len(text)))

    def content(self, label: str) -> str:
        """The text in the line with this label, or the hint shown while it is empty."""
        return self.line(label).partition(" [")[2].removesuffix("]").rstrip()

    def go(self, label: str) -> None:
        """Tab on until the field with this label has the focus."""
        self.until(lambda: self.marked)
        for _ in range(20):
            if self.line(label).startswith(f"▸ {label}"):
                return
            self._on("Tab")
        raise AssertionError(f"{label} is not reached\n{self.text}")

    def choose(self, label: str, words: str) -> None:
        """Choose the option with these words of the field with this label."""
        self.go(label)
        for _ in range(6):
            if f"(•) {words}" in self.text:
                return
            before = self._chosen()
            self.keys("Right")
            # Not any change: fields that come and go are painted a moment after the choice.
            self.until(lambda before=before: self._chosen() != before)  # type: ignore[misc]
            while DELETE in self.text:
                asked = self.text
                self.keys("y" if ASKED[words] in asked else "Down")
                self.until(lambda asked=asked: self.text != asked)  # type: ignore[misc]
        raise AssertionError(f"{words} is not offered\n{self.text}")

    def _chosen(self) -> list[str]:
        """The chosen option, or the question before any is."""
        return [DELETE] if DELETE in self.text else re.findall(r"\(•\) [^()]+", self.text)

    def line(self, label: str) -> str:
        """The line of the field with this label, without the frame and the scroll bar."""
        bare = (line.strip("┃│ ▁▂▃▄▅▆▇█") for line in self.lines)
        return next((line for line in bare if line.removeprefix("▸ ").startswith(label)), "")

    def cursor(self, name: str) -> None:
        """Move the cursor of a list down until it is on the line that has ``name``."""
        for _ in range(40):
            if any(name in line for line in self.marked):
                return
            self._on("Down")
        raise AssertionError(f"{name} is not reached\n{self.text}")

    def _on(self, key: str) -> None:
        """Press a key that moves the mark of the focus, and wait until the mark stands elsewhere.

        A screen is painted in parts: a look in between shows no mark, or two. Taken for the new place, it would have
        the key pressed once more, past what is looked for. So it must be the same for a while.
        """
        before, last, since = self.marked, [""], 0.0
        self.keys(key)

        def moved() -> bool:
            nonlocal last, since
            if (now := self.marked) != last:
                last, since = now, time.monotonic()
            return len(now) == max(1, len(before)) and now != before and time.monotonic() - since >= SETTLED

        self.until(moved)

    def settled(self, condition: Callable[[], object]) -> list[str]:
        """Wait until ``condition`` holds for a screen that has been the same for a while; its lines."""
        last, since = [""], 0.0

        def same() -> bool:
            nonlocal last, since
            if (now := self.lines) != last:
                last, since = now, time.monotonic()
            return bool(condition()) and time.monotonic() - since >= SETTLED

        self.until(same)
        return last

    def toggle(self, key: str, change: Callable[[], object]) -> None:
        """Press a key and wait for what it changes."""
        self.keys(key)
        self.until(change)

    @property
    def marked(self) -> list[str]:
        """The lines with the mark of the focus."""
        return [line for line in self.lines if "▸" in line]

    @property
    def focused(self) -> str:
        """The focused lines with the mark, and the state that fields show while they have it."""
        return "\n".join(self.marked)

    @property
    def footer(self) -> list[tuple[str, str]]:
        """(key, label) of the keys at the foot."""
        words = [part for part in re.split(r"\s{2,}", self.lines[-1].strip()) if part]
        return [(key, label) for key, _, label in (word.partition(" ") for word in words)]

    @property
    def whole(self) -> bool:
        """Are all frames straight, from the first to the last column, and are the steps and the keys told to their ends?"""
        lines = self.lines
        named = all(text in lines[1] for text in ("Kind", "Summary"))
        return self.straight and named and lines[-1].rstrip().endswith("f1 Help")
