"""A failure, and its remedy."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.desk.present import Safe, joined, own
from tui.widgets.shown import shown


class Trouble(ModalScreen[None]):
    """A message until it is closed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "close", show=False)]

    def __init__(self, message: Safe, hint: Safe) -> None:
        super().__init__()
        self._text = joined("\n\n", (text for text in (message, hint) if text))

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = shown(own("! That did not work"))
            yield Static(shown(self._text))
            yield Static(shown(own("esc  close")), classes="keys")

    def action_close(self) -> None:
        self.dismiss(None)
