"""The terminal: its input becomes keys, and its state is restored, however the console ends."""

from __future__ import annotations

import asyncio
import io
import os
import selectors
import signal
import termios
import threading
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from textual.drivers.linux_driver import LinuxDriver

from tui.keys import PatientParser

#: Seconds between two checks for the end of the console.
LOOK = 0.1
#: Seconds for a regular end after a request; then the process is ended hard.
ENDING = 5.0
#: Switches off all modes of the console: paste marks, mouse, key protocol, the other screen, focus reports; restores cursor,
#: line ends and colour.
RESTORE = (
    "\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[<u\x1b[?1049l\x1b[?25h"
    "\x1b[?1004l\x1b[0m"
)
#: Signals that end a program at a terminal.
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


class TerminalDriver(LinuxDriver):
    """Textual's driver, with keys that may come in pieces, and bytes that may be invalid."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if isinstance(self._file, io.TextIOWrapper):
            # Most terminals use UTF-8 whatever the locale, and no other encoding has the frames.
            self._file.reconfigure(encoding="utf-8")

    def run_input_thread(self) -> None:
        """Read keys until the console ends."""
        parser = PatientParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                due = parser.due
                if selector.select(LOOK if due is None else min(LOOK, due)):
                    data = decode(os.read(self.fileno, 4096))
                    if not data:
                        continue
                    for message in parser.feed(data):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)

    def take_mouse(self, on: bool) -> None:
        """Turn the mouse on or off."""
        # The driver's own switch depends on its initial state.
        self._mouse = True
        (self._enable_mouse_support if on else self._disable_mouse_support)()
        self._mouse = on
        self.flush()


class FoundTerminal:
    """The initial state of the terminal. ``restore`` brings it back, also when the console hangs."""

    def __init__(self) -> None:
        self._modes: list[Any] | None = None
        with suppress(termios.error):
            self._modes = termios.tcgetattr(0)

    def restore(self) -> None:
        """Switch off all modes of the console. Never blocks: a terminal that takes nothing gets nothing."""
        with suppress(OSError):
            blocking = os.get_blocking(2)
            os.set_blocking(2, False)
            try:
                os.write(2, RESTORE.encode())
            finally:
                os.set_blocking(2, blocking)
        if self._modes is not None:
            with suppress(termios.error):
                termios.tcsetattr(0, termios.TCSANOW, self._modes)


def end_on_signals(found: FoundTerminal, end: Callable[[int], None]) -> None:
    """Have ``end`` called with the number of a signal that ends the program.

    ``end`` is called in the main thread while the loop runs; a console that has not ended after some seconds is ended hard.
    """
    asked = threading.Event()

    def hard(number: int) -> None:
        found.restore()
        os._exit(128 + number)

    def handle(number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            return
        asked.set()
        timer = threading.Timer(ENDING, hard, (number,))
        timer.daemon = True
        timer.start()
        try:
            asyncio.get_running_loop().call_soon_threadsafe(end, number)
        except RuntimeError:
            # There is no loop yet, or none any more.
            hard(number)

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)
