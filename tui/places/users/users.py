"""Users, the owners of archived mail. Searched, added, changed, removed, imported."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static

from tui.actions import IMPORT_MAIL, USERS_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Safe, Tone, joined, own, sentence
from tui.desk.users.users import UserDraft, UserRow
from tui.places.confirm import Confirm
from tui.places.directory.directory import DirectoryPlace
from tui.places.place import Place
from tui.places.transfer.mail_import import ask_for_mail
from tui.places.users.importing import ask_for_file
from tui.places.users.user_form import UserForm
from tui.text.format import Line, Span, fit, header
from tui.widgets.inputs import SearchBar
from tui.widgets.lines import Lines
from tui.widgets.paged import PAGE, PagedChoice
from tui.widgets.panel import Panel
from tui.widgets.shown import shown, tell

NOBODY = own(
    "There are no users yet. Each mailbox that is archived belongs to a user,\n"
    "and each user has an archive.\n\n"
    "  n  adds a user by hand\n"
    "  i  imports a CSV file with names and e-mail addresses\n"
    "  t  takes them from a directory: Kerio Connect, Active Directory, LDAP"
)
REMOVED = own(
    "The archive stays, and stays readable under this name. Profiles do not archive the mailbox any more. "
    "Adding a user of the same name again gives the archive back."
)
COMES_BACK = own(" While the directory has this user, the next synchronisation brings the user back.")
#: Columns beside the list: borders, padding, the scroll bar, the mark of the chosen line.
MARGIN = 2
#: Columns for the origin of a user.
ORIGIN = 9


class UsersPlace(Place):
    """All users."""

    ACTIONS = USERS_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(USERS_ACTIONS)
    AUTO_FOCUS = "#people"

    DEFAULT_CSS = """
    UsersPlace #users-panel { height: 1fr; }
    UsersPlace #people-header { height: 1; }
    UsersPlace #people { height: 1fr; }
    UsersPlace #nobody, UsersPlace #nothing { display: none; height: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[str, str] | None = None
        self._path = ""
        self._wanted = ""

    def content(self) -> ComposeResult:
        with Panel(id="users-panel"):
            yield SearchBar(own("/  name or address"))
            yield Lines(id="people-header", can_focus=False)
            yield PagedChoice[UserRow](id="people")
            yield Static(shown(NOBODY), id="nobody")
            yield Static(id="nothing")

    @property
    def people(self) -> PagedChoice[UserRow]:
        return self.query_one("#people", PagedChoice)

    @property
    def search(self) -> Input:
        return self.query_one(SearchBar).line

    async def load(self) -> None:
        desk = self.console.desk.users
        self.show_top(lambda width, clock: header((own("Archivar"), own("Users")), BLANK, clock, width))
        contains = self.search.value.strip()
        version = await desk.version()
        if self._shown == (version, contains) and not self._wanted:
            return
        cursor = self.people.cursor
        chosen = self._wanted or (row.key if (row := self.people.chosen) else "")
        everybody = await desk.count("")
        total = await desk.count(contains) if contains else everybody
        at = min(await desk.position(contains, chosen), max(total - 1, 0)) if chosen else 0
        # Keys pressed since move on from there.
        at = min(max(at + self.people.cursor - cursor, 0), max(total - 1, 0))
        known = await desk.page(contains, at // PAGE * PAGE, PAGE)
        if contains != self.search.value.strip():
            # The search for the typed text is running already.
            return
        self._shown, self._wanted = (version, contains), ""
        self.people.cursor = at
        self.people.fill(total, lambda offset, limit: desk.page(contains, offset, limit), user_line, known, at // PAGE)
        self.query_one("#people-header", Lines).show(lambda width: [heading(width - MARGIN)])
        of = own("{:,} of {:,}", total, everybody) if contains else own("{:,}", everybody)
        hint = own("{} imports mail for the chosen user", self.console.key(IMPORT_MAIL))
        self.panel("users-panel").head(own("Users ({})", of), hint if total else BLANK)
        self._show_emptiness(everybody, total)
        self.refresh_bindings()

    def _show_emptiness(self, everybody: int, total: int) -> None:
        self.query_one("#nobody").display = not everybody
        self.query_one(SearchBar).display = bool(everybody)
        self.people.display = self.query_one("#people-header").display = bool(total)
        nothing = self.query_one("#nothing", Static)
        nothing.display = bool(everybody and not total)
        nothing.update(shown(own("Nobody has that in a name, an address or a login name. esc shows all users again.")))
        if total and self.focused is None:
            self.people.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions on a user without one, and the search without any."""
        if action in ("edit", "remove", "import_mail"):
            return bool(self.people.total)
        return action != "search" or bool(self.people.total or self.search.value)

    def label(self, action: str) -> Safe:
        return own("All users") if action == "back" and isinstance(self.focused, Input) else BLANK

    # Searching -----------------------------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        # Quick typing searches once, for the final text.
        self.run_worker(self.load_or_say(), group="search", exclusive=True, exit_on_error=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.people.focus()

    def on_key(self, event: events.Key) -> None:
        if event.key == "down" and isinstance(self.focused, Input) and self.people.total:
            event.stop()
            self.people.focus()

    def action_search(self) -> None:
        self.search.focus()

    def action_back(self) -> None:
        if isinstance(self.focused, Input):
            self.search.value = ""
            self.people.focus()
        else:
            self.app.pop_screen()

    # Changing ------------------------------------------------------------------------------------------------------------

    def action_new(self) -> None:
        self.app.push_screen(UserForm(UserDraft()), self._saved)

    def action_edit(self) -> None:
        if row := self.people.chosen:
            self.console.work(self._edit(row.key), opens=True)

    async def _edit(self, key: str) -> None:
        draft = await self.console.desk.users.draft(key)
        await self.open(UserForm(draft), self._saved)

    def _saved(self, key: str | None) -> None:
        if key and self.is_there:
            self._wanted = key
            self.search.value = ""
            self.people.focus()
            self.reload()

    def action_remove(self) -> None:
        if row := self.people.chosen:
            key, name = row.key, row.name

            def answered(yes: bool | None) -> None:
                if yes:
                    self.console.work(self._remove(key, name))

            text = joined("", (REMOVED, COMES_BACK if row.from_directory else BLANK))
            self.app.push_screen(
                Confirm(own("Remove {}?", name), text, own("remove the user"), own("leave it as it is")), answered
            )

    async def _remove(self, key: str, name: Safe) -> None:
        await self.console.desk.users.remove(key)
        tell(self, own("User {} removed. The archive is kept.", name))
        self.reload()

    async def action_import_users(self) -> None:
        await ask_for_file(self, self.reload)

    def action_import_mail(self) -> None:
        if row := self.people.chosen:
            self.console.work(ask_for_mail(self, row.key, row.name), opens=True)

    async def action_directory(self) -> None:
        await self.open(DirectoryPlace())


def _columns(width: int) -> list[int]:
    """The widths of user, full name, addresses, login name and origin; 0 without room."""
    name = max(min(24, width // 4), 8)
    full = max(min(26, width // 4), 8) if width >= 60 else 0
    login = 24 if width >= 110 else 0
    rest = width - name - sum(size + 2 for size in (full, login, ORIGIN) if size) - 2
    return [name, full, max(rest, 8), login, ORIGIN]


def _spans(parts: list[tuple[Safe, Tone]], width: int) -> Line:
    spans: list[Span] = []
    for (text, tone), size in zip(parts, _columns(width), strict=True):
        if size:
            spans.append(Span(own("{}{}", own("  ") if spans else BLANK, fit(text, size)), tone))
    return tuple(spans)


def heading(width: int) -> Line:
    """The titles of the columns."""
    titles = ("User", "Full name", "Addresses", "Login name", "From")
    return (Span(own("  ")), *_spans([(sentence(title), Tone.MUTED) for title in titles], width))


def user_line(row: UserRow, width: int) -> Line:
    """A user as a line."""
    addresses = (row.addresses, Tone.PLAIN) if row.addresses else (own("! no e-mail address"), Tone.WARN)
    origin = (own("disabled"), Tone.WARN) if row.disabled else (own("directory") if row.from_directory else BLANK, Tone.MUTED)
    return _spans([(row.name, Tone.STRONG), (row.full_name, Tone.PLAIN), addresses, (row.login, Tone.MUTED), origin], width)
