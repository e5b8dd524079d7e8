"""Import of users: asks for the file, shows the plan, and runs it on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from tui.actions import USER_IMPORT_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Safe, Tone, joined, own
from tui.desk.users.users import ImportRow, ImportView, Mark
from tui.places.place import Place
from tui.text.format import Line, Span, fit, header, wrap
from tui.widgets.lines import Lines
from tui.widgets.panel import Panel
from tui.widgets.shown import shown, tell

QUESTION = own("Import users from a CSV file")
TEXT = own(
    "The path of the file on this machine. Its first row names the columns: name, email, alias, login, full_name. "
    "What would change is shown first."
)
MARKS = {
    Mark.WRONG: (own("! "), Tone.BAD),
    Mark.NOTE: (own("· "), Tone.MUTED),
    Mark.NEW: (own("+ "), Tone.GOOD),
    Mark.BACK: (own("+ "), Tone.GOOD),
    Mark.CHANGED: (own("~ "), Tone.WARN),
    Mark.GONE: (own("- "), Tone.BAD),
}
#: Lines up to which they are wrapped; with more, each has one line, so that any number is shown at once.
WRAPPED = 2000


async def ask_for_file(place: Place, done: Callable[[], object]) -> None:
    """Ask from ``place`` for a file and show the plan of its import; ``done`` is called after the import."""

    async def plan(path: str) -> None:
        view = await place.console.desk.users.plan_import(path)
        await place.app.push_screen(ImportPlace(view, done))

    await place.ask_until_taken(QUESTION, TEXT, plan)


class ImportPlace(Place):
    """The plan of an import."""

    ACTIONS = USER_IMPORT_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(USER_IMPORT_ACTIONS)
    AUTO_FOCUS = "#import"

    DEFAULT_CSS = """
    ImportPlace #import-panel { height: 1fr; }
    ImportPlace #sentence { height: auto; padding: 0 2; }
    """

    def __init__(self, view: ImportView, done: Callable[[], object]) -> None:
        super().__init__()
        self._view, self._done = view, done
        self._busy = False

    def content(self) -> ComposeResult:
        yield Static(shown(self._sentence), id="sentence")
        with Panel(id="import-panel"):
            yield Lines(id="import")

    @property
    def _sentence(self) -> Safe:
        if self._view.wrong:
            return own("! Nothing can be imported until this is right. Correct the file and import it again.")
        if not self._view.changes:
            return own("✔ There is nothing to do: all users are as the file says.")
        return own("+ is added, ~ is changed. Users who are not in the file stay as they are.")

    async def load(self) -> None:
        view = self._view
        self.show_top(lambda width, clock: header((own("Archivar"), own("Import"), view.file), BLANK, clock, width))
        self.panel("import-panel").head(joined(", ", view.counts))
        self.query_one("#import", Lines).show(lambda width: marked_lines(view.rows, width))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable an invalid plan, and one without changes."""
        return action != "do" or bool(self._view.changes and not self._view.wrong)

    def action_do(self) -> None:
        if not self._busy:
            self._busy = True
            self.console.work(self._import())

    async def _import(self) -> None:
        try:
            done = await self.console.desk.users.carry_out(self._view)
        finally:
            self._busy = False
        self.close_place()
        tell(self, done)
        self._done()

    def action_leave(self) -> None:
        if not self._busy:
            self.close_place()


def marked_lines(rows: Sequence[ImportRow], width: int) -> Sequence[Line]:
    """Rows with their marks: wrapped, or, with very many, cut to one line each."""
    if len(rows) > WRAPPED:
        return _Cut(rows, width)
    lines: list[Line] = []
    for row in rows:
        mark, tone = MARKS[row.mark]
        first, *rest = wrap(row.text, max(width - 2, 10))
        lines += [(Span(mark, tone), Span(first)), *((Span(own("  ")), Span(text)) for text in rest)]
    return lines


class _Cut(Sequence[Line]):
    """One line for each row."""

    def __init__(self, rows: Sequence[ImportRow], width: int) -> None:
        self._rows, self._width = rows, width

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Line:  # type: ignore[override]
        row = self._rows[index]
        mark, tone = MARKS[row.mark]
        return (Span(mark, tone), Span(fit(row.text, max(self._width - 2, 2))))
