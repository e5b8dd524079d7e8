"""Faults of settings files and forms: the field, its line, and the allowed values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.profiles.lines import Lines
from core.profiles.schema.kinds import WrongValue

#: Faults of one file that are reported; later ones show when these are fixed.
MOST = 30
#: Characters of an unknown key that are shown; longer ones get no suggestion.
_LONGEST_KEY = 60


class Sort(StrEnum):
    """Sorts of faults; stable words for scripts."""

    UNKNOWN = "unknown"
    MISSING = "missing"
    WRONG = "not-allowed"
    SURPLUS = "no-meaning"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at ``section.key``, at a key above all sections, or (no ``key``) at a section. ``line`` 0: it is in none.

    ``value`` (as written there) and ``said`` follow its name; ``allowed``: the allowed values, may be empty; ``near``: the
    known name that an unknown one resembles.
    """

    sort: Sort
    section: str
    key: str
    said: str
    allowed: str = ""
    value: str = ""
    line: int = 0
    near: str = ""

    @property
    def field(self) -> str:
        """The name of the field, or of the section."""
        return ".".join(part for part in (self.section, self.key) if part)

    @property
    def sentence(self) -> str:
        """The fault with its field's name in files."""
        shown = f"{self.field[: _LONGEST_KEY - 1]}…" if len(self.field) > _LONGEST_KEY else self.field
        name = shown if self.key else f"[{shown}]"
        return f"{name} {f'= {self.value} ' if self.value else ''}{self.said}."

    @property
    def hint(self) -> str:
        """The remedy."""
        if not self.allowed:
            return "Leave it out."
        near = f" Did you mean {self.near}?" if self.near else ""
        return f"{'Write' if self.sort is Sort.MISSING else 'Allowed:'} {self.allowed.removesuffix('.')}.{near}"

    @property
    def beside(self) -> str:
        """The fault as shown beside its line in a form."""
        if self.sort is Sort.MISSING:
            return "This is needed."
        said = f"{self.value} {self.said}".strip()
        return f"{said[:1].upper()}{said[1:]}{f': {self.allowed}' if self.allowed else ''}."

    def as_json(self) -> dict[str, Any]:
        """Sort, field, line (null for none), sentence and remedy."""
        found = {"code": self.sort.value, "field": self.field, "line": self.line or None}
        return found | {"error": self.sentence, "hint": self.hint}


class FieldError(InputError):
    """A file or a form with faults: the first one in ``message``, ``hint`` and ``field``; all of them in ``faults``."""

    def __init__(self, faults: Iterable[Fault], where: str = "") -> None:
        self.faults = tuple(faults)
        self.where = where
        first = self.faults[0]
        super().__init__(self._placed(first), first.hint)
        self.field = first.field

    def _placed(self, fault: Fault) -> str:
        line = f", line {fault.line}" if fault.line else ""
        return f"{self.where}{line}: {fault.sentence}" if self.where else fault.sentence

    @property
    def others(self) -> list[str]:
        """The other faults, each with its remedy, in lines for people."""
        found = [f"{self._placed(fault)} {fault.hint}" for fault in self.faults[1:MOST]]
        return [*found, f"And {len(self.faults) - MOST} more."] if len(self.faults) > MOST else found

    def as_json(self) -> dict[str, Any]:
        return {"faults": [fault.as_json() for fault in self.faults[:MOST]]}


def wrong(field: str, error: WrongValue, allowed: str) -> Fault:
    """The fault of an invalid value, with ``allowed`` unless the error has its own."""
    section, _, key = field.rpartition(".")
    return Fault(Sort.WRONG, section, key, error.said, error.allowed or allowed, error.value)


def unknown(section: str, key: str, known: Iterable[str], what: str = "is unknown") -> Fault:
    """The fault of a key or section that is not among ``known``."""
    return Fault(Sort.UNKNOWN, section, key, what, ", ".join(known))


def in_file(faults: Iterable[Fault], text: str, path: Path) -> FieldError:
    """The error with the faults of a file of this text: in the order of its lines, missing fields last."""
    lines = Lines(text)
    placed = [replace(fault, line=lines.of(fault.section, fault.key)) for fault in faults]
    placed.sort(key=lambda fault: (fault.sort is Sort.MISSING, fault.line))
    return FieldError([_likened(fault) if at < MOST else fault for at, fault in enumerate(placed)], path.name)


def _likened(fault: Fault) -> Fault:
    """The fault of an unknown name with the known one that it resembles."""
    name = fault.key or f"[{fault.section}]"
    if fault.sort is not Sort.UNKNOWN or len(name) > _LONGEST_KEY:
        return fault
    near = get_close_matches(name, fault.allowed.split(", "), 1, 0.75)
    return replace(fault, near=near[0]) if near else fault
