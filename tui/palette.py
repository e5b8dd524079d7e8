"""Themes: read from ``themes/*.toml``."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from textual.theme import Theme

DEFAULT = "dark"
#: The theme for terminals with 16 or fewer colours and for NO_COLOR.
ANSI = "ansi"


def load() -> list[Theme]:
    """All themes, in the order of their names."""
    found = (entry for entry in files("themes").iterdir() if entry.name.endswith(".toml"))
    return [Theme(**tomllib.loads(entry.read_text("utf-8"))) for entry in sorted(found, key=lambda entry: entry.name)]
