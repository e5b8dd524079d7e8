"""Failures: errors of the core as ``Refused``, and faults by type and place, without values."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ArchivarError
from tui.desk import face, present
from tui.desk.present import BLANK, Safe


class Refused(Exception):
    """The core refused a request: the sentence, and the remedy."""

    def __init__(self, message: Safe, hint: Safe = BLANK) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NoArchive(Refused):
    """There is no archive in the home folder (yet); ``hint`` is the folder."""


class NoProfile(Refused):
    """The profile was removed or renamed."""


def fault(error: BaseException) -> Safe:
    """An unforeseen error as a line to report."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return present.sentence(f"Please report it with this line: {type(error).__name__} in {places or 'an unknown place'}")


def way(error: BaseException) -> str:
    """The traceback of an error and its causes, for a log: files, lines and functions, without values."""
    lines = []
    cause: BaseException | None = error
    while cause is not None:
        lines.append(type(cause).__name__)
        lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(cause.__traceback__)]
        cause = cause.__cause__ or cause.__context__
    return "\n".join(lines)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the core's errors into the console's, with texts that are safe to show."""
    try:
        yield
    except ArchivarError as error:
        raise Refused(present.text(face.sentence(error.reason)), present.text(face.remedy(error.reason))) from error
