"""Writing of settings as a file that reads back the same: for display, and for copying from a terminal."""

from __future__ import annotations

from typing import Any, TypeVar

from core.profiles.schema.table import Field, SettingsTable, Values
from core.text.format import safe

T = TypeVar("T")


def as_toml(table: SettingsTable[T], settings: T) -> str:
    """The file, in characters that any terminal can show and a copy keeps.

    A default is left out, unless the field is ``told``.
    """
    values = table.taken(settings)
    lines: list[str] = []
    for section, fields in table.in_file.items():
        shown = [line for field in fields.values() for line in _lines(table, field, values)]
        if section and shown:
            lines += ["", f"[{section}]"]
        lines += shown
    return "\n".join(lines)


def _lines(table: SettingsTable[T], field: Field, values: Values) -> list[str]:
    if field.name not in values or not table.has_meaning(field, values):
        return []
    value = field.kind.written(values[field.name])
    usual = values[field.name] == field.usual(values)
    return [] if value == "" or (usual and not field.told) else f"{field.key} = {toml(value)}".split("\n")


def toml(value: Any) -> str:
    """A value as TOML, in characters that any terminal can show."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, list):
        items = [toml(item) for item in value]
        one_line = f"[{', '.join(items)}]"
        return one_line if len(one_line) <= 60 else "\n".join(["[", *(f"  {item}," for item in items), "]"])
    return f'"{"".join(map(_toml_character, value))}"' if isinstance(value, str) else str(value)


def _toml_character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    # A character that is not shown as it is would not survive a copy from the terminal.
    if safe(character) != character:
        return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"
    return character
