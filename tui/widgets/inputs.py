"""Text fields, in a form and outside of one."""

from __future__ import annotations

from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.desk.present import Safe, own
from tui.widgets.fields import TextField
from tui.widgets.shown import shown


class TypingLine(Input):
    """A text field, without a frame and without a blinking cursor, which would send bytes for ever."""

    def __init__(self, spec: TextField, value: str) -> None:
        super().__init__(value, placeholder=spec.hint, password=spec.secret, compact=True, select_on_focus=False)
        self.cursor_blink = False

    def action_copy(self) -> None:
        """Refuse to copy a password: a clipboard could reveal it."""
        if not self.password:
            super().action_copy()

    def action_cut(self) -> None:
        if not self.password:
            super().action_cut()


class SearchLine(TypingLine):
    """A search line: pasted text may come from mail."""

    def validate_value(self, value: str) -> str:
        """Remove characters that affect a terminal; they could not be found anyway."""
        return value if value.isprintable() else "".join(one if one.isprintable() else " " for one in value)


class Marked(Horizontal):
    """A control outside of a form: ``▸`` before it shows the focus."""

    DEFAULT_CSS = "Marked { height: auto; } Marked > .mark { width: 2; height: 1; }"

    def __init__(self, *parts: Widget, id: str | None = None) -> None:
        super().__init__(Static(shown(own("  ")), classes="mark"), *parts, id=id)

    def on_descendant_focus(self) -> None:
        self.query_one(".mark", Static).update(shown(own("▸ ")))

    def on_descendant_blur(self) -> None:
        self.query_one(".mark", Static).update(shown(own("  ")))


class SearchBar(Marked):
    """A line for a search."""

    DEFAULT_CSS = """
    SearchBar { height: 1; }
    SearchBar Static { width: auto; }
    SearchBar > .mark { width: 2; }
    SearchBar TypingLine { width: 1fr; }
    """

    def __init__(self, hint: Safe, *, id: str | None = None, line: type[SearchLine] = SearchLine) -> None:
        self.line = line(TextField("search", "", hint=hint), "")
        self._label = "Search"
        super().__init__(Static(shown(own("Search [")), classes="label"), self.line, Static(shown(own("]"))), id=id)

    def call(self, label: Safe) -> None:
        """Show the scope before the line."""
        if label != self._label:
            self._label = label
            self.query_one(".label", Static).update(shown(own("{} [", label)))

    @property
    def value(self) -> str:
        """The searched text."""
        return self.line.value.strip()
