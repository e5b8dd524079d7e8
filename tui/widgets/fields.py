"""Fields of a form as data, and the two controls without typing: options and a tick."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from tui.desk.present import cell_len, text
from tui.text.format import cut

Values = Mapping[str, Any]
#: Cells of the mark before an option.
MARKED = 4
#: A note that depends on the chosen value.
Note = str | Callable[[Values], str]


@dataclass(frozen=True, slots=True)
class TextField:
    """A text field. ``hint`` is shown while it is empty."""

    name: str
    label: str
    note: Note = ""
    hint: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """A choice: ``options`` are values with their words. ``column``: one below the other.

    ``asks`` gets the value about to be chosen; if it returns True, it asks the user, and may call ``take`` then.
    """

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    note: Note = ""
    column: bool = False
    asks: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class CheckField:
    """A tick: yes or no."""

    name: str
    label: str
    text: str
    note: Note = ""


Spec = TextField | Choices | CheckField


class Changed(Message):
    """The value of a control has changed."""


class Options(Widget, can_focus=True):
    """``(•) one  ( ) another``; arrows choose. Space takes the chosen one again: it moves nothing."""

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
        self._options = [(value, text(word)) for value, word in options]
        self._asks = asks
        self._column = column
        self._index = next((index for index, (one, _) in enumerate(self._options) if one == value), 0)

    @property
    def value(self) -> str:
        return self._options[self._index][0]

    def _lines(self, width: int) -> list[list[int]]:
        """The indices of the options in each line."""
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
        """Choose without a message."""
        self._index = next((index for index, (one, _) in enumerate(self._options) if one == value), self._index)
        self.refresh(layout=True)

    def take(self, value: str) -> None:
        """Choose the value in question, with a message."""
        if value != self.value:
            self.choose(value)
            self.post_message(Changed())

    def beside(self, value: str, step: int) -> str:
        """The value this many steps from ``value``, or empty."""
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
        """Ignore a blank that was typed for something else."""

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
