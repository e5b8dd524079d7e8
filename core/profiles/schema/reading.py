"""Settings files: TOML, read and checked by a table. All faults are reported at once, each with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from core.errors import InputError
from core.problems import disk, fields
from core.problems.code import Reason
from core.profiles.schema.faults import Fault, Sort, in_file, unknown, wrong
from core.profiles.schema.kinds import WrongValue, show
from core.profiles.schema.table import Always, Field, SettingsTable, While
from core.text.patterns import pattern
from core.values import dataclass

T = TypeVar("T")

#: Bytes; a file is a page, or a list of some thousand users.
MAX_FILE_BYTES = 1024 * 1024
_NAME = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
#: Keys with very many levels, on which the parser takes quadratic time.
_DEEP = pattern(rf"(?:^|[\[{{,])[ \t]*+(?:{_NAME}[ \t]*+\.[ \t]*+){{40}}", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SettingsFile(Generic[T]):
    """A settings file, read and checked. ``password_env`` names the environment variable with the password."""

    settings: T
    password_env: str = ""


def read(table: SettingsTable[T], path: Path) -> SettingsFile[T]:
    """Read and check a file. Raises ``InputError`` with the file, and of each fault its line, key and allowed values."""
    return parse(table, read_text(path, table.what), path)


def parse(table: SettingsTable[T], text: str, path: Path) -> SettingsFile[T]:
    """Check the text of a file; ``path`` is for messages and for files named relative to it. Raises ``InputError``."""
    raw, faults = _flat(table, load(text, path))
    raw |= table.derived(raw)
    values, more = checked(table, raw, path.parent, frozenset(fault.field for fault in faults))
    if faults or more:
        raise in_file([*faults, *more], text, path)
    return SettingsFile(table.build(values), values.get("login.password_env") or "")


def read_text(path: Path, what: str) -> str:
    """The text of a settings file; ``what`` is its sort in errors. Raises ``InputError``."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(disk.UNREAD(path=str(path), said=str(error.strerror))) from error
    except ValueError as error:
        raise InputError(disk.NO_NAME(path=str(path))) from error
    if len(data) > MAX_FILE_BYTES:
        raise InputError(fields.TOO_LARGE(path=str(path), what=what, size=f"{MAX_FILE_BYTES // 1024} KiB"))
    try:
        # Editors on Windows write UTF-8 with a byte order mark.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(fields.NO_TEXT(file=path.name, line=line)) from None


def load(text: str, path: Path) -> dict[str, Any]:
    """The data of a settings file. Raises ``InputError`` for invalid TOML."""
    try:
        if deep := _DEEP.search(text):
            line = text.count("\n", 0, deep.end()) + 1
            raise _no_toml(path, f", line {line}", "values are nested too deeply")
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _no_toml(path, *_syntax(error, text)) from None


def _no_toml(path: Path, at: str, said: str) -> InputError:
    return InputError(fields.NO_TOML(file=path.name, at=at, said=said, form='key = "value" below [section]'))


def _syntax(error: Exception, text: str) -> tuple[str, str]:
    """The position of invalid TOML, and the parser's description."""
    said = str(error)
    if isinstance(error, RecursionError):
        return "", "values are nested too deeply"
    if not isinstance(error, tomllib.TOMLDecodeError):
        return "", "a number has too many digits"
    if place := re.search(r" \(at line (\d+), column (\d+)\)$", said):
        return f", line {place[1]}, column {place[2]}", said[: place.start()]
    line = len(text.rstrip().splitlines()) or 1
    return f", line {line}", said.removesuffix(" (at end of document)")


def _flat(table: SettingsTable[T], data: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Values of a file by field name, and faults of unknown names; a section is there under its own name."""
    raw: dict[str, Any] = {}
    faults: list[Fault] = []
    known = table.in_file
    headings = [f"[{section}]" for section in table.sections]
    for name, value in data.items():
        if isinstance(value, dict):
            if name in known[""]:
                kind = known[""][name].kind
                faults.append(Fault(Sort.WRONG, name, "", fields.NO_SECTION(allowed=f"{name} = {kind.allowed}")))
            elif name not in table.sections:
                faults.append(unknown(name, "", headings))
            else:
                raw[name] = value
                faults += [unknown(name, key, known[name]) for key in value if key not in known[name]]
                raw |= {f"{name}.{key}": one for key, one in value.items() if key in known[name]}
        elif name in table.sections:
            why = fields.NOT_ALLOWED(allowed=f"a section that begins with [{name}]")
            faults.append(Fault(Sort.WRONG, "", name, why, show(value)))
        elif name not in known[""]:
            faults.append(unknown("", name, [*known[""], *headings]))
        else:
            raw[name] = value
    return raw, faults


def checked(
    table: SettingsTable[T], raw: Mapping[str, Any], folder: Path, refused: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], list[Fault]]:
    """The meanings of all fields by name, and all faults; file names are relative to ``folder``.

    ``refused`` lists fields and sections that have faults already: they, and fields that depend on them, get no more.
    """
    return _Checking(table, raw, refused).done(folder)


class _Checking(Generic[T]):
    """The checks of one file or form: each value alone, then dependencies. Each cause is reported once."""

    def __init__(self, table: SettingsTable[T], raw: Mapping[str, Any], refused: frozenset[str]) -> None:
        self._table = table
        self._raw = raw
        self._values: dict[str, Any] = {}
        self._refused = set(refused)
        self._faults: list[Fault] = []

    def done(self, folder: Path) -> tuple[dict[str, Any], list[Fault]]:
        for field in self._table.fields:
            self._read(field, folder)
        self._leave_to_defaults()
        self._of_sections()
        for check in self._table.checks:
            if not self._refused.intersection(part for name in check.names for part in (name, name.rpartition(".")[0])):
                try:
                    check.check(self._values)
                except WrongValue as error:
                    self._refuse(wrong(check.names[0], error, ""))
        for field in self._table.fields:
            self._needed(field)
            self._beside(field)
        return self._values, self._faults

    def _refuse(self, fault: Fault) -> None:
        self._faults.append(fault)
        self._refused.add(fault.field)

    def _is_refused(self, name: str) -> bool:
        return name in self._refused or name.rpartition(".")[0] in self._refused

    def _read(self, field: Field, folder: Path) -> None:
        value = self._raw.get(field.name)
        if value is None or self._is_refused(field.name) or (field.needed and not str(value).strip()):
            return
        try:
            self._values[field.name] = field.kind.read(value, folder)
        except WrongValue as error:
            self._refuse(wrong(field.name, error, field.kind.allowed))

    def _leave_to_defaults(self) -> None:
        left_out = [field for field in self._table.fields if self._values.get(field.name) is None]
        # Some defaults depend on other fields.
        for field in sorted(left_out, key=lambda one: callable(one.default)):
            self._values[field.name] = field.usual(self._values)

    def _holds(self, condition: While | Always) -> bool | None:
        """True when the condition holds; None when that cannot be decided."""
        if isinstance(condition, While) and self._is_refused(condition.other):
            return None
        if isinstance(condition, While) and self._values[condition.other] is None:
            return None
        return self._table.holds(condition, self._values)

    def _of_sections(self) -> None:
        for section, condition in self._table.sections.items():
            # An unknown key may be a misspelled schedule.
            strange = any(name.startswith(f"{section}.") for name in self._refused)
            if condition is None or section not in self._raw or section in self._refused or strange:
                continue
            if self._holds(condition) is False:
                sort = Sort.MISSING if condition.why and condition.why.code is fields.NO_START else Sort.SURPLUS
                self._refuse(Fault(sort, section, "", condition.why or self._without_meaning(condition, "")))

    def _needed(self, field: Field) -> None:
        of_section = self._table.sections.get(field.section)
        if self._is_refused(field.name) or str(self._raw.get(field.name) or "").strip() or self._values[field.name]:
            return
        for condition in field.needed:
            if self._holds(condition) and (of_section is None or self._holds(of_section)):
                why = condition.why if isinstance(condition, While) else None
                missing = why or fields.MISSING(allowed=condition.allowed or field.kind.allowed)
                self._refuse(Fault(Sort.MISSING, field.section, field.key, missing))
                return

    def _beside(self, field: Field) -> None:
        value = self._values[field.name]
        given = self._raw.get(field.name) is not None and value not in (None, False, (), "", 0)
        for condition in field.beside if given and not self._is_refused(field.name) else ():
            if self._holds(condition) is False:
                why = condition.why or self._without_meaning(condition, field.key)
                self._refuse(Fault(Sort.SURPLUS, field.section, field.key, why))
                return

    def _without_meaning(self, condition: While, key: str) -> Reason:
        other = self._table.by_name[condition.other]
        now = str(other.kind.shown(self._values[other.name]))
        values = " or ".join(show(other.kind.shown(one)) for one in condition.values)
        allowed = condition.allowed or f"{other.key} = {values}, or no {key}"
        return fields.NO_MEANING(other=f"{other.name}={now.lower()}", allowed=allowed)
