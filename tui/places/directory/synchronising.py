"""Synchronisation with the directory: the changes are shown before they are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from tui.actions import SYNC_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Safe, joined, own
from tui.desk.refusals import Refused
from tui.desk.users.directory import DirectoryDraft, SyncView
from tui.places.confirm import Confirm
from tui.places.place import Place
from tui.places.users.importing import marked_lines
from tui.text.format import header
from tui.widgets.lines import Lines
from tui.widgets.panel import Panel
from tui.widgets.shown import shown, tell

ASKING = own("Asking the directory …")


class SyncPlace(Place):
    """The plan of a synchronisation, and then its result. ``at_once`` runs it without showing the plan.

    ``save`` saves the settings. It is called once the directory has answered: settings that do not work never replace working
    ones.
    """

    ACTIONS = SYNC_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(SYNC_ACTIONS)
    AUTO_FOCUS = "#sync"

    DEFAULT_CSS = """
    SyncPlace #sync-panel { height: 1fr; }
    SyncPlace #sentence { height: auto; padding: 0 2; }
    """

    def __init__(self, draft: DirectoryDraft, save: Callable[[], Awaitable[object]], *, at_once: bool = False) -> None:
        super().__init__()
        self._draft, self._save, self._at_once = draft, save, at_once
        self._view: SyncView | None = None
        self._busy = False
        self._doing = False
        #: Users whom this view kept may go.
        self._agreed: SyncView | None = None
        self._saved = False

    def content(self) -> ComposeResult:
        yield Static(shown(ASKING), id="sentence")
        with Panel(id="sync-panel"):
            yield Lines(id="sync")

    def on_mount(self) -> None:
        super().on_mount()
        self._begin(doing=self._at_once)

    async def load(self) -> None:
        """Nothing here changes by itself."""
        self.show_top(lambda width, clock: header((own("Archivar"), own("Directory"), own("Synchronise")), BLANK, clock, width))

    def _begin(self, *, doing: bool) -> None:
        if not self._busy:
            if not doing:
                self._agreed = None
            self._busy, self._doing = True, doing
            self._view = None
            self.refresh_bindings()
            # It ends with the place: closing it cancels the request to the directory.
            self.run_worker(self._work(), exit_on_error=False)

    async def _work(self) -> None:
        desk = self.console.desk.directory
        self._tell(ASKING)
        try:
            if self._doing:
                self._view = await desk.synchronise(self._draft, self._progress, self._keep, self._agreed)
            else:
                self._view = await desk.plan(self._draft, self._progress)
        except Refused as trouble:
            self._show(None)
            kept = (
                own("The settings are saved; no user was changed.") if self._saved else own("Nothing was changed, nor saved.")
            )
            self._tell(own("✗ {} {} {}", trouble.message, trouble.hint, kept))
        else:
            self._show(self._view)
            self._tell(_sentence(self._view))
        finally:
            self._busy = False
            self.refresh_bindings()

    async def _keep(self) -> None:
        await self._save()
        self._saved = True

    def _progress(self, text: Safe) -> None:
        self._tell(own("{} {}", ASKING, text))

    def _tell(self, text: Safe) -> None:
        self.query_one("#sentence", Static).update(shown(text))

    def _show(self, view: SyncView | None) -> None:
        self.panel("sync-panel").head(joined(", ", view.counts) if view else BLANK)
        rows = view.rows if view else ()
        self.query_one("#sync", Lines).show(lambda width: marked_lines(rows, width))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable all but a shown plan, which is run only once."""
        if action == "do":
            return self._view is not None and not self._view.done and bool(self._view.changes)
        if action == "force":
            return self._view is not None and bool(self._view.kept)
        return action != "again" or not self._busy

    def action_do(self) -> None:
        self.console.work(self._do())

    async def _do(self) -> None:
        if not self._busy:
            self._begin(doing=True)

    def action_force(self) -> None:
        view = self._view
        if view is not None:
            self.app.push_screen(_question(view), lambda yes: self._answered(view) if yes else None)

    def _answered(self, view: SyncView) -> None:
        self._agreed = view
        self.action_do()

    def action_again(self) -> None:
        self._begin(doing=False)

    def action_leave(self) -> None:
        if self._busy and self._doing:
            tell(self, own("It is being done. A moment."))
        else:
            self.close_place()


def _question(view: SyncView) -> Confirm:
    """The number of users who would go, and the first names."""
    more = view.kept_count - len(view.kept)
    names = own("{}{}", joined(", ", view.kept), own(" and {:,} more", more) if more else BLANK)
    users = own("1 user") if view.kept_count == 1 else own("{:,} users", view.kept_count)
    text = own("No longer in the directory, and {} if you say yes: {}.\n\nTheir archives stay.", view.fate, names)
    return Confirm(own("Let {} go?", users), text, own("let them go"), own("leave them as they are"))


def _sentence(view: SyncView) -> Safe:
    if view.done:
        first = own("! Done, but for those who left: too many would go. f lets them go.") if view.withheld else own("✔ Done.")
        return own("{} {}", first, view.sentence)
    if view.withheld and not view.changes:
        return own("! {} Too many would go, so nobody does; f lets them go.", view.sentence)
    if view.withheld:
        return own("! {} Too many would go: enter does the rest without them, f does all of it.", view.sentence)
    if not view.changes:
        return own("✔ There is nothing to do. {}", view.sentence)
    return own("{} Nothing is changed yet: enter does it.", view.sentence)
