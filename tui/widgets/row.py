"""One line of plain text that fills its width and is sent again only when it changes."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content
from textual.widget import Widget

from tui.desk.present import BLANK, Safe
from tui.widgets.shown import shown


class Row(Widget):
    """Shows ``compose(width)``; never as markup."""

    DEFAULT_CSS = "Row { height: 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._compose_text: Callable[[int], Safe] = lambda _width: BLANK
        self._shown = BLANK

    def show(self, compose: Callable[[int], Safe]) -> None:
        """Replace the text; ``compose`` is called again when the width changes."""
        self._compose_text = compose
        if compose(self.size.width) != self._shown:
            self.refresh()

    def render(self) -> Content:
        self._shown = self._compose_text(self.size.width)
        return shown(self._shown)
