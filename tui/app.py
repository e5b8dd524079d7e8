"""Start of the console: settings before Textual is imported, and terminals that are too limited."""

from __future__ import annotations

import os
import select
import signal
import threading
from dataclasses import replace
from pathlib import Path

from rich.console import Console as Terminal

#: Textual reads these when it is imported. No animations: every byte goes over SSH.
SETTINGS = {"TEXTUAL_FPS": "30", "TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}
HINT = "The console needs a terminal that can place text, such as TERM=xterm-256color. For scripts: archivar --help."


def run(home: Path | None = None) -> None:
    """Show the console until it is closed. ``home`` defaults to ``ARCHIVAR_HOME``.

    Raises ``SystemExit`` when it cannot start.
    """
    terminal = Terminal(stderr=True, highlight=False, markup=False)
    if os.environ.get("TERM", "dumb") in ("", "dumb", "unknown") or not (os.isatty(0) and os.isatty(1)):
        terminal.print(HINT, soft_wrap=True)
        raise SystemExit(2)
    os.environ.update(SETTINGS)
    for name in ("COLUMNS", "LINES"):
        # Where a shell exports them, Textual would trust them for ever instead of the window.
        os.environ.pop(name, None)
    from tui.console import Console
    from tui.desk.desk import begin_archive, note_fault, open_desk
    from tui.desk.start import glance, locale_doubt
    from tui.terminal import FoundTerminal, TerminalDriver, end_on_signals

    if doubt := locale_doubt():
        # Here too, where it stays after the console is closed.
        terminal.print(doubt, soft_wrap=True)
    found = FoundTerminal()
    threading.Thread(target=_end_with_terminal, name="terminal", daemon=True).start()
    start = replace(glance(home), doubt=doubt)
    console = Console(
        lambda: open_desk(home),
        lambda: begin_archive(home),
        few_colours=few_colours(),
        start=start,
        note=lambda text: note_fault(home, text),
        driver=TerminalDriver,
    )
    end_on_signals(found, console.end)
    try:
        console.run(mouse=start.mouse)
    except BaseException:
        found.restore()
        raise
    if console.return_code:
        raise SystemExit(console.return_code if console.return_code > 128 else 3)


def _end_with_terminal() -> None:
    """End the console when its terminal is gone, as the hang-up signal does, which is not always sent.

    Textual would read the end of the file for ever, and wait for ever to write.
    """
    poller = select.poll()
    # No events: only the hang-up is polled for, so nothing wakes it before.
    poller.register(0, 0)
    while os.isatty(0):
        poller.poll()
    os._exit(128 + signal.SIGHUP)


def few_colours() -> bool:
    """True for a terminal with 16 colours or fewer, or when none are wanted: the terminal's own colours are readable then."""
    system = Terminal(force_terminal=True, legacy_windows=False).color_system
    return "NO_COLOR" in os.environ or system in (None, "standard")
