"""The first start: there is no archive yet, or it cannot be opened. What to do, and looking again."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from tui.actions import Action, bindings
from tui.format import fit
from tui.gateway.views import NoArchive, Refused
from tui.screens.place import Place

ACTIONS = (
    Action("again", "again", ("r",), "Look again", "See whether the archive is there now"),
    Action("quit", "quit_console", ("q",), "Quit", "Leave the console"),
)
BEGINNING = """
To see how it works, with sample mailboxes and a mail server of its own:

    archivar demo

To begin an archive, say whose mail it is and which mailbox it comes from:

    archivar user add alice --email alice@example.test
    archivar profile apply alice.toml
    archivar run Alice

This page goes away by itself as soon as there is an archive.
archivar --help lists all commands; --home FOLDER names another place.
"""


class StartPlace(Place):
    """Shown instead of Home while there is nothing to show."""

    ACTIONS = ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)

    def __init__(self, trouble: Refused) -> None:
        super().__init__()
        self._trouble = trouble

    def content(self) -> ComposeResult:
        yield Static(id="page")

    async def load(self) -> None:
        self.show(self._trouble)

    def on_mount(self) -> None:
        self.show(self._trouble)

    def show(self, trouble: Refused) -> None:
        """Why there is no Home, and what to do."""
        self._trouble = trouble
        self.show_top(lambda width, clock: fit(" Archivar", width - 7) + f" {clock} ")
        text = f"{trouble.message}\n{BEGINNING}" if isinstance(trouble, NoArchive) else f"! {trouble.message}\n\n{trouble.hint}"
        self.query_one("#page", Static).update(Content(text))

    def action_again(self) -> None:
        self.reload()

    def action_quit_console(self) -> None:
        self.console.leave(0)
