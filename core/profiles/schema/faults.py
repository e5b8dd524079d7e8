"""Faults of settings files and forms: the field, its line, and the allowed values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.problems import command_line, fields
from core.problems.code import Face, Reason
from core.profiles.lines import KeyLines
from core.profiles.schema.kinds import WrongValue
from core.values import dataclass

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

    ``why`` follows its name and ``value`` (as written there); its remedy: the allowed values, may be empty; ``near``: the known
    name that an unknown one resembles.
    """

    sort: Sort
    section: str
    key: str
    why: Reason
    value: str = ""
    line: int = 0
    near: str = ""

    @property
    def field(self) -> str:
        """The name of the field, or of the section."""
        return ".".join(part for part in (self.section, self.key) if part)

    @property
    def allowed(self) -> str:
        """The allowed values as a file has them; may be empty."""
        return command_line.remedy(self.why).removesuffix(".")

    def reason(self, where: str = "") -> Reason:
        """The error about it; ``where`` is the name of a file."""
        shown = f"{self.field[: _LONGEST_KEY - 1]}…" if len(self.field) > _LONGEST_KEY else self.field
        line = f", line {self.line}" if self.line else ""
        at, field, why = f"{where}{line}: " if where else "", shown if self.key else f"[{shown}]", self.why
        if not self.allowed:
            return fields.OF_OTHERS(at=at, field=field, why=why)
        if self.sort is Sort.SURPLUS:
            return fields.OF_SURPLUS(at=at, field=field, why=why)
        if self.sort is Sort.MISSING:
            return fields.OF_MISSING(at=at, field=field, why=why)
        if self.sort is Sort.UNKNOWN:
            return fields.OF_UNKNOWN(at=at, field=field, why=why, near=f" Did you mean {self.near}?" if self.near else "")
        return fields.OF_WRONG(at=at, field=field, given=f"= {self.value} " if self.value else "", why=why)

    def beside(self, face: Face) -> str:
        """The fault as shown beside its line in a form."""
        if self.sort is Sort.MISSING:
            return "This is needed."
        said, allowed = f"{self.value} {self.why.sentence(face)}".strip(), self.why.remedy(face).removesuffix(".")
        return f"{said[:1].upper()}{said[1:]}{f': {allowed}' if allowed else ''}."

    def as_json(self) -> dict[str, Any]:
        """Code, sort, field, line (null for none), sentence and remedy."""
        found = {"code": self.why.code.word, "sort": self.sort.value, "field": self.field, "line": self.line or None}
        error = self.reason()
        return found | {"error": command_line.sentence(error), "hint": command_line.remedy(error)}


class FieldError(InputError):
    """A file or a form with faults: the first one is its reason; all of them in ``faults``."""

    def __init__(self, faults: Iterable[Fault], where: str = "") -> None:
        self.faults = tuple(faults)
        self.where = where
        first = self.faults[0]
        super().__init__(first.reason(where))
        self.field = first.field

    @property
    def others(self) -> list[str]:
        """The other faults, each with its remedy, in lines for people."""
        found = [command_line.told(fault.reason(self.where)) for fault in self.faults[1:MOST]]
        return [*found, f"And {len(self.faults) - MOST} more."] if len(self.faults) > MOST else found

    def as_json(self) -> dict[str, Any]:
        return {"faults": [fault.as_json() for fault in self.faults[:MOST]]}


def wrong(field: str, error: WrongValue, allowed: str) -> Fault:
    """The fault of an invalid value, with ``allowed`` unless the error has its own."""
    section, _, key = field.rpartition(".")
    return Fault(Sort.WRONG, section, key, error.why(allowed), error.value)


def unknown(section: str, key: str, known: Iterable[str]) -> Fault:
    """The fault of a key, or (no ``key``) a section, that is not among ``known``."""
    code = fields.UNKNOWN if key else fields.UNKNOWN_SECTION
    return Fault(Sort.UNKNOWN, section, key, code(allowed=", ".join(known)))


def in_file(faults: Iterable[Fault], text: str, path: Path) -> FieldError:
    """The error with the faults of a file of this text: in the order of its lines, missing fields last."""
    lines = KeyLines(text)
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
