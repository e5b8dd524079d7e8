"""A question with a line for the answer."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.desk.present import Safe, own
from tui.widgets.fields import TextField
from tui.widgets.inputs import TypingLine
from tui.widgets.shown import shown


class Ask(ModalScreen[str | None]):
    """A question; the typed text, or None after escape."""

    DEFAULT_CSS = """
    Ask .framed { height: 1; margin-top: 1; }
    Ask .framed Static { width: 1; }
    Ask .framed TypingLine { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", show=False)]

    def __init__(self, question: Safe, text: Safe, value: str = "") -> None:
        super().__init__()
        self._question, self._text, self._value = question, text, value

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = shown(self._question)
            yield Static(shown(self._text))
            with Horizontal(classes="framed"):
                yield Static(shown(own("[")))
                yield TypingLine(TextField("answer", ""), self._value)
                yield Static(shown(own("]")))
            yield Static(shown(own("enter  take it      esc  leave it")), classes="keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value)

    def action_close(self) -> None:
        self.dismiss(None)
