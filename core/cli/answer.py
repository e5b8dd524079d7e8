"""Answers of commands: what one says at its end, as values. ``output.show`` is the one place that writes them.

What holds here: an answer is read once, and only in the form that was asked for, so that no JSON is made for text. Lines may
come from a generator, and are written as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from core.errors import ArchivarError


@dataclass(frozen=True, slots=True)
class Line:
    """A line for people: on stdout, or on stderr beside JSON. Broken at a terminal, it goes on after ``indent`` blanks."""

    text: str
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A line that is to be copied: never broken to fit."""

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
    """Bytes as they are, for a file or pipe."""

    data: bytes


Part: TypeAlias = Line | Verbatim | Note | Table | Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command says at its end.

    ``json`` makes the object of ``--json``, and ``lines`` stand in its place without it, or where a command has none. A text
    among them is a ``Line``. ``notes`` are told beside either; a text among them is a ``Note``. ``error`` is what the command
    fails with all the same: it is raised when the rest is written, and the exit code is its own.
    """

    json: Callable[[], Mapping[str, Any]] | None = None
    lines: Iterable[Part | str] = ()
    notes: Iterable[Part | str] = ()
    exit_code: int = 0
    error: ArchivarError | None = None
