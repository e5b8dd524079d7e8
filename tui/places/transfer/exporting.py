"""Export of a selection: its format, and a folder on this machine."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.desk.archive.archive import MailSelection
from tui.desk.present import Safe, joined, own
from tui.desk.refusals import Refused
from tui.places.runs.job_form import JobForm
from tui.widgets.fields import Choices, TextField
from tui.widgets.form import Form
from tui.widgets.shown import shown

NOTE = "A folder on this machine. Nothing that is there is written over; the same export again carries on."


class ExportForm(JobForm):
    """``weight`` is the size of the selection, in words."""

    DEFAULT_CSS = """
    ExportForm .box { width: 78; }
    ExportForm Form { height: auto; max-height: 12; margin-top: 1; }
    """
    AUTO_FOCUS = "Form Options"

    def __init__(self, selection: MailSelection, weight: Safe, formats: list[tuple[str, str]]) -> None:
        super().__init__()
        self._selection, self._weight, self._formats = selection, weight, formats

    def compose(self) -> ComposeResult:
        values = {"form": self._formats[0][0], "directory": str(Path.home() / "archivar-export")}
        with Vertical(classes="box") as box:
            box.border_title = shown(own("Export"))
            yield Static(shown(joined("\n", filter(None, (self._selection.words, self._weight)))))
            yield Form(
                [Choices("form", "Format", self._formats, column=True), TextField("directory", "To the folder", NOTE)],
                values,
            )
            yield Static(shown(own("enter  export      tab  next field      esc  leave it")), classes="keys")

    async def begin(self, form: Form) -> int | None:
        values = form.values
        try:
            return await self.console.desk.exports.begin(self._selection, str(values["directory"]), str(values["form"]))
        except Refused as trouble:
            form.show_errors({"directory": own("{} {}", trouble.message, trouble.hint)})
            return None
