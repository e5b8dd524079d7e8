"""Starting the console: what must be settled before Textual is imported, and what terminals are too little."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console as Terminal

#: Textual reads these when it is imported. Nothing moves by itself: every byte goes over SSH.
SETTINGS = {"TEXTUAL_FPS": "30", "TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}
HINT = "The console needs a terminal that can place text, such as TERM=xterm-256color. For scripts: archivar --help."


def run(home: Path | None = None) -> None:
    """Show the console until it is left. ``home`` defaults to ``ARCHIVAR_HOME``. Raises ``SystemExit`` when it cannot."""
    terminal = Terminal(stderr=True, highlight=False, markup=False)
    if os.environ.get("TERM", "dumb") in ("", "dumb", "unknown") or not (os.isatty(0) and os.isatty(1)):
        terminal.print(HINT, soft_wrap=True)
        raise SystemExit(2)
    os.environ.update(SETTINGS)
    for name in ("COLUMNS", "LINES"):
        # Where a shell exports them, Textual would believe them for ever and not the window.
        os.environ.pop(name, None)
    from tui.console import Console
    from tui.gateway.core import begin_archive, note_fault, open_gateway
    from tui.gateway.start import glance

    start = glance(home)
    console = Console(
        lambda: open_gateway(home),
        lambda: begin_archive(home),
        few_colours=few_colours(),
        start=start,
        note=lambda text: note_fault(home, text),
    )
    console.run(mouse=start.mouse)
    if console.return_code:
        raise SystemExit(3)


def few_colours() -> bool:
    """Whether the terminal has 16 colours or fewer, or none are wanted; then its own colours are the readable ones."""
    system = Terminal(force_terminal=True, legacy_windows=False).color_system
    return "NO_COLOR" in os.environ or system in (None, "standard")
