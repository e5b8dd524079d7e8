"""A message to read: headers, text, attachments, raw source, and places."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.actions import MESSAGE_ACTIONS
from tui.bindings import bindings
from tui.desk.archive.archive import MailSelection
from tui.desk.archive.message import MessageView, SourceLines
from tui.desk.present import BLANK, Safe, Tone, joined, own
from tui.places.archive.selected import SelectedPlace
from tui.places.ask import Ask
from tui.places.page import Page
from tui.shell import shell_of
from tui.text import prose
from tui.text.format import Line, Span, header
from tui.text.mail import attachment_line, history_lines, message_lines
from tui.widgets.lines import ChoiceList, Lines
from tui.widgets.panel import Panel
from tui.widgets.shown import tell

UNREADABLE = own("! Its text cannot be read. The raw source has all of it, and it can be exported.")
#: Columns of a screen unusable for a box's text: borders, padding and the scroll bar.
AROUND = 5
#: Goes this many messages further in the list; the id of the message there, or None.
Neighbour = Callable[[int], Awaitable[int | None]]


class MessagePlace(SelectedPlace):
    """The message with this id; ``within`` is its user and folder."""

    ACTIONS = MESSAGE_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(MESSAGE_ACTIONS)
    AUTO_FOCUS = "#message"

    DEFAULT_CSS = """
    MessagePlace #message-panel { height: 1fr; }
    MessagePlace #message { height: 1fr; }
    """

    def __init__(self, message: int, neighbour: Neighbour, within: MailSelection = MailSelection()) -> None:  # noqa: B008
        super().__init__()
        self._within = within
        self._message = message
        self._neighbour = neighbour
        self._view: MessageView | None = None
        #: A message that could not be read, and is not read again with every reload.
        self._failed: int | None = None
        self._full = False

    def content(self) -> ComposeResult:
        with Panel(id="message-panel"):
            yield Lines(id="message")

    async def load(self) -> None:
        self.show_top(lambda width, clock: header((own("Archive"), own("Message {:,}", self._message)), BLANK, clock, width))
        if self._failed != self._message and (self._view is None or self._view.id != self._message):
            # Archived messages never change, so it is read once.
            self.panel("message-panel").head(own("Reading …"))
            self.run_worker(self._read(self._message), group="read", exclusive=True, exit_on_error=False)

    async def _read(self, message: int) -> None:
        try:
            view = await self.console.desk.mail.message(message)
        except Exception:
            self._failed = message
            if self.is_there and message == self._message:
                self.panel("message-panel").head(own("This message cannot be shown"))
                self.query_one("#message", Lines).show(lambda width: prose.paragraph(UNREADABLE, width, Tone.WARN))
            raise
        if self.is_there and message == self._message:
            self._view = view
            self._show()

    def _show(self) -> None:
        if (view := self._view) is None:
            return
        full = self._full
        text = self.query_one("#message", Lines)
        lines: dict[int, list[Line]] = {}

        def composed(width: int) -> list[Line]:
            if width not in lines:
                lines.clear()
                lines[width] = message_lines(view, width, full=full)
            return lines[width]

        text.show(composed)
        facts = [view.size, *([own("text made of HTML")] if view.from_html else [])]
        self.panel("message-panel").head(view.subject, joined(" · ", facts))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable saving without attachments."""
        if action == "attachments":
            return bool(self._view and self._view.attachments)
        return action != "headers" or self._view is not None

    def label(self, action: str) -> Safe:
        return own("Short") if action == "headers" and self._full else BLANK

    def selection(self) -> MailSelection:
        """This message."""
        return replace(self._within, messages=(self._message,), words=self._view.subject if self._view else BLANK)

    def action_step(self, step: int) -> None:
        self.console.work(self._step(step))

    async def _step(self, step: int) -> None:
        message = await self._neighbour(step)
        if message is None:
            tell(self, own("This is the last one.") if step > 0 else own("This is the first one."))
        elif self.is_there:
            self._message = message
            # The present text and attachments are of another message.
            self._view = None
            text = self.query_one("#message", Lines)
            text.show(lambda width: [])
            text.action_edge(0)
            self.reload()

    def action_headers(self) -> None:
        self._full = not self._full
        self._show()
        self.query_one("#message", Lines).action_edge(0)

    def action_source(self) -> None:
        self.console.work(self._source(), opens=True)

    async def _source(self) -> None:
        raw = await self.console.desk.mail.source(self._message, max(self.app.size.width - AROUND, 20))
        await self.open(RawSource(own("Raw source, {}", self._view.size if self._view else BLANK), raw))

    def action_history(self) -> None:
        self.console.work(self._history(), opens=True)

    async def _history(self) -> None:
        rows = await self.console.desk.mail.history(self._message)
        await self.open(Page(own("Where it was"), lambda width: history_lines(rows, width)))

    def action_attachments(self) -> None:
        if self._view is not None:
            self.app.push_screen(Attachments(self._view))

    def action_back(self) -> None:
        self.app.pop_screen()


class Attachments(Page):
    """The attachments of a message; enter saves one. They are never opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,s", "save", show=False), Binding("escape,q", "close", show=False)]

    def __init__(self, view: MessageView) -> None:
        self._view = view
        title = own("Attachments ({:,})", len(view.attachments))
        super().__init__(
            title, lambda width: [attachment_line(one, width) for one in view.attachments], (own("enter  save to a file"),)
        )

    def body(self) -> ChoiceList:
        return ChoiceList(id="text")

    def action_save(self) -> None:
        row = self._view.attachments[self.query_one("#text", ChoiceList).cursor]

        def answered(folder: str | None) -> None:
            if folder is not None:
                self.run_worker(self._save(row.index, folder), exit_on_error=False)

        text = own(
            "{} ({})\n\nTo which folder on this machine? It goes to a folder of its message below that one.", row.name, row.size
        )
        self.app.push_screen(Ask(own("Save the attachment"), text, str(Path.home())), answered)

    async def _save(self, index: int, folder: str) -> None:
        said = await shell_of(self.app).desk.mail.save_attachment(self._view.id, index, folder)
        tell(self, said)


class RawSource(Page):
    """The raw source of a message, as wide as the screen."""

    DEFAULT_CSS = "RawSource .page { width: 100%; }"

    def __init__(self, title: Safe, raw: SourceLines) -> None:
        super().__init__(title, lambda width: _RawLines(raw))


class _RawLines:
    """The lines of a raw source, made when they are shown."""

    def __init__(self, raw: SourceLines) -> None:
        self._raw = raw

    def __len__(self) -> int:
        return len(self._raw)

    def __getitem__(self, index: int) -> Line:
        return (Span(self._raw[index]),)
