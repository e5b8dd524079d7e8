"""A list of messages with the beginning of the chosen one below it, or beside it where there is room."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Static

from tui.desk.archive.archive import MailSelection
from tui.desk.archive.message import MessageRow
from tui.desk.present import BLANK, Safe, Tone, joined, own
from tui.desk.refusals import Refused
from tui.places.archive.archive_message import MessagePlace
from tui.places.archive.selected import SelectedPlace
from tui.text.format import Line, Span, cut
from tui.text.mail import message_heading, message_line, preview_lines
from tui.widgets.lines import Compose, Lines
from tui.widgets.paged import PAGE, PagedChoice
from tui.widgets.panel import Panel
from tui.widgets.shown import shown, tell

#: Columns from which the preview is beside the list.
BESIDE_FROM = 160
#: Lines of the preview below the list.
BELOW = 6
#: Seconds on a message before it is read: fast scrolling reads none.
PATIENCE = 0.05
UNREADABLE = own("! This message cannot be shown here. Opened, its raw source has all of it.")


class MessageList(SelectedPlace):
    """``where``: the list shows the place of each message."""

    where: ClassVar[bool] = False

    DEFAULT_CSS = """
    MessageList #reading { layout: vertical; width: 1fr; height: 1fr; }
    MessageList #list-panel { height: 1fr; width: 1fr; }
    MessageList #rows-header { height: 1; }
    MessageList #rows { height: 1fr; }
    MessageList #no-rows { display: none; height: auto; }
    MessageList #preview-panel { height: auto; width: 1fr; }
    MessageList #preview { height: 6; }
    MessageList.beside #reading { layout: horizontal; }
    MessageList.beside #list-panel { width: 3fr; }
    MessageList.beside #preview-panel { height: 1fr; width: 2fr; }
    MessageList.beside #preview { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._previewed = 0
        self._empty_text = ""
        #: Marked messages by id, with their subjects, in order of marking.
        self._marks: dict[int, Safe] = {}

    def list_panels(self) -> ComposeResult:
        """Compose the list and the preview."""
        with Container(id="reading"):
            with Panel(id="list-panel"):
                yield Lines(id="rows-header", can_focus=False)
                rows = PagedChoice[MessageRow](id="rows")
                rows.keeps_mark = True
                yield rows
                yield Static(id="no-rows")
            with Panel(id="preview-panel"):
                yield Lines(id="preview", can_focus=False)

    @property
    def rows(self) -> PagedChoice[MessageRow]:
        return self.query_one("#rows", PagedChoice)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= BESIDE_FROM, "beside")

    def line(self, row: MessageRow, width: int) -> Line:
        """A message in the list."""
        return message_line(row, width, where=self.where, marked=self.is_marked(row))

    def show_rows(self, empty: Safe) -> None:
        """Show the list where it has messages, else ``empty``."""
        total = self.rows.total
        self.query_one("#rows-header", Lines).show(
            lambda width: [(Span(own("  ")), *message_heading(width - 2, where=self.where))]
        )
        for name in ("#rows", "#rows-header"):
            self.query_one(name).display = bool(total)
        self.panel("preview-panel").display = bool(total)
        none = self.query_one("#no-rows", Static)
        none.display = not total
        if empty != self._empty_text:
            # Rewriting would send it again.
            self._empty_text = empty
            none.update(shown(empty))
        self.show_preview()

    # The chosen message --------------------------------------------------------------------------------------------------

    def on_choice_list_moved(self) -> None:
        self.show_preview()

    def show_preview(self) -> None:
        """Show the beginning of the chosen message, soon. Behind another screen it waits until this one is back."""
        row = self.rows.chosen
        if row is None or row.id == self._previewed or self.app.screen is not self:
            return
        self._previewed = row.id
        self.run_worker(self._preview(row), group="preview", exclusive=True, exit_on_error=False)

    async def _preview(self, row: MessageRow) -> None:
        await asyncio.sleep(PATIENCE)
        if self.app.screen is not self:
            self._previewed = 0
            return
        try:
            view = await self.console.desk.mail.preview(row.id)
        except Exception:
            # The present preview is of another message.
            self._show_beginning(row, lambda width: [(Span(cut(UNREADABLE, width), Tone.WARN),)])
            raise
        self._show_beginning(row, lambda width: preview_lines(view, width, max(self.query_one("#preview").size.height, BELOW)))

    def _show_beginning(self, row: MessageRow, compose: Compose) -> None:
        """Show a preview together with its title, so that they always belong together."""
        if self.is_there and row.id == self._previewed:
            date = own("no date, received {}", row.date) if row.arrival else row.date
            self.panel("preview-panel").head(row.subject, joined(" · ", (part for part in (row.where, date) if part)))
            self.query_one("#preview", Lines).show(compose)

    def open_message(self) -> None:
        """Open the chosen message; the next ones can be reached from there."""
        if row := self.rows.chosen:
            self.app.push_screen(MessagePlace(row.id, self.neighbour, self.within()))

    def within(self) -> MailSelection:
        """The user and folder of the list's messages; empty where ambiguous."""
        return MailSelection()

    async def neighbour(self, step: int) -> int | None:
        """Choose the message ``step`` lines further; its id, or None at the end."""
        at = self.rows.cursor + step
        if not 0 <= at < self.rows.total:
            return None
        self.rows.choose(at)
        row = self.rows.row(at)
        if row is None:
            found = await self.fetch(at // PAGE * PAGE, PAGE)
            row = found[at % PAGE] if at % PAGE < len(found) else None
        return row.id if row else None

    async def fetch(self, offset: int, limit: int) -> Sequence[MessageRow]:
        """A page of the list's messages."""
        raise NotImplementedError

    # Marks ---------------------------------------------------------------------------------------------------------------

    @property
    def among_rows(self) -> bool:
        """True when the list has the focus."""
        return self.focused is self.rows

    def is_marked(self, row: MessageRow) -> bool:
        return row.id in self._marks

    @property
    def marked(self) -> Safe:
        """The number of marked messages, in words; empty without any."""
        return own("{:,} marked", len(self._marks)) if self._marks else BLANK

    def show_marks(self) -> None:
        """Show the present marks."""
        self.rows.redraw()
        self.refresh_bindings()

    def action_mark(self) -> None:
        if row := self.rows.chosen:
            if row.id in self._marks:
                del self._marks[row.id]
            else:
                self._marks[row.id] = row.subject
            self.show_marks()

    def action_unmark(self) -> None:
        self._marks.clear()
        self.show_marks()

    def forget_marks(self) -> None:
        """Drop the marks, which would be invisible in another list."""
        if self.marked:
            tell(self, own("{} in the list before: these marks are gone.", self.marked))
        self._marks.clear()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable marks without messages."""
        if action == "mark":
            return self.among_rows and bool(self.rows.total)
        return action != "unmark" or (self.among_rows and bool(self.marked))

    def selection(self) -> MailSelection:
        """The mail selected here: the marked messages, or else the chosen one.

        Raises ``Refused`` without any: an empty selection would mean everything.
        """
        marks = dict(self._marks)
        if not marks and (chosen := self.rows.chosen):
            marks[chosen.id] = chosen.subject
        if not marks:
            raise Refused(own("No message is chosen here."), own("Choose one, or mark several."))
        words = own("{:,} marked messages", len(marks)) if len(marks) > 1 else joined("", marks.values())
        return MailSelection(messages=tuple(marks), words=words)
