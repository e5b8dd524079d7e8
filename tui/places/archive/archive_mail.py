"""A user's archive: the tree of folders, and the messages of the open one.

Side by side where there is room; else a folder is entered and left again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from tui.actions import NEWS, OWNER_MAIL_ACTIONS
from tui.bindings import bindings
from tui.desk.archive.archive import ArchiveFolder, FolderSnapshot, MailSelection, OwnerRow
from tui.desk.archive.message import MessageRow
from tui.desk.archive.search import SearchScope
from tui.desk.present import BLANK, Safe, own, text
from tui.places.archive.archive_list import MessageList
from tui.places.archive.searching import SearchPlace
from tui.text.format import header
from tui.text.mail import folder_line, messages, unfolded
from tui.widgets.lines import ChoiceList
from tui.widgets.panel import Panel
from tui.widgets.shown import shown

#: Columns from which folders and messages are side by side.
SPLIT_FROM = 110
#: Folders above which only the upper ones are unfolded at first.
UNFOLDED = 40
EMPTY = own("There is no mail in this folder any more. The history of a message says where it went.")


class MailPlace(MessageList):
    """The folders of ``owner``."""

    ACTIONS = OWNER_MAIL_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(OWNER_MAIL_ACTIONS)
    AUTO_FOCUS = "#folders"

    DEFAULT_CSS = """
    MailPlace #mail { height: 1fr; }
    MailPlace #tree-panel { height: 1fr; width: 36; }
    MailPlace #folders { height: 1fr; }
    MailPlace.narrow #tree-panel { width: 1fr; }
    MailPlace.narrow #reading { display: none; }
    MailPlace.narrow.entered #tree-panel { display: none; }
    MailPlace.narrow.entered #reading { display: block; }
    """

    def __init__(self, owner: OwnerRow) -> None:
        super().__init__()
        self._owner = owner
        self._tree: Sequence[ArchiveFolder] = ()
        self._folded: set[str] | None = None
        self._row: ArchiveFolder | None = None
        self._opened: FolderSnapshot | None = None
        self._news = BLANK

    def content(self) -> ComposeResult:
        with Horizontal(id="mail"):
            with Panel(id="tree-panel"):
                folders = ChoiceList(id="folders")
                folders.keeps_mark = True
                yield folders
            yield from self.list_panels()

    @property
    def folders(self) -> ChoiceList:
        return self.query_one("#folders", ChoiceList)

    @property
    def entered(self) -> bool:
        """True when the messages have the focus."""
        return self.has_class("entered")

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width < SPLIT_FROM, "narrow")

    async def load(self) -> None:
        folder = (self._row.shown,) if self._row and self.entered else ()
        self.show_top(lambda width, clock: header((own("Archive"), self._owner.name, *folder), BLANK, clock, width))
        tree = await self.console.desk.mail.folders(self._owner.key)
        if self._folded is None:
            deep = {row.path for row in tree if row.inner and row.depth} if len(tree) > UNFOLDED else set()
            self._folded = deep
            # The cursor starts at a folder with messages, not a mere part of a path.
            self.folders.cursor = next((at for at, row in enumerate(unfolded(tree, deep)) if row.key), 0)
        if tree != self._tree:
            chosen = self.folder
            self._tree = tree
            if chosen is not None:
                paths = [row.path for row in self._seen]
                self.folders.cursor = paths.index(chosen.path) if chosen.path in paths else self.folders.cursor
            self._show_folders()
        self.panel("tree-panel").head(own("Folders of {}", self._owner.name), messages(sum(row.messages for row in tree)))
        if self._row is None:
            self.query_one("#no-rows", Static).display = True
            self.query_one("#no-rows", Static).update(shown(own("enter opens the chosen folder.")))
            for name in ("#rows", "#rows-header", "#preview-panel"):
                self.query_one(name).display = False
            self.panel("list-panel").head(own("Messages"))
        if self._opened is not None:
            news = await self.console.desk.mail.news(self._opened)
            if news != self._news:
                self._news = news
                self.refresh_bindings()
            self._head()

    # Folders -------------------------------------------------------------------------------------------------------------

    @property
    def _seen(self) -> list[ArchiveFolder]:
        return unfolded(self._tree, self._folded or ())

    @property
    def folder(self) -> ArchiveFolder | None:
        """The folder under the cursor."""
        seen = self._seen
        return seen[min(self.folders.cursor, len(seen) - 1)] if seen else None

    def _show_folders(self) -> None:
        seen, closed = self._seen, self._folded or set()
        self.folders.show(lambda width: [folder_line(row, row.path in closed, width) for row in seen])
        self.refresh_bindings()

    def action_fold(self) -> None:
        row = self.folder
        if row is not None and row.inner and self._folded is not None:
            self._folded ^= {row.path}
            self._show_folders()

    def on_key(self, event: events.Key) -> None:
        if event.key in ("left", "right") and self.folders.has_focus:
            event.stop()
            row = self.folder
            if row is not None and row.inner and self._folded is not None:
                if (row.path in self._folded) == (event.key == "right"):
                    self.action_fold()
            elif row is not None and event.key == "left" and "/" in row.path:
                above = row.path.rpartition("/")[0]
                self.folders.choose([one.path for one in self._seen].index(above))

    def on_choice_list_moved(self) -> None:
        super().on_choice_list_moved()
        self.refresh_bindings()

    def on_descendant_focus(self) -> None:
        self.set_class(self.rows.has_focus, "entered")
        self.refresh_bindings()

    # Messages ------------------------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        if not self.folders.has_focus:
            self.open_message()
        elif row := self.folder:
            if row.key:
                self.console.work(self._enter(row), opens=True)
            else:
                self.action_fold()

    async def _enter(self, row: ArchiveFolder) -> None:
        opened = await self.console.desk.mail.open_folder(row.key)
        known = await self.console.desk.mail.page(opened, 0, 100) if opened.total else ()
        if not self.is_there:
            return
        if self._row is None or row.key != self._row.key:
            self.forget_marks()
        self._row, self._opened, self._news = row, opened, BLANK
        self.rows.cursor = 0
        self.rows.fill(opened.total, self.fetch, self.line, known)
        self.set_class(True, "entered")
        self.show_rows(EMPTY)
        self._head()
        self.refresh_bindings()
        (self.rows if opened.total else self.folders).focus()
        self.reload()

    def _head(self) -> None:
        if self._row is not None and self._opened is not None:
            news = own("{}, {} shows it", self._news, self.console.key(NEWS)) if self._news else BLANK
            title = own("{} ({:,})", self._row.shown, self._opened.total)
            self.panel("list-panel").head(own("{}, {}", title, self.marked) if self.marked else title, news)

    def show_marks(self) -> None:
        super().show_marks()
        self._head()

    async def fetch(self, offset: int, limit: int) -> Sequence[MessageRow]:
        return await self.console.desk.mail.page(self._opened, offset, limit) if self._opened else ()

    def action_show_news(self) -> None:
        if self._row is not None:
            self.console.work(self._enter(self._row), opens=True)

    def within(self) -> MailSelection:
        """The open folder, in which its messages are selected."""
        return MailSelection(user=self._owner.key, folder=self._row.path if self._row else "")

    def selection(self) -> MailSelection:
        """The marked or chosen messages within the open folder; or the chosen folder with its subfolders."""
        if self.entered and self.rows.total:
            within = self.within()
            return replace(super().selection(), user=within.user, folder=within.folder)
        folder = self.folder
        words = own("{} of {}", folder.shown, self._owner.name) if folder else own("all of {}", self._owner.name)
        return MailSelection(user=self._owner.key, folder=folder.path if folder else "", words=words)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions on folders outside the tree."""
        if action == "fold":
            return bool(self.folders.has_focus and self.folder and self.folder.inner)
        if action == "show_news":
            return bool(self._news)
        return super().check_action(action, parameters)

    def action_search_archive(self) -> None:
        """Search in the open folder, or in all of this user's mail."""
        name = self._owner.name
        scope = SearchScope(self._owner.key, "", own("the mail of {}", name), name)
        if self.entered and self._row is not None:
            shown = self._row.shown
            scope = SearchScope(
                self._owner.key, self._row.path, own("{} of {}", shown, name), text(shown.rpartition("/")[2]) or shown
            )
        self.app.push_screen(SearchPlace(scope))

    def label(self, action: str) -> Safe:
        return own("Folders") if action == "back" and self.entered else BLANK

    def action_back(self) -> None:
        if self.entered:
            self.set_class(False, "entered")
            self.folders.focus()
            self.reload()
        else:
            self.app.pop_screen()
