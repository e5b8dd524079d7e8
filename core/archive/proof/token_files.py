"""The files of time stamps in a home: tokens of time-stamp authorities, one a seal."""

from __future__ import annotations

from pathlib import Path

from core.config import Home

#: The folder of the home for them.
FOLDER = "seals"


def tokens(home: Home) -> list[Path]:
    """The files of time stamps in the home, in the order of their entries."""
    return sorted(path for path in (home.path / FOLDER).glob("*.tsr") if path.name[:12].isdecimal() and path.name[12] == "-")
