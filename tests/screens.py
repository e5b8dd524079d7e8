"""Consoles whose screens tests look at."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.events import Key
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.pilot import Pilot

from core.text.cells import cell_len
from tests.terminal.staged import StagedDesk
from tui.console import Console
from tui.text.format import Line, MailboxTable, ProblemTable

#: Seconds between two looks at a condition.
LOOK = 0.005
#: Seconds for which a key waits for what the key before it opens.
PATIENCE = 1.0
BOTH_SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)])
#: Characters that would change a terminal, or hide what is shown.
STRANGE = set("\x1b\x07\x9b\u202e\u2066\u200b\ufeff")


class Shown:
    """A console under test and what it shows."""

    def __init__(self, console: Console, pilot: Pilot[None]) -> None:
        self.console = console
        self.pilot = pilot

    @property
    def lines(self) -> list[str]:
        """The screen's lines as they are sent to the terminal."""
        return [strip.text for strip in self.console.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until ``condition`` holds and the screen is painted; after ``seconds`` fail with what is shown.

        Between a change and the layout that it leads to, the screen shows parts of both. So only a screen at rest is looked at,
        and one that changes all the time each PATIENCE.
        """
        deadline = time.monotonic() + seconds
        patience = time.monotonic() + PATIENCE
        while True:
            now = time.monotonic()
            if self.at_rest() or now >= patience:
                if condition():
                    return
                patience = now + PATIENCE
            assert now < deadline, self.text
            await asyncio.sleep(LOOK)

    def at_rest(self) -> bool:
        """True when no widget in front has a message to handle and nothing is left to be laid out."""
        if not self.console.screen_stack:
            return True
        screen = self.console.screen
        if screen._layout_required or screen._scroll_required or screen._callbacks:
            return False
        pumps = (self.console, *screen.walk_children(with_self=True))
        return not any(pump._message_queue.qsize() or pump._next_callbacks or pump._pending_message for pump in pumps)

    async def until_shown(self, *texts: str) -> None:
        """Wait until all of ``texts`` are on the screen."""
        await self.until(lambda: all(map(self.text.__contains__, texts)))

    async def until_gone(self, *texts: str) -> None:
        """Wait until none of ``texts`` is on the screen."""
        await self.until(lambda: not any(map(self.text.__contains__, texts)))

    async def press(self, *keys: str) -> None:
        """Press keys one by one, each when what the one before did is done, or is held back by a test for longer than PATIENCE.

        The toolkit's own waits until the process uses no time: up to two seconds a key, as long as anything is loaded.
        """
        for key in keys:
            self.send(key)
            await self._settle()
            await self.pilot._wait_for_screen()

    async def _settle(self) -> None:
        """Wait until keys are handled, with all that follows, and the page that they lead to is there; at most PATIENCE."""
        end = time.monotonic() + PATIENCE
        # A message climbs from widget to widget, each time into another queue.
        while self._keys_left() or self.console._page_comes() or not self.at_rest():
            if time.monotonic() >= end:
                return
            await asyncio.sleep(LOOK)

    def send(self, key: str) -> None:
        """Press a key without waiting for what it does."""
        assert self.console.post_message(pressed(key, self.console))

    async def keys_done(self) -> None:
        """Wait until no key is left that was pressed and not yet handled."""
        await self.until(lambda: not self._keys_left())

    def _keys_left(self) -> bool:
        typed = self.console._typed
        # A key that was just sent is a message to the console.
        sent = bool(self.console._message_queue.qsize() or self.console._pending_message)
        return bool(sent or typed._typed or typed._delivering or typed._under_way)


def pressed(key: str, console: Console) -> Key:
    """The event of a key by its name, such as "ctrl+x", or by its character."""
    name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
    try:
        character: str | None = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(name, name)))
    except KeyError:
        character = key if len(key) == 1 else None
    event = Key(name, character)
    event.set_sender(console)
    return event


@asynccontextmanager
async def shown(desk: StagedDesk, size: tuple[int, int] = (80, 24), *, few_colours: bool = False) -> AsyncIterator[Shown]:
    """The console over ``desk``, with Home loaded."""

    async def open_desk() -> StagedDesk:
        return desk

    console = Console(open_desk, few_colours=few_colours)
    async with console.run_test(size=size, notifications=True) as pilot:
        screen = Shown(console, pilot)
        await screen.until_shown("Needs attention")
        yield screen


def straight(lines: list[str], size: tuple[int, int]) -> bool:
    """Every line is as wide as the screen, and every line of a box ends with its border."""
    framed = all(text.rstrip()[-1] in "│┃╮╯┓┛" for text in lines if text[:1] in "│┃╭╰┏┗")
    return framed and len(lines) == size[1] and all(cell_len(text) == size[0] for text in lines)


def lines_made(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Counts the lines that tables of mailboxes and problems make from now on."""
    made: list[int] = []
    for table in (MailboxTable, ProblemTable):

        def counted(self: Any, index: int, make: Callable[[Any, int], Line] = table.__getitem__) -> Line:
            made.append(index)
            return make(self, index)

        monkeypatch.setattr(table, "__getitem__", counted)
    return lambda: len(made)
