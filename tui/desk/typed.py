"""Paths on this machine, as typed."""

from __future__ import annotations

from pathlib import Path

from core.config import Home
from core.errors import InputError
from core.problems import console, export
from core.problems.disk import NO_FOLDER


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
        raise InputError(console.NO_FOLDER_NAMED())
    try:
        return path(text)
    except ValueError as error:
        raise InputError(export.NO_FOLDER_NAME(path=text, said=str(error))) from error


def outside(home: Home, text: str) -> Path:
    """A folder to write to, outside of the archive's own. Raises ``InputError``."""
    target = folder(text)
    if home.holds(target):
        raise InputError(export.WITHIN_HOME(path=str(target)))
    if target.exists() and not target.is_dir():
        raise InputError(NO_FOLDER(path=str(target)))
    return target
