"""The pages with users to choose: those whose mailboxes are archived, and the owner of the target archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import events
from textual.app import ComposeResult
from textual.widgets import Input, Static

from tui.desk import fields
from tui.desk.present import BLANK, Safe, Tone, joined, own
from tui.desk.users.users import UserRow
from tui.places.wizard.step import Step
from tui.text.format import Line, Span, fit
from tui.widgets.fields import Changed, Options, Tick
from tui.widgets.inputs import Marked, SearchBar
from tui.widgets.paged import PagedChoice
from tui.widgets.shown import shown, tell

NOBODY = own(
    "There are no users yet. Each mailbox belongs to a user, who has an archive.\n\n"
    "  n  adds a user by hand\n"
    "  i  imports a CSV file with names and e-mail addresses\n"
    "  t  takes them from a directory: Kerio Connect, Active Directory, LDAP"
)
#: The field that a tick on the page changes.
FIRST = "users.sync_directory_first"
SYNC_FIRST = "synchronise with the directory before archiving"

SEARCHING = ("add_user", "import_users", "directory", "search")


def user_line(row: UserRow, width: int, mark: Safe = BLANK) -> Line:
    """A user as a line: name, full name, addresses."""
    room = max(width - len(mark), 20)
    name = min(24, room // 3)
    addresses = own("! disabled: left the directory") if row.disabled else row.addresses or own("! no e-mail address")
    full = min(24, room // 4) if room >= 70 else 0
    rest = max(room - name - 2 - (full + 2 if full else 0), 8)
    spans = [Span(mark), Span(fit(row.name, name), Tone.STRONG), Span(own("  "))]
    if full:
        spans += [Span(fit(row.full_name, full)), Span(own("  "))]
    spans.append(Span(fit(addresses, rest), Tone.WARN if addresses.startswith("! ") else Tone.PLAIN))
    return tuple(span for span in spans if span.text)


class PeopleStep(Step):
    """A page with a list of users that can be filtered."""

    DEFAULT_CSS = """
    PeopleStep #people { height: 1fr; }
    PeopleStep #nobody { display: none; margin: 1 0; }
    PeopleStep #sentence { height: auto; }
    PeopleStep #wrong { height: auto; display: none; }
    """
    offers: tuple[str, ...] = SEARCHING
    #: True when there was nothing to choose from: coming back with users goes to them.
    _was_empty = False
    ready = False

    def content(self) -> ComposeResult:
        yield from self.above()
        yield SearchBar(own("/  name or address"))
        yield PagedChoice[UserRow](id="people")
        yield Static(shown(NOBODY), id="nobody")
        yield Static(id="sentence")
        yield Static(id="wrong", classes="wrong")

    def above(self) -> ComposeResult:
        yield from ()

    @property
    def people(self) -> PagedChoice[UserRow]:
        return self.query_one("#people", PagedChoice)

    def start(self) -> None:
        self.load()

    def load(self) -> None:
        """Read the list anew."""
        self.work(self._load_first())

    async def _load_first(self) -> None:
        try:
            await self._load()
        finally:
            self.ready = True
            self.console.opened()

    async def _load(self) -> None:
        search = self.query_one(SearchBar)
        contains = search.value
        desk = self.desk.users
        total, first = await desk.count(contains), await desk.page(contains, 0, 100)
        nobody = not total and not contains
        self.query_one("#nobody").display = nobody
        search.display = self.people.display = not nobody
        for way in self.query(Options):
            way.display = not nobody
        self.people.fill(total, lambda offset, limit: desk.page(contains, offset, limit), self.line, first)
        await self.loaded(first)
        elsewhere = isinstance(self.screen.focused, Input | Options | Tick)
        if not self.people.has_focus and (self._was_empty or not elsewhere):
            self.people.focus()
        self._was_empty = nobody

    async def loaded(self, first: Sequence[UserRow]) -> None:
        """The list is there."""

    def line(self, row: UserRow, width: int) -> Line:
        return user_line(row, width)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.run_worker(self._load(), group="search", exclusive=True, exit_on_error=False)

    def on_key(self, event: events.Key) -> None:
        if event.key == "down" and isinstance(self.screen.focused, Input):
            event.stop()
            self.people.focus()
        elif event.key == "down" and isinstance(self.screen.focused, Tick):
            event.stop()
            self.screen.focus_next()
        elif event.key == "up" and self.screen.focused is not self.people and not isinstance(self.screen.focused, Options):
            event.stop()
            self.screen.focus_previous()

    def search(self) -> None:
        """Go to the search."""
        self.query_one(SearchBar).line.focus()

    def show_errors(self, errors: Mapping[str, Safe]) -> None:
        wrong = self.query_one("#wrong", Static)
        wrong.display = bool(errors)
        wrong.update(shown(joined("\n", (own("! {}", text) for text in errors.values()))))


class UsersStep(PeopleStep):
    """The users whose mailboxes are archived."""

    word = "Users"
    heading = own("Whose mailboxes?")
    _doubted = False
    #: Counts requests for the selection's sentence, so that late answers are dropped.
    _said = 0
    owns = ("users",)

    DEFAULT_CSS = "UsersStep #first { display: none; }"

    def above(self) -> ComposeResult:
        yield Marked(Options(fields.options("users.mode"), str(self.draft.fields.get("users.mode", "all"))))
        yield Marked(Tick(SYNC_FIRST, bool(self.draft.fields.get(FIRST))), id="first")

    @property
    def listed(self) -> list[str]:
        """The ticked names."""
        names: list[str] = self.draft.fields.setdefault("users.list", [])
        return names

    @property
    def mode(self) -> str:
        return str(self.draft.fields.get("users.mode", "all"))

    async def loaded(self, first: Sequence[UserRow]) -> None:
        self._offer()
        # A tick can be removed, also without a directory.
        possible = await self.desk.directory.is_set_up() or bool(self.draft.fields.get(FIRST))
        self.query_one("#first").display = possible
        await self._say()

    def _offer(self) -> None:
        """Offer ticking, except with all users or without any."""
        self.offer(*SEARCHING, *(("tick",) if self.mode != "all" and self.people.total else ()))

    def line(self, row: UserRow, width: int) -> Line:
        archived = bool(self._entry(row))
        if self.mode != "only":
            # Disabled users, who left the directory, are archived only by name.
            archived = not row.disabled and (bool(row.addresses) if self.mode == "all" else not archived)
        return user_line(row, width, own("[x] ") if archived else own("[ ] "))

    def _entry(self, row: UserRow) -> str:
        """The entry of the list that names this user, or empty."""
        names = {name.casefold(): name for name in self.listed}
        return next((names[key.casefold()] for key in (row.key, *row.keys) if key.casefold() in names), "")

    def tick(self, *, below: bool = False) -> None:
        """Tick or untick the chosen user."""
        row = self.people.chosen
        if row is None or self.mode == "all":
            return
        if row.disabled and self.mode != "only":
            tell(self, own("Who left the directory and is disabled is archived only by name."))
            return
        if entry := self._entry(row):
            self.listed.remove(entry)
        else:
            self.listed.append(row.key)
        self.people.redraw()
        self.work(self._say())

    def on_changed(self, event: Changed) -> None:
        event.stop()
        self.draft.fields[FIRST] = self.query_one(Tick).value
        # The exclusions of one way are not the inclusions of the other.
        self.draft.lists[self.mode] = self.listed
        self.draft.fields["users.mode"] = self.query_one(Options).value
        self.draft.fields["users.list"] = self.draft.lists.get(self.mode, [])
        self._offer()
        self.people.redraw()
        self.work(self._say())

    async def doubt(self) -> Safe:
        if self._doubted or await self.desk.users.count(""):
            return BLANK
        self._doubted = True
        return own("There is nobody yet whose mailbox could be archived: n adds a user, i imports a list, t takes a directory.")

    async def _say(self) -> None:
        self._said += 1
        asked, said = self._said, await self.desk.drafts.selected(self.draft)
        if asked == self._said:
            # Answers may come in another order; the one to the last question counts.
            self.query_one("#sentence", Static).update(shown(said))
            self.show_errors({})


class TargetStep(PeopleStep):
    """The owner of the target archive."""

    word = "Target"
    heading = own("Into whose archive?")
    owns = ("target.user",)

    def line(self, row: UserRow, width: int) -> Line:
        return user_line(row, width, own("(•) ") if row.key == self.draft.fields.get("target.user") else own("( ) "))

    async def loaded(self, first: Sequence[UserRow]) -> None:
        if not self.draft.fields.get("target.user"):
            address = str(self.draft.fields.get("target.folder", ""))
            owner = await self.desk.users.of_address(address)
            if owner is not None:
                self.draft.fields["target.user"] = owner.key
            elif len(first) == 1 and self.people.total == 1:
                self.draft.fields["target.user"] = first[0].key
            self.people.redraw()
        self._say()

    def tick(self, *, below: bool = False) -> None:
        """Choose this user."""
        if row := self.people.chosen:
            self.draft.fields["target.user"] = row.key
            self.people.redraw()
            self._say()

    offers = (*SEARCHING, "tick")

    def _say(self) -> None:
        where = self.desk.drafts.goes_to(self.draft)
        self.query_one("#sentence", Static).update(shown(where))
        self.show_errors({})
