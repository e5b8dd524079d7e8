"""Settings of the console before its start: read at once, without opening the archive and without a new file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core import config
from core.archive.catalog import settings
from core.config import Home
from core.errors import ArchivarError
from core.system import locales
from tui.desk import present
from tui.desk.present import BLANK, Safe

#: Bytes; a keymap file has a few kilobytes.
LARGEST_KEYMAP = 200_000


@dataclass(frozen=True, slots=True)
class Start:
    """The console's looks and keys from its start. ``refresh`` is in seconds; ``keymap`` the text of the file, if any.

    ``doubt`` is a warning about the terminal.
    """

    theme: str = "dark"
    mouse: bool = False
    refresh: float = 0.5
    keymap: str | None = None
    doubt: Safe = BLANK


DEFAULTS = Start()


def locale_doubt() -> Safe:
    """The fault of the locale, and the remedy; empty for one with UTF-8."""
    return present.text(" ".join(locales.doubt()).strip())


def glance(path: Path | None = None) -> Start:
    """The start of a console on ``path`` or the default home. Defaults on any error, which opening the archive will report."""
    try:
        home = Home((path or config.default_home()).absolute())
        found = settings.glance(home)
        return Start(found.theme, found.mouse, found.refresh, _keymap(home))
    except (ArchivarError, OSError, RuntimeError):
        return Start()


def _keymap(home: Home) -> str | None:
    try:
        with home.keymap.open("rb") as opened:
            return opened.read(LARGEST_KEYMAP).decode("utf-8", "replace")
    except OSError:
        return None
