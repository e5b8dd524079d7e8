"""Unforeseen errors as text: what kind and where, but nothing of what was being worked on."""

from __future__ import annotations

import traceback
from pathlib import Path


def fault(error: BaseException) -> str:
    """An unforeseen error as a line to report."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"Please report it with this line: {type(error).__name__} in {places or 'an unknown place'}"


def way(error: BaseException) -> str:
    """The traceback of an error and of those behind it, for a log: files, lines and functions, and none of their values."""
    lines = []
    cause: BaseException | None = error
    while cause is not None:
        lines.append(type(cause).__name__)
        lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(cause.__traceback__)]
        cause = cause.__cause__ or cause.__context__
    return "\n".join(lines)
