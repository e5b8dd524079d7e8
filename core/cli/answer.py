"""Answers of commands: their final output, as values. ``output.show`` is the one place that writes them.

What holds here: an answer is read once, and only in the form that was asked for, so that no JSON is made for text. Lines may
come from a generator, and are written as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from core.errors import ArchivarError
from core.values import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text: on stdout, or on stderr beside JSON. Wrapped at a terminal, it continues after ``indent`` blanks."""

    text: str
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A line for copying: never wrapped."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A line beside the result: always on stderr."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below their heads; columns headed as in ``right`` are set flush right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes in pieces, unchanged, for a file or pipe."""

    pieces: Iterable[bytes]


Part: TypeAlias = Line | Verbatim | Note | Table | Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The final output of a command.

    ``json`` makes the object of ``--json``; ``lines`` are written without it, or where a command has none. A text among them is
    a ``Line``. ``notes`` are written beside either; a text among them is a ``Note``. ``error`` is the command's failure in
    spite of the output: it is raised after the rest is written, and the exit code is its own.
    """

    json: Callable[[], Mapping[str, Any]] | None = None
    lines: Iterable[Part | str] = ()
    notes: Iterable[Part | str] = ()
    exit_code: int = 0
    error: ArchivarError | None = None
