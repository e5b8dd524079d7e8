"""The first start: the archive is missing, or cannot be opened. Advice, and checking again."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from tui.actions import START_ACTIONS
from tui.bindings import bindings
from tui.desk.present import own
from tui.desk.refusals import NoArchive, Refused
from tui.places.confirm import Confirm
from tui.places.place import Place
from tui.text.format import fit
from tui.widgets.shown import shown

BEGINNING = own("""
What to do first:

  b  begins an archive here. The page after it leads to the first profile:
     a single mailbox, or all mailboxes of a server.

  q  leaves. If the archive lies elsewhere: archivar --home FOLDER.
     If it lies on a disk of its own, is that mounted?

To see how it works, with sample mailboxes and a mail server of its own:

     archivar demo

This page goes away by itself as soon as there is an archive.
""")


class StartPlace(Place):
    """Shown instead of Home while there is no archive."""

    ACTIONS = START_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(START_ACTIONS)

    def __init__(self, trouble: Refused) -> None:
        super().__init__()
        self._trouble = trouble

    def content(self) -> ComposeResult:
        yield Static(id="page")

    @property
    def opening(self) -> bool:
        """False: no page is on its way while there is no archive."""
        return False

    async def load(self) -> None:
        self.show(self._trouble)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable creating an archive where one exists that cannot be opened."""
        if action == "begin":
            return isinstance(self._trouble, NoArchive) and self.console.begin is not None
        return True

    def action_begin(self) -> None:
        text = own("A folder with mode 0700 is made, which nobody else can read. Everything that is archived will lie in it.")
        where = self._trouble.hint or own("here")
        self.app.push_screen(
            Confirm(own("Begin an archive in {}?", where), text, own("begin it"), own("leave it")), self._answered
        )

    def _answered(self, yes: bool | None) -> None:
        if yes:
            self.console.work(self._begin())

    async def _begin(self) -> None:
        if self.console.begin is not None:
            await self.console.begin()
        self.reload()

    def on_mount(self) -> None:
        self.show(self._trouble)

    def show(self, trouble: Refused) -> None:
        """Show the reason why there is no Home, and the remedy."""
        if (type(trouble), trouble.message) != (type(self._trouble), self._trouble.message):
            self._trouble = trouble
            self.refresh_bindings()
        self.show_top(lambda width, clock: own("{} {} ", fit(own(" Archivar"), width - 7), clock))
        text = (
            own("{}\n{}", trouble.message, BEGINNING)
            if isinstance(trouble, NoArchive)
            else own("! {}\n\n{}", trouble.message, trouble.hint)
        )
        self.query_one("#page", Static).update(shown(text))

    def action_again(self) -> None:
        self.reload()

    def action_quit_console(self) -> None:
        self.console.leave(0)
