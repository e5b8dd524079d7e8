"""Forms: one field a line, its note or what is wrong with it below. Everything by keyboard: tab, arrows, space, typing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.desk.present import cell_len
from tui.text.format import cut

Values = Mapping[str, Any]
#: Cells of the mark before an option.
MARKED = 4
#: A note that depends on what is chosen.
Note = str | Callable[[Values], str]


@dataclass(frozen=True, slots=True)
class Text:
    """A field to type into. ``hint`` stands in it while it is empty."""

    name: str
    label: str
    note: Note = ""
    hint: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """One of a few: ``options`` are values with their words. ``column``: one below the other.

    ``asks`` is told the value that is about to be chosen; where it says yes, it asks a person first, and may ``take`` it then.
    """

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    note: Note = ""
    column: bool = False
    asks: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Yes or no."""

    name: str
    label: str
    text: str
    note: Note = ""


Spec = Text | Choices | Check


class Changed(Message):
    """The value of a control is another one."""


class Options(Widget, can_focus=True):
    """``(•) one  ( ) another``; arrows choose. Space takes what they stand on, which is chosen already: it moves nothing."""

    DEFAULT_CSS = "Options { height: auto; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", show=False),
        Binding("right", "step(1)", show=False),
        Binding("space", "stay", show=False),
        Binding("up", "vertical(-1)", show=False),
        Binding("down", "vertical(1)", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"options--chosen"}

    def __init__(
        self,
        options: Sequence[tuple[str, str]],
        value: str,
        *,
        column: bool = False,
        asks: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__()
        self._options = list(options)
        self._asks = asks
        self._column = column
        self._index = next((index for index, (one, _) in enumerate(self._options) if one == value), 0)

    @property
    def value(self) -> str:
        return self._options[self._index][0]

    def _lines(self, width: int) -> list[list[int]]:
        """Which options stand in which line."""
        if self._column:
            return [[index] for index in range(len(self._options))]
        lines: list[list[int]] = [[]]
        used = 0
        for index, (_, word) in enumerate(self._options):
            needed = cell_len(word) + MARKED
            if lines[-1] and used + 2 + needed > width:
                lines.append([])
                used = 0
            used += needed + (2 if lines[-1] else 0)
            lines[-1].append(index)
        return lines

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> Content:
        chosen = self.get_component_rich_style("options--chosen", partial=True)
        style = str(chosen) if self.has_focus else ""
        # Cut and not wrapped: the height is counted in options.
        room = max(self.size.width - MARKED, 1)
        lines: list[Content] = []
        for line in self._lines(self.size.width):
            parts = [
                Content.styled(f"(•) {cut(self._options[index][1], room)}", style)
                if index == self._index
                else Content(f"( ) {cut(self._options[index][1], room)}")
                for index in line
            ]
            lines.append(Content("  ").join(parts))
        return Content("\n").join(lines)

    def choose(self, value: str) -> None:
        """Choose without telling."""
        self._index = next((index for index, (one, _) in enumerate(self._options) if one == value), self._index)
        self.refresh(layout=True)

    def take(self, value: str) -> None:
        """Choose what was asked about, and tell."""
        if value != self.value:
            self.choose(value)
            self.post_message(Changed())

    def beside(self, value: str, step: int) -> str:
        """The value so many steps from ``value``, or an empty text."""
        at = next(index for index, (one, _) in enumerate(self._options) if one == value) + step
        return self._options[at][0] if 0 <= at < len(self._options) else ""

    def _choose(self, index: int) -> None:
        if 0 <= index < len(self._options) and index != self._index:
            value = self._options[index][0]
            if self._asks is None or not self._asks(value):
                self.take(value)

    def action_step(self, step: int) -> None:
        self._choose(self._index + step)

    def action_stay(self) -> None:
        """A blank that was meant for something else changes no choice."""

    def action_vertical(self, step: int) -> None:
        if self._column and 0 <= self._index + step < len(self._options):
            self._choose(self._index + step)
        elif step > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    def on_click(self, event: events.Click) -> None:
        lines = self._lines(self.size.width)
        if not 0 <= event.y < len(lines):
            return
        at = 0
        for index in lines[event.y]:
            end = at + cell_len(self._options[index][1]) + MARKED
            if at <= event.x < end:
                self._choose(index)
            at = end + 2


class Tick(Widget, can_focus=True):
    """``[x] text``; space changes it."""

    DEFAULT_CSS = "Tick { height: auto; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "tick", show=False)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"tick--focused"}

    def __init__(self, text: str, value: bool) -> None:
        super().__init__()
        self._text = text
        self.value = value

    def render(self) -> Content:
        style = str(self.get_component_rich_style("tick--focused", partial=True)) if self.has_focus else ""
        return Content.styled(f"[{'x' if self.value else ' '}] {self._text}", style)

    def action_tick(self) -> None:
        self.value = not self.value
        self.refresh()
        self.post_message(Changed())

    def on_click(self) -> None:
        self.action_tick()


class Line(Input):
    """A line to type into, without a frame and without a cursor that blinks: that would send bytes for ever."""

    def __init__(self, spec: Text, value: str) -> None:
        super().__init__(value, placeholder=spec.hint, password=spec.secret, compact=True, select_on_focus=False)
        self.cursor_blink = False

    def action_copy(self) -> None:
        """A password is not copied: from a clipboard it would go where it can be seen."""
        if not self.password:
            super().action_copy()

    def action_cut(self) -> None:
        if not self.password:
            super().action_cut()


class SearchLine(Line):
    """A line for what to look for: what is pasted may come from mail."""

    def validate_value(self, value: str) -> str:
        """Nothing that moves or turns gets to the terminal, and nothing of it could be found."""
        return value if value.isprintable() else "".join(one if one.isprintable() else " " for one in value)


class Marked(Horizontal):
    """A control outside of a form: ``▸`` stands before it while it has the focus."""

    DEFAULT_CSS = "Marked { height: auto; } Marked > .mark { width: 2; height: 1; }"

    def __init__(self, *parts: Widget, id: str | None = None) -> None:
        super().__init__(Static(Content("  "), classes="mark"), *parts, id=id)

    def on_descendant_focus(self) -> None:
        self.query_one(".mark", Static).update(Content("▸ "))

    def on_descendant_blur(self) -> None:
        self.query_one(".mark", Static).update(Content("  "))


class Search(Marked):
    """A line in which one writes what to look for."""

    DEFAULT_CSS = """
    Search { height: 1; }
    Search Static { width: auto; }
    Search > .mark { width: 2; }
    Search Line { width: 1fr; }
    """

    def __init__(self, hint: str, *, id: str | None = None, line: type[SearchLine] = SearchLine) -> None:
        self.line = line(Text("search", "", hint=hint), "")
        self._label = "Search"
        super().__init__(Static(Content("Search ["), classes="label"), self.line, Static(Content("]")), id=id)

    def call(self, label: str) -> None:
        """Say before the line what is searched."""
        if label != self._label:
            self._label = label
            self.query_one(".label", Static).update(Content(f"{label} ["))

    @property
    def value(self) -> str:
        """What is looked for."""
        return self.line.value.strip()


class Field(Vertical):
    """A label, a control, and a note or an error below."""

    DEFAULT_CSS = """
    Field { height: auto; }
    Field > Horizontal { height: auto; }
    Field .label { width: 19; height: 1; }
    Field .bracket { width: 1; height: 1; }
    Field Line { width: 1fr; }
    Field .note { padding-left: 19; height: auto; display: none; }
    """

    def __init__(self, spec: Spec, value: Any) -> None:
        super().__init__()
        self.spec = spec
        self._value = value
        self._shown = ("", "")
        self.control: Line | Options | Tick

    def compose(self) -> ComposeResult:
        spec = self.spec
        with Horizontal():
            yield Static(Content(f"  {spec.label}"), classes="label")
            if isinstance(spec, Text):
                yield Static(Content("["), classes="bracket")
                self.control = Line(spec, str(self._value or ""))
                yield self.control
                yield Static(Content("]"), classes="bracket")
            elif isinstance(spec, Choices):
                self.control = Options(spec.options, str(self._value or ""), column=spec.column, asks=spec.asks)
                yield self.control
            else:
                self.control = Tick(spec.text, bool(self._value))
                yield self.control
        yield Static(classes="note")

    @property
    def value(self) -> str | bool:
        return self.control.value

    def say(self, note: str, error: str = "") -> None:
        """Show a note, or what is wrong."""
        if (note, error) == self._shown:
            return
        self._shown = (note, error)
        place = self.query_one(".note", Static)
        place.update(Content(f"! {error}" if error else note))
        place.set_class(bool(error), "wrong")
        place.display = bool(note or error)

    def on_descendant_focus(self) -> None:
        self.query_one(".label", Static).update(Content(f"▸ {self.spec.label}"))
        # With its note, which tells what the choice means.
        self.call_after_refresh(self.scroll_visible, animate=False)

    def on_descendant_blur(self) -> None:
        self.query_one(".label", Static).update(Content(f"  {self.spec.label}"))


class Form(VerticalScroll, can_focus=False):
    """Fields one below the other. ``applies`` says which have a meaning; the others are not shown, and keep their values."""

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
        self._errors: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        for spec in self._specs:
            yield Field(spec, self._values.get(spec.name))

    def on_mount(self) -> None:
        self._arrange()

    @property
    def fields(self) -> list[Field]:
        return list(self.query(Field))

    @property
    def values(self) -> dict[str, Any]:
        """All values, of hidden fields too."""
        return {**self._values, **{field.spec.name: field.value for field in self.fields}}

    def set(self, name: str, value: str) -> None:
        """Fill in a line."""
        for field in self.fields:
            if field.spec.name == name and isinstance(field.control, Line):
                field.control.value = value

    def show_errors(self, errors: Mapping[str, str]) -> bool:
        """Show what is wrong beside the fields, and go to the first; False when nothing is wrong with any field here."""
        self._errors = {field.spec.name: errors[field.spec.name] for field in self.fields if field.spec.name in errors}
        self._arrange()
        for field in self.fields:
            if field.spec.name in self._errors and field.display:
                field.control.focus()
                return True
        return False

    def focus_first(self) -> None:
        """Go to the first field; to the first empty line, if nothing stands before it."""
        for field in self.fields:
            if field.display:
                field.control.focus()
                return

    def _arrange(self) -> None:
        values = self.values
        for field in self.fields:
            field.display = self._applies(field.spec.name, values)
            note = field.spec.note
            field.say(note if isinstance(note, str) else note(values), self._errors.get(field.spec.name, ""))

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
        # What was wrong is right or wrong again when it is next checked.
        self._errors = {name: text for name, text in self._errors.items() if values.get(name) == self._values.get(name)}
        self._values = values
        self._arrange()
        self.post_message(self.Edited())
