"""Import of mail files: path, format, and destination folder in the archive."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.desk.present import BLANK, Safe, own
from tui.desk.refusals import Refused
from tui.desk.transfer.imports import ImportWish, WrongField
from tui.places.place import Place
from tui.places.runs.job_form import JobForm, ask_for_job
from tui.widgets.fields import Choices, Spec, TextField
from tui.widgets.form import Form
from tui.widgets.shown import shown

NOTES = {
    "auto": "Looked at file by file. mbox counts as mboxrd.",
    "eml": "Every file is a message, whatever its name.",
    "mbox": "mboxrd: >From and >>From have lost one > each.",
    "mboxo": "The older one: only From became >From.",
    "maildir": "Only folders with cur and new in them.",
    "kerio": "Folders with #msgs, and backups; goes where a run files it.",
}


class ImportForm(JobForm):
    """``user`` is the true name of the owner, ``shown`` the safe one."""

    DEFAULT_CSS = """
    ImportForm .box { width: 78; }
    ImportForm Form { height: auto; max-height: 14; }
    ImportForm #said { height: auto; display: none; margin-bottom: 1; }
    """
    AUTO_FOCUS = "Form TypingLine"

    def __init__(self, user: str, name: Safe, formats: list[tuple[str, str]]) -> None:
        super().__init__()
        self._user, self._name_shown, self._formats = user, name, formats

    def compose(self) -> ComposeResult:
        specs: list[Spec] = [
            TextField("path", "From", "A file, or a folder with all that is below it.", "e.g. /srv/old-mail"),
            Choices("form", "Format", self._formats, lambda values: NOTES.get(str(values.get("form")), "")),
            TextField("folder", "To the folder", "Empty: Imported, or the folders of an export."),
            TextField("of", "Archive of", "Of an export or store of several people: whose."),
        ]
        with Vertical(classes="box") as box:
            box.border_title = shown(own("Import mail into the archive of {}", self._name_shown))
            yield Static(id="said", classes="wrong")
            yield Form(specs, {"form": self._formats[0][0]})
            yield Static(shown(own("enter  import      tab  next field      esc  leave it")), classes="keys")

    def on_form_edited(self, event: Form.Edited) -> None:
        event.stop()
        self._say(BLANK)

    async def begin(self, form: Form) -> int | None:
        values = form.values
        wish = ImportWish(*(str(values.get(name) or "") for name in ("path", "form", "folder", "of")))
        try:
            return await self.console.desk.imports.begin(self._user, wish)
        except WrongField as trouble:
            form.show_errors({trouble.field: own("{} {}", trouble.message, trouble.hint)})
        except Refused as trouble:
            self._say(own("! {} {}", trouble.message, trouble.hint))
        return None

    def _say(self, text: Safe) -> None:
        place = self.query_one("#said", Static)
        place.display = bool(text)
        place.update(shown(text))


async def ask_for_mail(place: Place, user: str, shown: Safe) -> None:
    """Ask from ``place`` for an import, and show the job once it has begun."""
    await ask_for_job(place, ImportForm(user, shown, list(place.console.desk.imports.formats())))
