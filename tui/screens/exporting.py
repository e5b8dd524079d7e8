"""Exporting what is selected: in which format, and to which folder on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.gateway.archive_views import Selection
from tui.gateway.views import Refused
from tui.widgets.form import Choices, Form, Text

if TYPE_CHECKING:
    from tui.console import Console

NOTE = "A folder on this machine. Nothing that is there is written over; the same export again carries on."


class ExportForm(ModalScreen[int | None]):
    """The number of the job that was begun, or None. ``weight`` says how much is selected."""

    DEFAULT_CSS = """
    ExportForm .box { width: 78; }
    ExportForm Form { height: auto; max-height: 12; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("enter", "begin", show=False),
    ]
    AUTO_FOCUS = "Form Options"

    def __init__(self, selection: Selection, weight: str, formats: list[tuple[str, str]]) -> None:
        super().__init__()
        self._selection, self._weight, self._formats = selection, weight, formats
        self._beginning = False

    def compose(self) -> ComposeResult:
        values = {"form": self._formats[0][0], "directory": str(Path.home() / "archivar-export")}
        with Vertical(classes="box") as box:
            box.border_title = Content("Export")
            yield Static(Content(f"{self._selection.words}\n{self._weight}".rstrip()))
            yield Form(
                [Choices("form", "Format", self._formats, column=True), Text("directory", "To the folder", NOTE)],
                values,
            )
            yield Static(Content("enter  export      tab  next field      esc  leave it"), classes="keys")

    def on_form_done(self, event: Form.Done) -> None:
        event.stop()
        self.action_begin()

    def action_begin(self) -> None:
        if not self._beginning:
            self._beginning = True
            self.run_worker(self._begin(), exit_on_error=False)

    async def _begin(self) -> None:
        form = self.query_one(Form)
        values = form.values
        try:
            console = cast("Console", self.app)
            job = await console.gateway.exports.begin(self._selection, str(values["directory"]), str(values["form"]))
        except Refused as trouble:
            form.show_errors({"directory": f"{trouble.message} {trouble.hint}"})
        else:
            self.dismiss(job)
        finally:
            self._beginning = False

    def action_close(self) -> None:
        self.dismiss(None)
