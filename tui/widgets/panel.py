"""A bordered box with a title, drawn again only when its text changes."""

from __future__ import annotations

from typing import Self

from textual.containers import Vertical
from textual.geometry import Region

from tui.desk.present import BLANK, Safe, cell_len
from tui.widgets.shown import shown

#: Cells of the border before and after its title.
BESIDE_TITLE = 4


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
        #: Pieces of the border to be drawn again, in place of the whole box, while titles are set.
        self._edges: tuple[Region, ...] = ()

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
        before, self._titles = self._titles, (title, subtitle)
        width, height = self.outer_size
        left, top = self.content_offset
        if title != before[0]:
            # As far as the longer title goes: it stands at the left.
            end = max(cell_len(title), cell_len(before[0])) + BESIDE_TITLE
            self._edges = (Region(-left, -top, min(end, width), 1),) if width else ()
            self.border_title = shown(title)
        if subtitle != before[1]:
            self._edges = (Region(-left, height - 1 - top, width, 1),) if width else ()
            self.border_subtitle = shown(subtitle)
        self._edges = ()

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Draw again; while titles are set their pieces of the border alone."""
        return super().refresh(*(regions or self._edges), repaint=repaint, layout=layout, recompose=recompose)
