"""Help: the keys of the place one comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions import EVERYWHERE, MOVING, Action


class Help(ModalScreen[None]):
    """A list of keys and what they do."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,f1,q,enter", "dismiss", show=False)]

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__()
        rows = [(action.shown_keys, action.help) for action in (*actions, *EVERYWHERE)]
        self._lines = [f"{keys:<20}{text}" for keys, text in (*rows, *MOVING)]

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = Content("Keys")
            yield Static(Content("\n".join(self._lines)))
            yield Static(Content("esc  close"), classes="keys")

    async def action_dismiss(self, result: None = None) -> None:
        self.dismiss(None)
