"""Lines of forms made from the fields of settings files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.desk.fields import Field
from tui.widgets.fields import CheckField, Choices, Spec, TextField


def spec(field: Field, fields: Mapping[str, Any]) -> Spec:
    """The line of a field in a form; ``fields`` are those beside it, of other pages too."""
    label, note = field.label, field.note

    def said(values: Mapping[str, Any]) -> str:
        return note({**fields, **values}) if callable(note) else note

    shown = label({**fields}) if callable(label) else label
    if field.tick:
        return CheckField(field.name, shown, field.tick, said)
    if not field.options:
        return TextField(field.name, shown, said, field.hint)
    return Choices(field.name, shown, tuple(field.options.items()), said, field.column)
