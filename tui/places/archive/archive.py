"""Archive: the list of owners, who have mail. Leads to their folders."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static

from tui.actions import ARCHIVE_ACTIONS
from tui.bindings import bindings
from tui.desk.archive.archive import OwnerRow
from tui.desk.present import BLANK, Safe, own
from tui.places.archive.archive_mail import MailPlace
from tui.places.archive.searching import SearchPlace
from tui.places.place import Place
from tui.places.transfer.mail_import import ask_for_mail
from tui.text.format import header
from tui.text.mail import owner_line
from tui.widgets.inputs import SearchBar
from tui.widgets.paged import PAGE, PagedChoice
from tui.widgets.panel import Panel
from tui.widgets.shown import shown

NOTHING = own(
    "Nothing is archived yet. Each user's mail will stand here, in folders as on the server.\n\n"
    "  h  leads to Home, where n makes a profile and r runs it\n"
    "  u  leads to Users, where I imports mail that somebody has as files"
)
NOBODY = own("Nobody who has mail has that in a name or an address. esc shows everybody again.")


class ArchivePlace(Place):
    """The list of owners."""

    ACTIONS = ARCHIVE_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(ARCHIVE_ACTIONS)
    AUTO_FOCUS = "#owners"

    DEFAULT_CSS = """
    ArchivePlace #owners-panel { height: 1fr; }
    ArchivePlace #owners { height: 1fr; }
    ArchivePlace #none, ArchivePlace #finding { display: none; height: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[object, ...] | None = None

    def content(self) -> ComposeResult:
        with Panel(id="owners-panel"):
            yield SearchBar(own("name or address"), id="finding")
            yield PagedChoice[OwnerRow](id="owners")
            yield Static(id="none")

    @property
    def owners(self) -> PagedChoice[OwnerRow]:
        return self.query_one("#owners", PagedChoice)

    @property
    def finding(self) -> SearchBar:
        return self.query_one("#finding", SearchBar)

    async def load(self) -> None:
        mail, contains, at = self.console.desk.mail, self.finding.value, self.owners.cursor
        self.show_top(lambda width, clock: header((own("Archivar"), own("Archive")), BLANK, clock, width))
        everybody = await mail.owner_count("")
        total = await mail.owner_count(contains) if contains else everybody
        known = await mail.owners(contains, at // PAGE * PAGE, PAGE) if total else ()
        if contains != self.finding.value:
            # The search for the typed text is running already.
            return
        found = (contains, total, tuple(known))
        if found != self._shown:
            self._shown = found
            self.owners.fill(
                total, lambda offset, limit: mail.owners(contains, offset, limit), owner_line, known, at // PAGE if known else 0
            )
            self.owners.display = bool(total)
            none = self.query_one("#none", Static)
            none.display = not total
            none.update(shown(NOBODY if contains else NOTHING))
            self.refresh_bindings()
        of = own("{:,} of {:,}", total, everybody) if contains else own("{:,}", everybody)
        self.panel("owners-panel").head(own("Whose mail ({})", of))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions on an owner in an empty list."""
        return action not in ("open", "import_mail", "search_archive") or bool(self.owners.total)

    def label(self, action: str) -> Safe:
        return own("Everybody") if action == "back" and self.finding.display else BLANK

    def action_search_archive(self) -> None:
        self.app.push_screen(SearchPlace())

    def action_open(self) -> None:
        if row := self.owners.chosen:
            self.app.push_screen(MailPlace(row))

    def action_import_mail(self) -> None:
        if row := self.owners.chosen:
            self.console.work(self._import_mail(row), opens=True)

    async def _import_mail(self, row: OwnerRow) -> None:
        user = await self.console.desk.imports.user_of(row.key)
        await ask_for_mail(self, user, row.name)

    # Finding -------------------------------------------------------------------------------------------------------------

    def action_find(self) -> None:
        self.finding.display = True
        self.finding.line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.owners.cursor = 0
        # Quick typing searches once, for the final text.
        self.run_worker(self.load_or_say(), group="find", exclusive=True, exit_on_error=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._shown is None or self._shown[0] != self.finding.value:
            # A row marked while a search is running is not opened: the result may not contain it.
            return
        if self.owners.total == 1:
            self.action_open()
        self.owners.focus()

    def on_key(self, event: events.Key) -> None:
        if event.key == "down" and isinstance(self.focused, Input) and self.owners.total:
            event.stop()
            self.owners.focus()

    def action_back(self) -> None:
        if self.finding.display:
            self.finding.line.value = ""
            self.finding.display = False
            self.owners.focus()
        else:
            self.app.pop_screen()
