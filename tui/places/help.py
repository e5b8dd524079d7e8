"""Help: the keys of the place behind it, and the way to the guides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.actions import MOVING
from tui.bindings import Action
from tui.desk.present import named, own, text
from tui.places.guide import Guides
from tui.places.page import Page
from tui.text import prose

GUIDES = (own("g"), own("Guides to Kerio Connect, other servers and this machine, and the manual"))


class Help(Page):
    """A list of keys and their actions."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "close", show=False),
        # Before the list, where it means its beginning.
        Binding("g", "guides", show=False, priority=True),
    ]

    def __init__(self, actions: Sequence[Action]) -> None:
        # Equal texts of several actions are shown once.
        rows = dict.fromkeys((action.shown_keys, text(action.help)) for action in actions)
        super().__init__(
            own("Keys"), lambda width: [*prose.named((*rows, *named(MOVING)), width), (), *prose.named([GUIDES], width)]
        )

    async def action_guides(self) -> None:
        await self.app.switch_screen(Guides())
