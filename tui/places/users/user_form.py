"""A user in a form, new or edited."""

from __future__ import annotations

from dataclasses import asdict

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.desk.present import BLANK, Safe, own
from tui.desk.refusals import Refused
from tui.desk.users.users import UserDraft
from tui.places.confirm import Confirm
from tui.places.transfer.saving import SavingForm
from tui.widgets.fields import TextField
from tui.widgets.form import Form
from tui.widgets.shown import shown, tell

FIELDS = (
    TextField("name", "User name", "Names the archive. It can be changed later."),
    TextField("full_name", "Full name"),
    TextField(
        "addresses", "E-mail addresses", "The first is the primary one; aliases after it, with blanks or commas between."
    ),
    TextField("login", "Login name", "Only if the server knows the mailbox by another name than the first address."),
)


class UserForm(SavingForm[str | None]):
    """The key of the saved user, or None."""

    DEFAULT_CSS = """
    UserForm .box { width: 78; }
    UserForm Form { height: auto; max-height: 16; }
    UserForm .wrong { display: none; height: auto; margin-bottom: 1; }
    """
    AUTO_FOCUS = "Form TypingLine"

    def __init__(self, draft: UserDraft) -> None:
        super().__init__()
        self._draft = draft

    def compose(self) -> ComposeResult:
        values = asdict(self._draft)
        with Vertical(classes="box") as box:
            box.border_title = shown(own("Change a user") if self._draft.key else own("New user"))
            yield Static(id="wrong", classes="wrong")
            yield Form(FIELDS, {field.name: values[field.name] for field in FIELDS})
            yield Static(shown(own("enter  save      tab  next field      esc  leave")), classes="keys")

    @property
    def _typed(self) -> UserDraft:
        values = self.query_one(Form).values
        return UserDraft(self._draft.key, **{field.name: str(values[field.name]) for field in FIELDS})

    def on_form_edited(self) -> None:
        self._say(BLANK)

    def action_save(self) -> None:
        self.attempt(lambda: self._save(self._typed))

    async def _save(self, draft: UserDraft) -> str | None:
        desk = self.console.desk.users
        try:
            if problems := await desk.problems(draft):
                self.query_one(Form).show_errors(problems)
                return None
            saved = await desk.save(draft)
        except Refused as trouble:
            self._say(own("! {} {}", trouble.message, trouble.hint))
            return None
        back = own(" The archive that was kept under this name is back.") if saved.back else BLANK
        tell(self, own("User {} {}.{}", saved.name, own("changed") if draft.key else own("added"), back))
        return saved.key

    def _say(self, text: Safe) -> None:
        place = self.query_one("#wrong", Static)
        place.display = bool(text)
        place.update(shown(text))

    def action_close(self) -> None:
        if self._typed == self._draft:
            self.dismiss(None)
        else:
            question = Confirm(own("Leave without saving?"), own("What was typed here is lost."), own("leave"), own("go on"))
            self.app.push_screen(question, self._answered)

    def _answered(self, yes: bool | None) -> None:
        if yes:
            self.dismiss(None)
