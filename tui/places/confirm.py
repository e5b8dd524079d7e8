"""A question before an irreversible action: its effect, and one key for each answer."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions import CONFIRM_ACTIONS
from tui.bindings import bindings
from tui.desk.present import Safe, own
from tui.widgets.shown import shown


class Confirm(ModalScreen[bool]):
    """``y`` is yes, ``n`` or escape is no; enter answers nothing, so that yes is never given by habit."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(CONFIRM_ACTIONS)

    def __init__(self, question: Safe, text: Safe, yes: Safe, no: Safe) -> None:
        super().__init__()
        self._question, self._text, self._yes, self._no = question, text, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = shown(self._question)
            yield Static(shown(self._text))
            yield Static(shown(own("y  {}      n  {}", self._yes, self._no)), classes="keys")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
