"""A file of ours while somebody fills it in: fields by the file's names, each with what is wrong with it. Pure.

A field's value is what a form holds: a text (also for numbers, days and lists that are written into one line), a bool, or a
list of texts. An empty text is a field that is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.profiles.keys import Key
from core.profiles.settings_file import FieldError

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of file: its ``keys``, and ``check``, which raises ``FieldError`` for what cannot stand in it.

    ``applies`` says which fields have a meaning beside the others. ``lists`` are written into one line, with what joins them
    and the pattern that takes them apart. ``stand_in`` stands for a field that is wrong while others are looked at.
    """

    keys: Mapping[str, Mapping[str, Key]]
    check: Callable[[dict[str, Any]], object]
    applies: Callable[[str, Fields], bool]
    lists: Mapping[str, tuple[str, re.Pattern[str]]]
    stand_in: Mapping[str, Any]

    def written(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of what stands in a file."""
        fields: dict[str, Any] = {}
        for section, value in definition.items():
            if isinstance(value, dict):
                fields.update({f"{section}.{key}": item for key, item in value.items()})
            elif value is not None:
                fields[section] = value
        return {name: self._written(name, value) for name, value in fields.items()}

    def _written(self, name: str, value: Any) -> Any:
        if isinstance(value, bool):
            return value
        if isinstance(value, list | tuple):
            return self.lists[name][0].join(value) if name in self.lists else list(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return "" if value in (None, 0) else str(value)

    def data(self, fields: Fields) -> dict[str, Any]:
        """What would stand in the file."""
        data: dict[str, Any] = {}
        for name, value in fields.items():
            section, _, key = name.rpartition(".")
            value = self._value(name, section, key, value) if self.applies(name, fields) else None
            if value is None:
                continue
            if section:
                data.setdefault(section, {})[key] = value
            else:
                data[key] = value
        return data

    def _value(self, name: str, section: str, key: str, value: Any) -> Any:
        if isinstance(value, bool):
            return value
        if isinstance(value, list | tuple):
            return list(value) or None
        text = str(value).strip()
        if not text:
            return None
        if name in self.lists:
            return [part.strip() for part in self.lists[name][1].split(text) if part.strip()]
        kinds = self.keys[section][key].kinds
        if int in kinds and re.fullmatch(r"[0-9]{1,9}", text):
            return int(text)
        if float in kinds and re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,6}", text):
            return float(text)
        return text

    def problems(self, fields: Fields) -> dict[str, str]:
        """What is wrong with each field, and what is allowed; nothing when they make a whole file."""
        return self.problems_of(self.data(fields))

    def problems_of(self, data: dict[str, Any]) -> dict[str, str]:
        """The same of what would stand in the file; ``data`` is changed."""
        found: dict[str, str] = {}
        while True:
            try:
                self.check(data)
            except FieldError as error:
                if error.field in found:
                    # Not to be mended by leaving it out: what else is wrong is seen when this is right.
                    return found
                found[error.field] = wrong(error)
                self._mend(data, error.field)
            else:
                return found

    def _mend(self, data: dict[str, Any], field: str) -> None:
        section, _, key = field.rpartition(".")
        place = data.setdefault(section, {}) if section else data
        place.pop(key, None)
        if field in self.stand_in:
            place[key] = self.stand_in[field]


def wrong(error: FieldError) -> str:
    """What is wrong with a field, and what is allowed, to stand beside it."""
    if error.what.startswith("is missing"):
        return "This is needed."
    what = error.what.removeprefix("= ")
    return f"{what[:1].upper()}{what[1:]}: {error.allowed}." if error.allowed else f"{what}."
