"""Choice of a user, from up to a hundred thousand: typing searches, arrows choose."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.desk.present import BLANK, Safe, Tone, own
from tui.desk.refusals import Refused
from tui.desk.users.users import UserRow
from tui.shell import shell_of
from tui.text.format import Line as Row
from tui.text.format import Span, fit
from tui.widgets.fields import TextField
from tui.widgets.inputs import TypingLine
from tui.widgets.paged import PAGE, PagedChoice
from tui.widgets.shown import shown

MOVES = {"down": 1, "up": -1, "pagedown": 8, "pageup": -8}


class PickUser(ModalScreen[UserRow | None]):
    """The chosen user, or None. Letters go to the search, arrows to the list."""

    DEFAULT_CSS = """
    PickUser .box { width: 78; }
    PickUser #search { height: 1; }
    PickUser #search Static { width: auto; }
    PickUser #search TypingLine { width: 1fr; }
    PickUser #people { height: 10; margin-top: 1; }
    PickUser #said { height: auto; display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", show=False),
        Binding("escape", "close", show=False),
    ]
    AUTO_FOCUS = "TypingLine"

    def __init__(self, question: Safe) -> None:
        super().__init__()
        self._question = question
        #: The last searched text, and True if enter was pressed before its result.
        self._found: str | None = None
        self._taking = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = shown(self._question)
            with Horizontal(id="search"):
                yield Static(shown(own("Search [")))
                yield TypingLine(TextField("search", "", hint="name or address"), "")
                yield Static(shown(own("]")))
            people = PagedChoice[UserRow](id="people")
            people.keeps_mark = True
            yield people
            yield Static(id="said")
            yield Static(shown(own("enter  take the marked one      ↑ ↓  choose      esc  leave it")), classes="keys")

    @property
    def people(self) -> PagedChoice[UserRow]:
        return self.query_one("#people", PagedChoice)

    def on_mount(self) -> None:
        self._look()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._taking = False
        self._look()

    def _look(self) -> None:
        # Quick typing searches once, for the final text.
        self.run_worker(self._load(self.query_one(TypingLine).value.strip()), exclusive=True, exit_on_error=False)

    async def _load(self, contains: str) -> None:
        desk = shell_of(self.app).desk.users
        said = BLANK
        try:
            total = await desk.count(contains)
            known = await desk.page(contains, 0, PAGE)
        except Refused as trouble:
            total, known, said = 0, [], own("! {} {}", trouble.message, trouble.hint)
        self.people.cursor = 0
        self.people.fill(total, lambda offset, limit: desk.page(contains, offset, limit), _line, known)
        place = self.query_one("#said", Static)
        place.display = not total
        place.update(shown(said or own("Nobody has that in a name or an address.")))
        self._found = contains
        if self._taking:
            self.action_take()

    def on_key(self, event: events.Key) -> None:
        if event.key in MOVES and isinstance(self.focused, Input) and self.people.total:
            event.stop()
            event.prevent_default()
            self.people.choose(min(max(self.people.cursor + MOVES[event.key], 0), self.people.total - 1))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_take()

    def action_take(self) -> None:
        # A row marked while a search is running is not taken: the result may not contain it.
        self._taking = self._found != self.query_one(TypingLine).value.strip()
        if not self._taking and (row := self.people.chosen) is not None:
            self.dismiss(row)

    def action_close(self) -> None:
        self.dismiss(None)


def _line(row: UserRow, width: int) -> Row:
    name = min(24, width // 3)
    return (Span(fit(row.name, name), Tone.STRONG), Span(own("  ")), Span(fit(row.addresses, max(width - name - 2, 8))))
