"""The manual on the screen: the list of its pages, guides first, and one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.desk import manual
from tui.desk.present import Safe, own
from tui.places.page import Page
from tui.text.format import Line, Span, fit
from tui.widgets.lines import ChoiceList


@dataclass(frozen=True, slots=True)
class Guide:
    """A page of the manual on the screen."""

    topic: manual.Topic

    @property
    def title(self) -> Safe:
        return manual.title(self.topic)

    def lines(self, width: int) -> list[Line]:
        """The text in lines of at most ``width`` cells."""
        return [tuple(Span(text, tone) for text, tone in line) for line in manual.lines(self.topic, width)]


def all_guides() -> tuple[Guide, ...]:
    """All pages, guides first, each group in the order of the index."""
    found = (*manual.topics(), *manual.decisions())
    return tuple(Guide(topic) for topic in sorted(found, key=lambda topic: topic.group != manual.GUIDES))


def load(id: str) -> Guide:
    """A page by its topic. Raises ``KeyError`` for an unknown one."""
    return {guide.topic.id: guide for guide in all_guides()}[id]


class GuidePage(Page):
    """One page of the manual."""

    def __init__(self, guide: Guide) -> None:
        super().__init__(guide.title, guide.lines)


class Guides(Page):
    """All pages by title; enter opens one, and closing it comes back here."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,o", "read", show=False), Binding("escape,q", "close", show=False)]

    def __init__(self) -> None:
        self._guides = all_guides()
        titles = [guide.title for guide in self._guides]
        keys = (own("enter  read"),)
        super().__init__(own("Guides and manual"), lambda width: [(Span(fit(title, width)),) for title in titles], keys)

    def body(self) -> ChoiceList:
        return ChoiceList(id="text")

    async def action_read(self) -> None:
        await self.app.push_screen(GuidePage(self._guides[self.query_one("#text", ChoiceList).cursor]))
