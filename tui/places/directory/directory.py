"""The directory of users: its settings as a form, tested, previewed and saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from tui.actions import DIRECTORY_ACTIONS
from tui.bindings import bindings
from tui.desk import fields
from tui.desk.present import BLANK, joined, own
from tui.desk.profiles.draft import Secret
from tui.desk.users.directory import DirectoryDraft
from tui.places.confirm import Confirm
from tui.places.directory.synchronising import SyncPlace
from tui.places.form_lines import spec
from tui.places.guide import GuidePage, load
from tui.places.place import Place
from tui.places.profiles.testing import TestDialog
from tui.text.format import header
from tui.widgets.fields import Spec, TextField
from tui.widgets.form import Form
from tui.widgets.panel import Panel
from tui.widgets.shown import shown, tell

PASSWORD = "login.password"
FILE = "login.password_file"
REMOVED = own("Settings and password are forgotten. The users who came from the directory stay, and so do all archives.")


class DirectoryPlace(Place):
    """The settings. ``closed`` is called when the place is left."""

    ACTIONS = DIRECTORY_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(DIRECTORY_ACTIONS)
    OWN_HELP = True

    DEFAULT_CSS = """
    DirectoryPlace #directory-panel { height: 1fr; }
    DirectoryPlace #last { height: auto; display: none; margin-bottom: 1; }
    DirectoryPlace Form { height: 1fr; }
    """

    def __init__(self, closed: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._when_left = closed
        self._draft: DirectoryDraft | None = None
        #: None until the form is filled.
        self._before: DirectoryDraft | None = None
        self._busy = False

    def content(self) -> ComposeResult:
        with Panel(id="directory-panel"):
            yield Static(id="last")

    async def load(self) -> None:
        """Load the settings once; then they are a draft."""
        desk = self.console.desk.directory
        self.show_top(lambda width, clock: header((own("Archivar"), own("Users"), own("Directory")), BLANK, clock, width))
        if self._draft is None:
            await self._take(await desk.draft())
        last = self.query_one("#last", Static)
        said = await desk.last()
        last.display = bool(said)
        last.update(shown(said))

    async def _take(self, draft: DirectoryDraft) -> None:
        """Show these settings."""
        self._draft = draft
        panel = self.panel("directory-panel")
        panel.head(own("Where users come from"))
        form = Form(self._specs(), {**draft.fields, PASSWORD: ""}, self._applies)
        await panel.mount(form)
        form.focus_first()
        self._before = DirectoryDraft(self._typed(), definition=draft.definition)
        self.refresh_bindings()

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    @property
    def draft(self) -> DirectoryDraft | None:
        """The settings in the form."""
        draft = self._draft if self._before is not None else None
        if draft is not None:
            draft.fields = {**draft.fields, **self._typed()}
            draft.password = Secret(str(self.form.values[PASSWORD]))
        return draft

    def _typed(self) -> dict[str, Any]:
        return {name: value for name, value in self.form.values.items() if name != PASSWORD}

    # The form ------------------------------------------------------------------------------------------------------------

    def _specs(self) -> Sequence[Spec]:
        found = [spec(one, {}) for one in fields.of_directory()]
        return [
            replace(one, note=self._password_note, secret=True) if isinstance(one, TextField) and one.name == PASSWORD else one
            for one in found
        ]

    def _applies(self, name: str, values: Mapping[str, Any]) -> bool:
        return name == PASSWORD or self.console.desk.directory.applies(name, values)

    def _password_note(self, values: Mapping[str, Any]) -> str:
        draft = self._draft
        if draft is None or values.get(PASSWORD):
            return "Kept encrypted."
        if draft.fields.get(FILE):
            return f"Empty: read from {draft.fields[FILE]} as before."
        if self.console.desk.directory.serves(draft, values):
            return "Empty: the one that is kept."
        if draft.kept:
            return "Needed: it is another server, account or encryption."
        return "Kept encrypted. ^t tests all that was typed."

    def on_form_edited(self, event: Form.Edited) -> None:
        event.stop()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable removal without settings."""
        return action != "forget" or (self._draft is not None and self._draft.is_set_up)

    # Doing ---------------------------------------------------------------------------------------------------------------

    def action_save(self) -> None:
        self._do(self._save_and_tell)

    def action_test(self) -> None:
        desk, draft = self.console.desk.directory, self.draft
        if draft is not None:
            self.app.push_screen(TestDialog(lambda: desk.steps(draft), lambda tick: desk.test(draft, tick)))

    def action_preview(self) -> None:
        self._do(self._preview)

    def action_sync(self) -> None:
        self._do(self._sync)

    def _do(self, job: Callable[[DirectoryDraft], Any]) -> None:
        """Run an action on valid settings; one at a time."""
        if not self._busy and self._draft is not None:
            self._busy = True
            self.console.work(self._checked(job))

    async def _checked(self, job: Callable[[DirectoryDraft], Any]) -> None:
        try:
            draft = self.draft
            if draft is None:
                return
            errors = await self.console.desk.directory.problems(draft)
            if not self.form.show_errors(errors) and not errors:
                await job(draft)
            elif not any(name in errors for name in self.form.values):
                tell(self, joined(" ", errors.values()), severity="warning")
        finally:
            self._busy = False

    async def _save_and_tell(self, draft: DirectoryDraft) -> None:
        await self._save()
        tell(self, own("Directory saved. ^r shows what synchronising would change."))

    async def _save(self) -> None:
        """Save unsaved settings."""
        desk, draft = self.console.desk.directory, self.draft
        if draft is None or not desk.changed(draft):
            return
        self._draft = await desk.save(draft)
        self.form.set(PASSWORD, "")
        # Notes refer to the stored password.
        self.form.show_errors({})
        self._before = DirectoryDraft(self._typed())
        self.refresh_bindings()

    async def _preview(self, draft: DirectoryDraft) -> None:
        await self.open(SyncPlace(draft, self._save))

    async def _sync(self, draft: DirectoryDraft) -> None:
        await self.open(SyncPlace(draft, self._save, at_once=True))

    async def action_guide(self) -> None:
        await self.app.push_screen(GuidePage(load("directory")))

    def action_forget(self) -> None:
        self.app.push_screen(
            Confirm(own("Remove the directory?"), REMOVED, own("remove it"), own("leave it as it is")), self._forget_answered
        )

    def _forget_answered(self, yes: bool | None) -> None:
        if yes:
            self.console.work(self._forget())

    async def _forget(self) -> None:
        await self.console.desk.directory.remove()
        tell(self, own("Directory removed. Users stay as they are."))
        self._leave()

    def action_back(self) -> None:
        draft = self.draft
        if draft is not None and self._before is not None and (draft.password or self._typed() != self._before.fields):
            question = Confirm(own("Leave without saving?"), own("What was typed here is lost."), own("leave"), own("go on"))
            self.app.push_screen(question, self._answered)
        else:
            self._leave()

    def _answered(self, yes: bool | None) -> None:
        if yes:
            self._leave()

    def _leave(self) -> None:
        self.close_place()
        self._when_left()

    def action_own_help(self) -> None:
        self.console.action_help()
