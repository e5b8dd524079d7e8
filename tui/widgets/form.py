"""A form that is filled in by keyboard: tab, arrows, space, typing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Input, Static

from tui.desk.present import BLANK, Safe, own, sentence, text
from tui.widgets.fields import Changed, Choices, Options, Spec, TextField, Tick, Values
from tui.widgets.inputs import TypingLine
from tui.widgets.shown import shown


class FormField(Vertical):
    """A label, a control, and a note or an error below."""

    DEFAULT_CSS = """
    FormField { height: auto; }
    FormField > Horizontal { height: auto; }
    FormField .label { width: 19; height: 1; }
    FormField .bracket { width: 1; height: 1; }
    FormField TypingLine { width: 1fr; }
    FormField .note { padding-left: 19; height: auto; display: none; }
    """

    def __init__(self, spec: Spec, value: Any) -> None:
        super().__init__()
        self.spec = spec
        self._shown = (BLANK, BLANK)
        self.control = _control(spec, value)

    def compose(self) -> ComposeResult:
        spec = self.spec
        with Horizontal():
            yield Static(shown(own("  {}", text(spec.label))), classes="label")
            if isinstance(spec, TextField):
                yield Static(shown(own("[")), classes="bracket")
                yield self.control
                yield Static(shown(own("]")), classes="bracket")
            else:
                yield self.control
        yield Static(classes="note")

    @property
    def value(self) -> str | bool:
        return self.control.value

    def say(self, note: Safe, error: Safe = BLANK) -> None:
        """Show a note, or a fault."""
        if (note, error) == self._shown:
            return
        self._shown = (note, error)
        place = self.query_one(".note", Static)
        place.update(shown(own("! {}", error) if error else note))
        place.set_class(bool(error), "wrong")
        place.display = bool(note or error)

    def on_descendant_focus(self) -> None:
        self.query_one(".label", Static).update(shown(own("▸ {}", text(self.spec.label))))
        # With its note, which explains the choice.
        self.call_after_refresh(self.scroll_visible, animate=False)

    def on_descendant_blur(self) -> None:
        self.query_one(".label", Static).update(shown(own("  {}", text(self.spec.label))))


def _control(spec: Spec, value: Any) -> TypingLine | Options | Tick:
    if isinstance(spec, TextField):
        return TypingLine(spec, str(value or ""))
    if isinstance(spec, Choices):
        return Options(spec.options, str(value or ""), column=spec.column, asks=spec.asks)
    return Tick(spec.text, bool(value))


class Form(VerticalScroll, can_focus=False):
    """Fields one below the other. ``applies`` decides which are shown; hidden ones keep their values."""

    DEFAULT_CSS = "Form { height: 1fr; scrollbar-size-vertical: 1; background: transparent; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    class Edited(Message):
        """Something was typed or chosen."""

    class Done(Message):
        """Enter was pressed in a line."""

    def __init__(
        self,
        specs: Sequence[Spec],
        values: Values,
        applies: Callable[[str, Values], bool] = lambda name, values: True,
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._specs = specs
        self._values = dict(values)
        self._applies = applies
        self._errors: dict[str, Safe] = {}

    def compose(self) -> ComposeResult:
        for spec in self._specs:
            yield FormField(spec, self._values.get(spec.name))

    def on_mount(self) -> None:
        self._arrange()

    @property
    def fields(self) -> list[FormField]:
        return list(self.query(FormField))

    @property
    def values(self) -> dict[str, Any]:
        """All values, of hidden fields too."""
        return {**self._values, **{field.spec.name: field.value for field in self.fields}}

    def set(self, name: str, value: str) -> None:
        """Fill in a line."""
        for field in self.fields:
            if field.spec.name == name and isinstance(field.control, TypingLine):
                field.control.value = value

    def show_errors(self, errors: Mapping[str, Safe]) -> bool:
        """Show faults beside the fields, and go to the first; False when no field here has one."""
        self._errors = {field.spec.name: errors[field.spec.name] for field in self.fields if field.spec.name in errors}
        self._arrange()
        for field in self.fields:
            if field.spec.name in self._errors and field.display:
                field.control.focus()
                return True
        return False

    def focus_first(self) -> None:
        """Go to the first field, or to the first empty line if only lines precede it."""
        for field in self.fields:
            if field.display:
                field.control.focus()
                return

    def _arrange(self) -> None:
        values = self.values
        for field in self.fields:
            field.display = self._applies(field.spec.name, values)
            note = field.spec.note
            field.say(sentence(note if isinstance(note, str) else note(values)), self._errors.get(field.spec.name, BLANK))

    def on_changed(self, event: Changed) -> None:
        event.stop()
        self._edited()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._edited()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Done())

    def _edited(self) -> None:
        values = self.values
        # A fault is dropped with the value; the next check decides again.
        self._errors = {name: text for name, text in self._errors.items() if values.get(name) == self._values.get(name)}
        self._values = values
        self._arrange()
        self.post_message(self.Edited())
