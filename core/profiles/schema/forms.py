"""Forms of settings being edited: fields by their names in files, each with its fault. Pure.

A field's value is the form's: a text (also for numbers, days and lists on one line), a bool, or a list of texts. An empty text
is an absent field. A field without meaning beside the others is kept in the form, but no part of the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from core.problems.fields import UNKNOWN
from core.profiles.schema.faults import Fault, FieldError, Sort
from core.profiles.schema.reading import checked
from core.profiles.schema.table import Field, SettingsTable, Where, words

T = TypeVar("T")

Fields = Mapping[str, Any]


def new(table: SettingsTable[T]) -> dict[str, Any]:
    """The fields of a new form: the defaults, without lists and those that depend on other fields."""
    usual = {field.name: field.kind.shown(field.default) for field in table.fields if not _quiet(field)}
    found = usual | {field.name: field.fill for field in table.fields if field.fill}
    return {name: value for name, value in found.items() if value}


def filled(table: SettingsTable[T], settings: T) -> dict[str, Any]:
    """The fields of settings."""
    values = table.taken(settings)
    found = {}
    for name, value in values.items():
        field = table.by_name[name]
        if not (_quiet(field) and value == field.usual(values)):
            found[name] = field.kind.shown(value)
    return new(table) | {name: value for name, value in found.items() if value not in ("", [])}


def _quiet(field: Field) -> bool:
    """True for a field whose default shows as an empty line."""
    return callable(field.default) or isinstance(field.default, tuple)


def applies(table: SettingsTable[T], name: str, fields: Fields) -> bool:
    """True for a field with a meaning beside the others, and for one that is not in the table."""
    field = table.by_name.get(name)
    if field is None:
        return True
    return _applies(table, field, _meant(table, fields))


def made(table: SettingsTable[T], fields: Fields) -> T:
    """The settings made of the fields. Raises ``FieldError``."""
    values, faults = _checked(table, fields)
    if faults:
        raise FieldError(faults)
    return table.build(values)


def problems(table: SettingsTable[T], fields: Fields) -> dict[str, Fault]:
    """The faults by field; none when the fields are valid."""
    _, faults = _checked(table, fields)
    return {fault.field: fault for fault in faults}


def lines(table: SettingsTable[T], page: str, fields: Fields) -> list[Field]:
    """The fields with a line on a page.

    Conditions on other pages' fields are met here; those within the page, ``applies`` checks.
    """
    here = [field for field in table.fields if field.page == page and field.where is not Where.FILE]
    names = {field.name for field in here}
    return [
        field
        for field in here
        if all(one.other in names or table.holds(one, fields) for one in (*table.conditions(field), *field.shown))
    ]


def place(table: SettingsTable[T], name: str, fields: Fields) -> str:
    """The place of a field in the console: ``Older than, on the page Delete``; of a section, that of its first field."""
    field = table.by_name.get(name) or next((one for one in table.fields if one.section == name), None)
    if field is None:
        return name
    comma = "" if field.where is Where.FILE else ","
    return f"{label(table, field.name, fields)}{comma} on the page {field.page}"


def label(table: SettingsTable[T], name: str, fields: Fields | None = None) -> str:
    """The label of a field on its page, beside these fields."""
    return words(table.by_name[name].label, fields or {})


def _checked(table: SettingsTable[T], fields: Fields) -> tuple[dict[str, Any], list[Fault]]:
    strange = [Fault(Sort.UNKNOWN, "", name, UNKNOWN(allowed="")) for name in fields if name not in table.by_name]
    if strange:
        return {}, strange
    meant = _meant(table, fields)
    given = [(table.by_name[name], value) for name, value in meant.items()]
    raw = {field.name: _typed(field, value) for field, value in given if _applies(table, field, meant)}
    return checked(table, {name: value for name, value in raw.items() if value is not None}, Path())


def _applies(table: SettingsTable[T], field: Field, meant: Fields) -> bool:
    return table.has_meaning(field, meant) and all(table.holds(one, meant) for one in field.shown)


def _meant(table: SettingsTable[T], fields: Fields) -> dict[str, Any]:
    """The fields without those that a form hides now. A field depends only on earlier ones."""
    found = dict(fields)
    for field in table.fields:
        if not all(table.holds(one, found) for one in field.shown):
            found.pop(field.name, None)
    return found


def _typed(field: Field, value: Any) -> Any:
    """Typed text as a value of a file; None for an empty one."""
    if isinstance(value, bool):
        return value
    if isinstance(value, list | tuple):
        return list(value) or None
    text = str(value).strip()
    return field.kind.typed(text) if text else None
