"""The wizard's screen: the steps above, one page below, and moving between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input

from tui.actions import WIZARD_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Safe, joined, own, sentence, text
from tui.desk.profiles.draft import ProfileDraft
from tui.desk.refusals import Refused
from tui.desk.users.users import UserDraft
from tui.places.confirm import Confirm
from tui.places.directory.directory import DirectoryPlace
from tui.places.guide import GuidePage, load
from tui.places.place import Place
from tui.places.profiles.deletion import Decision, DeletionQuestion
from tui.places.profiles.testing import TestDialog
from tui.places.runs.run import RunPlace
from tui.places.users.importing import ask_for_file
from tui.places.users.user_form import UserForm
from tui.places.wizard.filing import FilingStep
from tui.places.wizard.folders import FoldersStep
from tui.places.wizard.forms import DeleteStep, FilterStep, KindStep, LoginStep, NameStep, ServerStep
from tui.places.wizard.people import PeopleStep, TargetStep, UsersStep
from tui.places.wizard.step import Step
from tui.places.wizard.summary import SummaryStep
from tui.text.format import cut, header
from tui.widgets.form import Form
from tui.widgets.panel import Panel
from tui.widgets.row import Row
from tui.widgets.shown import tell

SINGLE: tuple[type[Step], ...] = (
    KindStep,
    ServerStep,
    LoginStep,
    FoldersStep,
    FilterStep,
    DeleteStep,
    TargetStep,
    NameStep,
    SummaryStep,
)
MANY: tuple[type[Step], ...] = (
    KindStep,
    ServerStep,
    UsersStep,
    LoginStep,
    FoldersStep,
    FilterStep,
    DeleteStep,
    NameStep,
    SummaryStep,
)
CATCHALL: tuple[type[Step], ...] = (
    KindStep,
    ServerStep,
    LoginStep,
    FoldersStep,
    FilingStep,
    FilterStep,
    DeleteStep,
    NameStep,
    SummaryStep,
)
#: The steps of each kind of profile.
STEPS = {"mailbox": SINGLE, "mailboxes": MANY, "catchall": CATCHALL}
#: Available on every page.
ALWAYS = ("next", "back", "own_help", "leave")


class WizardPlace(Place):
    """A profile being made, changed or copied."""

    ACTIONS = WIZARD_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(WIZARD_ACTIONS)
    OWN_HELP = True

    def __init__(self, draft: ProfileDraft, saved: Callable[[str], object] = lambda key: None, page: str = "") -> None:
        """``saved`` is called with the key of the saved profile; ``page`` is the word of the first page."""
        super().__init__()
        self.draft = draft
        self._saved = saved
        first = next((index for index, step in enumerate(self.steps) if step.word == page), 0)
        self._at = first or (1 if draft.replaces else 0)
        # Deep, since lists of ticks are changed in place.
        self._before = replace(draft, fields=deepcopy(draft.fields))
        self._panel = Panel(id="step-panel")
        #: The page in front is being checked, or the next one is not there yet.
        self._busy = True

    def content(self) -> ComposeResult:
        yield Row(id="steps")
        yield self._panel

    def on_mount(self) -> None:
        self.console.work(self._begin())

    async def _begin(self) -> None:
        try:
            await self._show()
        finally:
            self._free()

    def _free(self) -> None:
        """Deliver the keys typed for the page that is now there."""
        self._busy = False
        self.console.opened()

    @property
    def opening(self) -> bool:
        step = self.step
        return self._busy or (step is not None and not step.ready)

    @property
    def steps(self) -> tuple[type[Step], ...]:
        return STEPS[str(self.draft.fields["kind"])]

    @property
    def step(self) -> Step | None:
        """The page in front. Found with each key among the panel's children, not in the whole tree."""
        return next((child for child in self._panel.children if isinstance(child, Step)), None)

    async def load(self) -> None:
        """Nothing here changes by itself."""

    async def _show(self) -> None:
        panel = self._panel
        await panel.remove_children()
        step = self.steps[self._at](self.draft)
        await panel.mount(step)
        panel.head(step.heading)
        title = own("Change") if self.draft.replaces else own("New profile")
        name = self.console.desk.drafts.shown_name(self.draft)
        self.show_top(
            lambda width, clock: header((own("Archivar"), title, *filter(None, [name])), self._step_of(), clock, width)
        )
        self.query_one("#steps", Row).show(self._steps)
        step.start()
        self.refresh_bindings()

    def _step_of(self) -> Safe:
        return own("step {} of {}", self._at + 1, len(self.steps))

    def _steps(self, width: int) -> Safe:
        words = [
            own("{} {}", own("✔") if index < self._at else own("●") if index == self._at else own("·"), text(step.word))
            for index, step in enumerate(self.steps)
        ]
        return cut(own(" {}", joined(" ", words)), width)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions that are not available on this page."""
        if action in {one.name for one in WIZARD_ACTIONS} - set(ALWAYS):
            if action == "guide":
                return bool(self.step and self.step.guide)
            return bool(self.step and action in self.step.offers)
        return True

    def label(self, action: str) -> Safe:
        return own("Save") if action == "next" and self._at == len(self.steps) - 1 else BLANK

    # Moving --------------------------------------------------------------------------------------------------------------

    def on_form_done(self, event: Form.Done) -> None:
        event.stop()
        self.action_next()

    def on_form_edited(self) -> None:
        self.refresh_bindings()

    def action_next(self) -> None:
        if isinstance(self.step, PeopleStep) and isinstance(self.focused, Input):
            # Enter in the search goes to its results.
            self.step.people.focus()
        elif not self._busy:
            self._busy = True
            self.console.work(self._next())

    async def _next(self) -> None:
        try:
            step = self.step
            if step is None:
                return
            step.collect()
            errors = await self.console.desk.drafts.problems(self.draft)
            last = self._at == len(self.steps) - 1
            if last:
                await self._save(errors)
                return
            if not self.is_there:
                return
            here = {field: text for field, text in errors.items() if step.checks(field)}
            step.show_errors(here)
            if not here and (doubt := await step.doubt()):
                tell(self, own("{} Enter again goes on all the same.", doubt), severity="warning")
            elif not here:
                self._at += 1
                await self._show()
        finally:
            self._free()

    async def _save(self, errors: Mapping[str, Safe]) -> None:
        """Save, or go to the first page with a fault."""
        for index, kind in enumerate(self.steps):
            here = {field: text for field, text in errors.items() if kind(self.draft).checks(field)}
            if here:
                self._at = index
                await self._show()
                if self.step:
                    self.step.show_errors(here)
                return
        if errors:
            raise Refused(
                own("This cannot be saved."),
                joined(" ", (sentence(f"{field}: {problem}") for field, problem in errors.items())),
            )
        save, run_now = await self._sure()
        if not save:
            return
        desk, automatic = self.console.desk, self.console.desk.drafts.automatic(self.draft)
        self._panel.head(own("Saving …"))
        try:
            key = await desk.drafts.save(self.draft)
        finally:
            if self.step:
                self._panel.head(self.step.heading)
        run, failed = None, BLANK
        try:
            if automatic:
                # An automatic start needs a running service.
                await desk.start_service()
            run = await desk.start(key) if run_now else None
        except Refused as trouble:
            # The profile is saved: the wizard must close all the same.
            failed = own(" It was not started: {} {}", trouble.message, trouble.hint)
        self.close_place()
        self._saved(key)
        said = own("Profile {} saved.{}", desk.drafts.shown_name(self.draft), failed)
        tell(self, said, severity="warning" if failed else "information", timeout=20 if failed else None)
        if run is not None:
            await self.app.push_screen(RunPlace(run))

    async def _sure(self) -> tuple[bool, bool]:
        """Ask if needed; save, and run at once? Both are confirmed for a profile that deletes more than before."""
        desk, run_now = self.console.desk.drafts, self.draft.run_now
        more = await desk.deletes_more(self.draft)
        if not more:
            return True, run_now
        sentences, count = [*more, desk.rule(self.draft)], partial(desk.preview, self.draft)
        title = own("Save a profile that deletes more than before?")
        if not await self._asked(DeletionQuestion(title, sentences, own("save it"), own("go on editing"), count)):
            return False, False
        if run_now:
            title = own("And run it as soon as it is saved?")
            run_now = await self._asked(DeletionQuestion(title, sentences[-1:], own("run it"), own("save it only"), count))
        return True, run_now

    async def _asked(self, question: DeletionQuestion) -> bool:
        answered = self.app.push_screen(question, wait_for_dismiss=True)
        # Keys are for the question, although the page is not done.
        self.console.opened()
        return (await answered) is Decision.YES

    async def action_back(self) -> None:
        if self._busy:
            return
        if self.step:
            self.step.collect()
        if self._at == 0:
            self.action_leave()
            return
        self._at -= 1
        self._busy = True
        self.console.work(self._begin())

    def action_leave(self) -> None:
        if self._busy:
            return
        if self.step:
            self.step.collect()
        if self._changed():
            question = Confirm(own("Leave without saving?"), own("What was typed here is lost."), own("leave"), own("go on"))
            self.app.push_screen(question, self._answered)
        else:
            self.close_place()

    def _changed(self) -> bool:
        given = {name: value for name, value in self.draft.fields.items() if value not in ("", [], False, None)}
        before = {name: value for name, value in self._before.fields.items() if value not in ("", [], False, None)}
        beside = (self.draft.run_now, self.draft.try_with) != (self._before.run_now, self._before.try_with)
        return given != before or beside or bool(self.draft.password)

    def _answered(self, yes: bool | None) -> None:
        if yes:
            self.close_place()

    # Actions of pages ----------------------------------------------------------------------------------------------------

    async def action_test(self) -> None:
        if self.step:
            self.step.collect()
        desk, draft = self.console.desk.drafts, self.draft
        await self.app.push_screen(TestDialog(lambda: desk.steps(draft), lambda tick: desk.test(draft, tick)))

    def action_examples(self) -> None:
        if isinstance(self.step, FilingStep):
            self.step.examples()

    def action_preview(self) -> None:
        if isinstance(self.step, DeleteStep):
            self.step.look(probe=False)

    def action_probe(self) -> None:
        if isinstance(self.step, DeleteStep):
            text = own(
                "A folder of our own is made in the mailbox, one message put in, deleted, looked for, and all of it removed."
            )
            self.app.push_screen(
                Confirm(own("Try out deletion on the server?"), text, own("try it"), own("leave it")), self._probe
            )

    def _probe(self, yes: bool | None) -> None:
        if yes and isinstance(self.step, DeleteStep):
            self.step.look(probe=True)

    def action_tick(self) -> None:
        if isinstance(self.step, FoldersStep | UsersStep | TargetStep):
            self.step.tick(below=False)

    def action_tick_below(self) -> None:
        if isinstance(self.step, FoldersStep):
            self.step.tick(below=True)

    def action_pattern(self) -> None:
        if isinstance(self.step, FoldersStep):
            self.step.pattern()

    def action_forget(self) -> None:
        if isinstance(self.step, FoldersStep):
            self.step.forget()

    def action_again(self) -> None:
        if isinstance(self.step, FoldersStep):
            self.step.again()

    def action_search(self) -> None:
        if isinstance(self.step, PeopleStep):
            self.step.search()

    def action_add_user(self) -> None:
        # For a single mailbox the address is known by now.
        address = str(self.draft.fields.get("target.folder", "")) if isinstance(self.step, TargetStep) else ""
        self.app.push_screen(UserForm(UserDraft(addresses=address)), self._people_changed)

    async def action_import_users(self) -> None:
        await ask_for_file(self, lambda: self._people_changed("imported"))

    async def action_directory(self) -> None:
        await self.open(DirectoryPlace(lambda: self._people_changed("synchronised")))

    async def action_take_users(self) -> None:
        # On a page with text fields, t is typed.
        await self.action_directory()

    def _people_changed(self, key: str | None) -> None:
        if key and isinstance(self.step, PeopleStep | FilingStep):
            self.step.load()

    async def action_guide(self) -> None:
        if self.step and self.step.guide:
            await self.app.push_screen(GuidePage(load(self.step.guide)))

    def action_own_help(self) -> None:
        self.console.action_help()
