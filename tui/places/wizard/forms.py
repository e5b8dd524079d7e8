"""The pages that are forms: kind, server, login, filter, deletion, name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from textual.app import ComposeResult
from textual.widgets import Static

from tui.desk.present import BLANK, Safe, joined, own
from tui.desk.refusals import Refused
from tui.places.profiles.deletion import Decision, DeletionQuestion
from tui.places.wizard.step import PASSWORD, RUN_NOW, TRY_WITH, FormStep
from tui.widgets.fields import CheckField, Choices, Options, Spec, TextField
from tui.widgets.form import Form
from tui.widgets.shown import shown

OLDER_FIRST = own(
    "Mail on the server is deleted once it is archived and old enough. How old, is typed next; ^r counts what would go."
)
TRY = TextField(TRY_WITH, "Try with", "Whose mailbox is opened by the test and for the folders. Empty: the first user's.")
FOR_ALL = own("These settings hold for all mailboxes of the profile.")


class KindStep(FormStep):
    """The kind of profile."""

    word = "Kind"
    heading = own("What is to be archived?")
    offers = ("guide",)

    def collect(self) -> None:
        super().collect()
        master = self.draft.fields.get("login.method") != "password"
        if self.draft.many != master:
            self.draft.fields["login.method"] = "kerio-master" if self.draft.many else "password"

    @property
    def guide(self) -> str:
        return "kerio-archive" if self.typed("kind") == "catchall" else "kerio-master"


class ServerStep(FormStep):
    """The mail server."""

    word = "Server"
    heading = own("Which server?")


class LoginStep(FormStep):
    """The login."""

    word = "Login"
    heading = own("How is it opened?")
    offers = ("test", "guide")
    owns = ("login", "target.folder")

    def specs(self) -> Sequence[Spec]:
        found = [
            replace(one, note=self._kept(), secret=True) if isinstance(one, TextField) and one.name == PASSWORD else one
            for one in super().specs()
        ]
        return [*found, *([TRY] if self.draft.many else [])]

    def _kept(self) -> str:
        """The source of the password while none is typed."""
        if self.draft.fields.get("login.password_file"):
            return f"Empty: read from {self.draft.fields['login.password_file']} as before."
        return "Empty: the one that is kept." if self.draft.stored else "Kept encrypted. ^t tests all that was typed."

    def collect(self) -> None:
        super().collect()
        if self.draft.password:
            self.draft.fields.pop("login.password_file", None)

    @property
    def guide(self) -> str:
        if self.draft.catchall:
            return "kerio-archive"
        if not self.draft.many:
            return ""
        return "kerio-master" if self.typed("login.method") == "kerio-master" else "other-servers"


class FilterStep(FormStep):
    """The filter of messages."""

    word = "Filter"
    heading = own("Which messages? Empty fields leave nothing out.")

    def text(self) -> Safe:
        return FOR_ALL if self.draft.many else BLANK


class DeleteStep(FormStep):
    """The deletion on the server."""

    word = "Delete"
    #: Counts the shown rules, so that late results of earlier ones are dropped.
    _looking = 0
    heading = own("Delete on the server after archiving?")
    offers = ("preview", "probe", "guide")

    def text(self) -> Safe:
        return FOR_ALL if self.draft.many else BLANK

    def specs(self) -> Sequence[Spec]:
        return [
            replace(one, asks=self._asks) if isinstance(one, Choices) and one.name == "delete.when" else one
            for one in super().specs()
        ]

    def content(self) -> ComposeResult:
        yield Static(id="rule", classes="intro")
        yield Form(self.specs(), self.values(), self.applies)
        yield Static(id="found")

    def on_mount(self) -> None:
        self._say()

    # Switching it on -----------------------------------------------------------------------------------------------------

    def _asks(self, value: str) -> bool:
        """Ask before a choice that deletes more; a key alone chooses nothing."""
        chosen = self.draft.fields.get("delete.when", "never")
        if value == "never" or chosen == "immediately":
            return False
        self._ask(value)
        return True

    def _ask(self, value: str) -> None:
        self.collect()
        draft = replace(self.draft, fields={**self.draft.fields, "delete.when": value})
        sentences, count = [self.desk.drafts.rule(draft)], None
        if value == "older-than" and not str(draft.fields.get("delete.age") or "").strip():
            sentences = [OLDER_FIRST]
        else:
            count = partial(self.desk.drafts.preview, draft)
        question = DeletionQuestion(
            own("Delete mail on the server?"), sentences, own("delete"), own("leave it"), count, choices=True
        )
        self.app.push_screen(question, partial(self._answered, value))

    def _answered(self, value: str, answer: Decision | None) -> None:
        options = next(field.control for field in self.form.fields if field.spec.name == "delete.when")
        assert isinstance(options, Options)
        if answer is Decision.YES:
            options.take(value)
        elif answer in (Decision.NEXT, Decision.BEFORE):
            other = options.beside(value, 1 if answer is Decision.NEXT else -1)
            if other and other != "never":
                self._ask(other)

    def on_form_edited(self) -> None:
        self._say()
        # Results belong to the rule before.
        self._looking += 1
        self.query_one("#found", Static).update(shown(BLANK))

    def _say(self) -> None:
        self.collect()
        self.query_one("#rule", Static).update(shown(self.desk.drafts.rule(self.draft)))

    @property
    def guide(self) -> str:
        return "kerio-deletion"

    def look(self, *, probe: bool) -> None:
        """Show the rule's present effect, or probe the server."""
        self.collect()
        self.work(self._look(probe))

    async def _look(self, probe: bool) -> None:
        found = self.query_one("#found", Static)
        found.update(shown(own("Asking the server …")))
        looking = self._looking
        desk = self.desk.drafts
        try:
            sentences = await (desk.probe(self.draft) if probe else desk.preview(self.draft))
        except Refused as trouble:
            sentences = [own("! {} {}", trouble.message, trouble.hint)]
        if looking == self._looking:
            found.update(shown(joined("\n", sentences)))


class NameStep(FormStep):
    """The name and the schedule."""

    word = "Name"
    heading = own("Name and schedule")
    owns = ("name", "schedule")
    offers = ("guide",)

    @property
    def guide(self) -> str:
        return "service"

    def specs(self) -> Sequence[Spec]:
        found = [replace(one, note=self._next) if one.name == "schedule.how" else one for one in super().specs()]
        return [*found, CheckField(RUN_NOW, "Run now", "archive as soon as it is saved")]

    def _next(self, values: Mapping[str, Any]) -> str:
        typed = {name: value for name, value in values.items() if name != RUN_NOW}
        return self.desk.drafts.next_start({**self.draft.fields, **typed})
