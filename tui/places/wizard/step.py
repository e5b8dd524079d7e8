"""Base of the wizard's pages."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.desk import fields
from tui.desk.desk import Desk
from tui.desk.present import BLANK, Safe, joined
from tui.desk.profiles.draft import ProfileDraft, Secret
from tui.places import form_lines
from tui.shell import Shell, shell_of
from tui.widgets.fields import Spec, TextField
from tui.widgets.form import Form
from tui.widgets.shown import shown

#: The form's field that is no part of a profile.
PASSWORD = "login.password"
TRY_WITH = "try_with"
RUN_NOW = "run_now"


class Step(Vertical):
    """A page: ``word`` in the list of steps, ``heading`` above it, ``owns`` the fields checked when it is left.

    ``offers`` are the names of the wizard's actions available here now; ``guide`` is opened by a key.
    """

    DEFAULT_CSS = "Step { height: 1fr; } Step > .intro { height: auto; margin-bottom: 1; }"

    word: ClassVar[str] = ""
    heading: ClassVar[Safe] = BLANK
    intro: ClassVar[Safe] = BLANK
    owns: ClassVar[tuple[str, ...]] = ()
    offers: tuple[str, ...] = ()
    #: True when keys can be for this page: one that reads the archive first is not ready before.
    ready = True

    def __init__(self, draft: ProfileDraft) -> None:
        super().__init__()
        self.draft = draft

    def compose(self) -> ComposeResult:
        if text := self.text():
            yield Static(shown(text), classes="intro")
        yield from self.content()

    def text(self) -> Safe:
        """The text above the fields."""
        return self.intro

    def content(self) -> ComposeResult:
        yield from ()

    @property
    def console(self) -> Shell:
        return shell_of(self.app)

    @property
    def desk(self) -> Desk:
        return self.console.desk

    @property
    def guide(self) -> str:
        """The guide of this page, or empty."""
        return ""

    def collect(self) -> None:
        """Take the typed values into the draft."""

    def checks(self, field: str) -> bool:
        """True when this page checks the field."""
        return field in self.owns or any(field.startswith(f"{one}.") for one in self.owns)

    def show_errors(self, errors: Mapping[str, Safe]) -> None:
        """Show faults; ``errors`` are those of fields that this page checks."""

    async def doubt(self) -> Safe:
        """A doubt about allowed but unlikely values; shown once, then empty."""
        return BLANK

    def start(self) -> None:
        """Called when the page is in front."""

    def offer(self, *actions: str) -> None:
        """Change the available actions."""
        if actions != self.offers:
            self.offers = actions
            self.screen.refresh_bindings()

    def work(self, job: Coroutine[Any, Any, None]) -> None:
        """Run a job that takes time; it ends with the page."""
        self.run_worker(job, exit_on_error=False)


class FormStep(Step):
    """A page that is a form."""

    def specs(self) -> Sequence[Spec]:
        """The lines of the page: those of its fields."""
        return [form_lines.spec(field, self.draft.fields) for field in fields.of_profile(self.word, self.draft.fields)]

    def values(self) -> dict[str, Any]:
        """The initial values of the form."""
        names = {spec.name for spec in self.specs()}
        own = {TRY_WITH: self.draft.try_with, RUN_NOW: self.draft.run_now}
        if PASSWORD in names:
            own[PASSWORD] = self.draft.password.reveal()
        return {name: value for name, value in {**self.draft.fields, **own}.items() if name in names}

    def content(self) -> ComposeResult:
        yield Form(self.specs(), self.values(), self.applies)

    def applies(self, name: str, values: Mapping[str, Any]) -> bool:
        return self.desk.drafts.applies(name, {**self.draft.fields, **values})

    @property
    def form(self) -> Form:
        return self.query_one(Form)

    def typed(self, name: str) -> Any:
        """The value of a field as it is typed so far; while the page has no form yet, that of the draft."""
        form = self.query_one_optional(Form)
        return self.draft.fields.get(name) if form is None else form.values[name]

    def collect(self) -> None:
        names = {spec.name for spec in self.specs()}
        for name, value in self.form.values.items():
            if name not in names:
                continue
            if name == PASSWORD:
                self.draft.password = Secret(str(value))
            elif name == TRY_WITH:
                self.draft.try_with = str(value)
            elif name == RUN_NOW:
                self.draft.run_now = bool(value)
            else:
                self.draft.fields[name] = value

    def checks(self, field: str) -> bool:
        return super().checks(field) or any(spec.name == field for spec in self.specs())

    def show_errors(self, errors: Mapping[str, Safe]) -> None:
        beside = {spec.name for spec in self.specs()}
        if not self.form.show_errors(errors) and errors:
            # The fault of a hidden field: shown at the first line, so that it is visible.
            first = next((spec for spec in self.specs() if isinstance(spec, TextField)), None)
            rest = joined(" ", (text for name, text in errors.items() if name not in beside))
            if first is not None and rest:
                self.form.show_errors({first.name: rest})

    def start(self) -> None:
        self.form.focus_first()
