"""Guides on the screen: the list of them, and one of them to read."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.desk.present import own
from tui.guides import Guide, all_guides
from tui.places.page import Page
from tui.text import prose
from tui.text.format import Span, fit
from tui.widgets.lines import Choice


class GuidePage(Page):
    """One guide."""

    def __init__(self, guide: Guide) -> None:
        super().__init__(guide.title, lambda width: prose.page(guide.text, width))


class Guides(Page):
    """All guides by their titles; enter opens one, and closing it comes back here."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,o", "read", show=False), Binding("escape,q", "close", show=False)]

    def __init__(self) -> None:
        self._guides = all_guides()
        titles = [guide.title for guide in self._guides]
        super().__init__(own("Guides"), lambda width: [(Span(fit(title, width)),) for title in titles], (own("enter  read"),))

    def body(self) -> Choice:
        return Choice(id="text")

    async def action_read(self) -> None:
        await self.app.push_screen(GuidePage(self._guides[self.query_one("#text", Choice).cursor]))
