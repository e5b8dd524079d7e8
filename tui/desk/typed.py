"""Paths on this machine, as typed."""

from __future__ import annotations

from pathlib import Path

from core.config import Home
from core.errors import InputError


def path(text: str) -> Path:
    """The typed path. Raises ``ValueError``, with the reason, for an invalid one; ``text`` is not empty."""
    if "\0" in text:
        raise ValueError("it has a character that no path can have")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def folder(text: str) -> Path:
    """A typed folder, existing or not. Raises ``InputError``."""
    text = text.strip()
    if not text:
        raise InputError("No folder was named.", "Name a folder on this machine.")
    try:
        return path(text)
    except ValueError as error:
        raise InputError(f"{text} is no folder: {error}.", "Name a folder on this machine.") from error


def outside(home: Home, text: str, remedy: str) -> Path:
    """A typed folder to write to, outside the archive; ``remedy`` is the advice otherwise. Raises ``InputError``."""
    target = folder(text)
    if home.holds(target):
        raise InputError(f"{target} is in the archive's own folder.", remedy)
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is no folder.", "Choose another one.")
    return target
