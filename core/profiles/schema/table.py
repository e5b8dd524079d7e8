"""The description of a settings file's sort: its fields, and their dependencies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, TypeVar

from core.problems import fields
from core.problems.code import Reason
from core.profiles.schema.kinds import ValueKind
from core.values import dataclass

T = TypeVar("T")
_NONE: Any = object()

#: Meanings or, in a form, typed values, by field name. Members of a ``StrEnum`` equal their texts.
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class While:
    """A condition: the field ``other`` has one of ``values``.

    ``why`` describes a violation in a file; None: the field has no meaning beside the other, ``allowed``: what has.
    """

    other: str
    values: tuple[Any, ...]
    why: Reason | None = None
    allowed: str = ""


#: An own authority, and acceptance of any certificate, exclude each other.
CERTIFIED = While("server.accept_all_certificates", (False,), fields.EXCLUDED(other="server.accept_all_certificates"))
#: A password comes from one source.
ONE_PASSWORD = While("login.password_file", ("",), fields.EXCLUDED(other="login.password_file"))


@dataclass(frozen=True, slots=True)
class Always:
    """Condition of a required field; ``allowed`` is an example."""

    allowed: str


@dataclass(frozen=True, slots=True)
class By:
    """A text that depends on the value of another field: one of ``texts``, else ``rest``."""

    other: str
    texts: Mapping[Any, str]
    rest: str = ""

    def __call__(self, values: Values) -> str:
        return self.texts.get(values.get(self.other), self.rest)


Words = str | Callable[[Values], str]


def words(text: Words, values: Values) -> str:
    """A text of the table for these values."""
    return text if isinstance(text, str) else text(values)


class Where(StrEnum):
    """The place of a field: in files and on a line of a form; only in a form; or in files, kept by a form without a line."""

    BOTH = "both"
    FORM = "form"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Field:
    """A field: ``name`` is ``section.key``, or a key above all sections. ``default`` is its meaning when it is left out.

    ``needed``: the condition under which it is required, with an example as ``allowed``. ``beside``: the condition under which
    it has a meaning; otherwise a file with it is refused, and a form hides it. ``shown`` restricts a form alone. ``told``:
    written to a file even with the default value.

    ``page``, ``label``, ``note``, ``hint``, ``options`` (choices with their words; ``column``: one below the other) and
    ``tick`` (the words of a tick) are its line in a form; ``fill`` is its value in a new one.
    """

    name: str
    kind: ValueKind
    default: Any = None
    needed: tuple[While | Always, ...] = ()
    beside: tuple[While, ...] = ()
    shown: tuple[While, ...] = ()
    where: Where = Where.BOTH
    told: bool = False
    page: str = ""
    label: Words = ""
    note: Words = ""
    hint: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    tick: str = ""
    column: bool = False
    fill: str = ""

    @property
    def section(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def key(self) -> str:
        return self.name.rpartition(".")[2]

    def usual(self, values: Values) -> Any:
        """The default meaning of the field for these values."""
        return self.default(values) if callable(self.default) else self.default


def of_section(section: str, values: Values, *without: str) -> dict[str, Any]:
    """The values of a section's fields by key, except the keys ``without``."""
    start = f"{section}."
    found = {name.removeprefix(start): value for name, value in values.items() if name.startswith(start)}
    return {key: value for key, value in found.items() if key not in without}


def taken_of(fields: Iterable[Field], parts: Mapping[str, object]) -> dict[str, Any]:
    """The values of fields by key, taken from the attributes of the section's part of the settings."""
    found = {one.name: getattr(parts.get(one.section), one.key, _NONE) for one in fields}
    return {name: value for name, value in found.items() if value is not _NONE}


@dataclass(frozen=True, slots=True)
class Check:
    """A rule for several fields: ``check`` raises ``WrongValue`` about the first of ``names``.

    Run when all of them are valid.
    """

    names: tuple[str, ...]
    check: Callable[[Values], None]


@dataclass(frozen=True)
class SettingsTable(Generic[T]):
    """A sort of settings file, called ``what`` in texts. ``sections`` in the order of files, with their conditions.

    ``build`` makes settings of the meanings of all fields, ``taken`` is the reverse. ``derived`` are values of fields that only
    forms have, computed from a file's.
    """

    what: str
    fields: Sequence[Field]
    sections: Mapping[str, While | None]
    checks: Sequence[Check]
    build: Callable[[Values], T]
    taken: Callable[[T], dict[str, Any]]
    derived: Callable[[Values], dict[str, Any]] = lambda raw: {}

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields by their names."""
        return {one.name: one for one in self.fields}

    @cached_property
    def in_file(self) -> dict[str, dict[str, Field]]:
        """Fields of files by section and key; the section of keys above all sections is an empty text."""
        found: dict[str, dict[str, Field]] = {section: {} for section in ("", *self.sections)}
        for one in self.fields:
            if one.where is not Where.FORM:
                found[one.section][one.key] = one
        return found

    def holds(self, condition: While | Always, values: Values) -> bool:
        """True when ``condition`` holds; an absent field counts with its default."""
        if isinstance(condition, Always):
            return True
        value = values.get(condition.other)
        if value is None or value == "":
            value = self.by_name[condition.other].usual(values)
        return value in condition.values

    def conditions(self, field: Field) -> tuple[While, ...]:
        """All conditions for ``field`` to have a meaning."""
        of_section = self.sections[field.section] if field.section else None
        return (*field.beside, of_section) if of_section and of_section.other != field.name else field.beside

    def has_meaning(self, field: Field, values: Values) -> bool:
        """True when ``field`` has a meaning beside the others."""
        return all(self.holds(one, values) for one in self.conditions(field))
