"""A bordered box with a title, drawn again only when its text changes."""

from __future__ import annotations

from textual.containers import Vertical

from tui.desk.present import BLANK, Safe
from tui.widgets.shown import shown


class Panel(Vertical):
    """A group of widgets in a box. Titles are never markup."""

    DEFAULT_CSS = """
    Panel {
        border: round $border-blurred; border-title-style: bold; border-title-color: $foreground;
        border-subtitle-color: $foreground; background: $surface; padding: 0 1; height: auto;
    }
    Panel.-focused { border: heavy $border; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._titles = (BLANK, BLANK)

    def on_mount(self) -> None:
        # For ``:focus-within`` the toolkit styles all in the box again with each move of the focus in it.
        self.watch(self.screen, "focused", self._focus_moved)

    def _focus_moved(self) -> None:
        if (within := self.has_focus_within) != self.has_class("-focused"):
            self.set_class(within, "-focused", update=False)
            # The border is the box's alone.
            self.app.stylesheet.update_nodes([self])

    def head(self, title: Safe, subtitle: Safe = BLANK) -> None:
        """Write on the border, at the top left and at the bottom right."""
        if (title, subtitle) != self._titles:
            self._titles = (title, subtitle)
            self.border_title, self.border_subtitle = shown(title), shown(subtitle)
