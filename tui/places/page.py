"""A page of text in a box over the place: scrolled by keys, with title and closing key always in sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.desk.present import Safe, joined, own
from tui.widgets.lines import Compose, Lines
from tui.widgets.shown import shown

#: Lines of a box beside its text: border, padding, and the keys with the line above them.
AROUND = 6
#: The same for a text that needs all lines.
AROUND_LONG = 3
#: Cells of a box at most, and those of them beside its text: border, padding, scroll bar.
WIDTH, BESIDE = 100, 5


class Page(ModalScreen[None]):
    """Shows ``compose``'s lines under ``title``. As high as the text, at most as the screen; ``keys`` are in the footer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "close", show=False)]
    AUTO_FOCUS = "#text"

    def __init__(self, title: Safe, compose: Compose, keys: Sequence[Safe] = ()) -> None:
        super().__init__()
        self._title, self._compose_text, self._keys = title, compose, keys

    def compose(self) -> ComposeResult:
        with Vertical(classes="box page") as box:
            box.border_title = shown(self._title)
            yield self.body()
            yield Static(classes="keys")

    def body(self) -> Lines:
        """The widget that shows the text."""
        return Lines(id="text")

    def on_mount(self) -> None:
        self.show(self._compose_text)

    def on_resize(self, _event: events.Resize) -> None:
        self._fit()

    def show(self, compose: Compose) -> None:
        """Replace the text."""
        self._compose_text = compose
        for text in self.query("#text").results(Lines):
            text.show(compose)
            self._fit()

    def _fit(self) -> None:
        """Fit the height to the text; the hint on scrolling is shown only where needed.

        The width is computed: waiting for a layout would paint the box once at another height.
        """
        text = self.query_one("#text", Lines)
        size = self.app.size
        length = len(self._compose_text(text.width_within(min(WIDTH, size.width) - BESIDE)))
        long = length > size.height - AROUND
        self.set_class(long, "long")
        room = max(size.height - (AROUND_LONG if long else AROUND), 1)
        text.styles.height = max(min(length, room), 1)
        keys = [*self._keys, *([own("↑ ↓  scroll")] if length > room else []), own("esc  close")]
        self.query_one(".keys", Static).update(shown(joined("      ", keys)))

    def action_close(self) -> None:
        self.dismiss(None)
