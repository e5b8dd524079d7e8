"""Themes: read from ``themes/*.toml``, chosen for the terminal, and kept for the next time."""

from __future__ import annotations

import os
import re
import tomllib
from importlib.resources import files
from pathlib import Path

from textual.theme import Theme

DEFAULT = "dark"
#: The one for terminals with 16 or fewer colours and for NO_COLOR.
ANSI = "ansi"


def load() -> list[Theme]:
    """All themes, in the order of their names."""
    found = (entry for entry in files("themes").iterdir() if entry.name.endswith(".toml"))
    return [Theme(**tomllib.loads(entry.read_text("utf-8"))) for entry in sorted(found, key=lambda entry: entry.name)]


def kept_file() -> Path:
    """Where the choice is kept: with the account's other settings, since it is about eyes and not about the archive."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "archivar" / "console.toml"


def kept() -> str:
    """The theme chosen last; the default if none was, or if the file cannot be read."""
    try:
        name = tomllib.loads(kept_file().read_text("utf-8")).get("theme", DEFAULT)
    except (OSError, RuntimeError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return DEFAULT
    return name if name in {theme.name for theme in load()} else DEFAULT


def keep(name: str) -> bool:
    """Keep the choice; False when it cannot be written, which is no reason to stop."""
    if not re.fullmatch(r"[a-z-]+", name):
        return False
    try:
        path = kept_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'theme = "{name}"\n', encoding="utf-8")
    except (OSError, RuntimeError):
        return False
    return True
