"""A bordered box with a title, which is drawn anew only when it says something else."""

from __future__ import annotations

from textual.containers import Vertical
from textual.content import Content


class Panel(Vertical):
    """What belongs together. Titles are never markup."""

    DEFAULT_CSS = """
    Panel {
        border: round $border-blurred; border-title-style: bold; border-title-color: $foreground;
        border-subtitle-color: $foreground; background: $surface; padding: 0 1; height: auto;
    }
    Panel:focus-within { border: heavy $border; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._titles = ("", "")

    def head(self, title: str, subtitle: str = "") -> None:
        """Write on the border, at the top left and at the bottom right."""
        if (title, subtitle) != self._titles:
            self._titles = (title, subtitle)
            self.border_title, self.border_subtitle = Content(title), Content(subtitle)
