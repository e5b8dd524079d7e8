"""Choice of one value from a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.desk.present import Safe, own
from tui.text.format import Span, fit
from tui.widgets.lines import ChoiceList
from tui.widgets.shown import shown

#: Lines of the screen that the list leaves to its box.
AROUND = 8


class Pick(ModalScreen[str | None]):
    """The chosen value, or None. ``options`` are values with their texts."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", show=False),
        Binding("escape,q", "close", show=False),
    ]
    AUTO_FOCUS = "#options"

    def __init__(self, question: Safe, options: Sequence[tuple[str, Safe]], value: str) -> None:
        super().__init__()
        self._question, self._options = question, options
        self._at = next((index for index, (one, _) in enumerate(options) if one == value), 0)

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = shown(self._question)
            yield ChoiceList(id="options")
            yield Static(shown(own("enter  take it      esc  leave it")), classes="keys")

    def on_mount(self) -> None:
        choice = self.query_one("#options", ChoiceList)
        choice.styles.height = max(min(len(self._options), self.size.height - AROUND), 1)
        choice.show(lambda width: [(Span(fit(text, width)),) for _, text in self._options])
        choice.choose(self._at)

    @property
    def value(self) -> str:
        """The value under the cursor."""
        return self._options[self.query_one("#options", ChoiceList).cursor][0]

    def action_take(self) -> None:
        self.dismiss(self.value)

    def action_close(self) -> None:
        self.dismiss(None)
