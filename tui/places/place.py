"""Base of all places: the top line, the footer, and loading of the view."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.css.query import NoMatches
from textual.screen import Screen

from tui.bindings import Action
from tui.desk.present import BLANK, Safe, own, text
from tui.desk.refusals import Refused
from tui.places.ask import Ask
from tui.shell import Shell, shell_of
from tui.text.format import cut
from tui.widgets.keys import KeyBar
from tui.widgets.panel import Panel
from tui.widgets.row import Row
from tui.widgets.shown import tell

R = TypeVar("R")
#: Columns of a screen that a list in a panel cannot use: borders, padding and the scroll bar.
BESIDE = 5


class Place(Screen[None]):
    """A screen between the top line and the footer. ``ACTIONS`` are all its actions."""

    ACTIONS: ClassVar[tuple[Action, ...]] = ()
    #: The place has another key for help, since ? is typed in it.
    OWN_HELP: ClassVar[bool] = False
    #: The footer has a second line with the ways to all places.
    WITH_PLACES: ClassVar[bool] = False
    #: True once it was loaded, or the reason against that was shown.
    _shown_once = False

    def compose(self) -> ComposeResult:
        yield Row(id="top")
        yield from self.content()
        yield Row(id="trouble")
        yield KeyBar(self, places=self.WITH_PLACES)

    def content(self) -> ComposeResult:
        """The widgets of the place."""
        yield from ()

    def label(self, action: str) -> Safe:
        """The present label of an action in the footer; empty for its usual one."""
        return BLANK

    @property
    def restless(self) -> bool:
        """True while something is active, so that times must advance."""
        return False

    @property
    def opening(self) -> bool:
        """True while a page of this place is on its way, for which keys are kept: at first its own."""
        return not self._shown_once

    @property
    def console(self) -> Shell:
        return shell_of(self.app)

    async def load(self) -> None:
        """Get the view and show it. May raise ``Refused``."""

    def on_mount(self) -> None:
        self.reload()

    def on_screen_resume(self) -> None:
        self._stand_behind(False)
        self.reload()

    def on_screen_suspend(self) -> None:
        self._stand_behind(True)

    def _stand_behind(self, covered: bool) -> None:
        for keys in self.query(KeyBar):
            keys.covered = covered

    def reload(self) -> None:
        """Load soon, without waiting."""
        self.console.reload()

    async def load_or_say(self) -> None:
        """Load; a refusal is shown above the footer, and earlier content stays."""
        if not self.is_mounted:
            # It has no widgets yet; it asks again when it has.
            self.call_after_refresh(self.reload)
            return
        said = BLANK
        try:
            await self.load()
        except Refused as trouble:
            said = own("! {} {}", trouble.message, trouble.hint)
        except NoMatches:
            if self.is_there:
                raise
        finally:
            if not self._shown_once:
                self._shown_once = True
                self.console.opened()
        if self.is_there:
            self.say(said)

    @property
    def is_there(self) -> bool:
        """True while this place is open. It may have been closed, with its widgets, while it was loaded."""
        return self.is_attached and self in self.app.screen_stack

    def say(self, said: Safe) -> None:
        """Show ``text`` above the footer, or clear it."""
        row = self.query_one("#trouble", Row)
        row.display = bool(said)
        row.show(lambda width: cut(own(" {}", said), width))

    def show_top(self, compose: Callable[[int, Safe], Safe]) -> None:
        """Show the top line: ``compose`` gets width and time."""
        clock = text(datetime.now().astimezone().strftime("%H:%M"))
        self.query_one("#top", Row).show(lambda width: compose(width, clock))

    async def open(self, screen: Screen[R], callback: Callable[[R | None], None] | None = None) -> None:
        """Open a screen over this place, unless another has come in front since."""
        if self.is_there and self.app.screen is self:
            await self.app.push_screen(screen, callback)

    async def ask_until_taken(
        self, question: Safe, text: Safe, take: Callable[[str], Awaitable[object]], value: str = "", wrong: Safe = BLANK
    ) -> None:
        """Ask for a line, and call ``take`` with it. A refusal is shown above the line, which stays."""

        async def attempt(answer: str) -> None:
            try:
                await take(answer)
            except Refused as trouble:
                await self.ask_until_taken(question, text, take, answer, own("! {} {}\n\n", trouble.message, trouble.hint))

        def answered(answer: str | None) -> None:
            if answer and answer.strip():
                self.console.work(attempt(answer))

        await self.open(Ask(question, own("{}{}", wrong, text), value), answered)

    def close_place(self) -> None:
        """Close this place, and all screens over it."""
        if self.is_there:
            while self.app.screen is not self:
                self.app.pop_screen()
            self.app.pop_screen()

    async def start_service(self) -> None:
        """Start the service, and report it."""
        await self.console.desk.start_service()
        tell(self, own("The service is running."))
        self.reload()

    async def action_go(self, name: str) -> None:
        """Go to another place."""
        await self.console.action_go(name)

    def panel(self, id: str) -> Panel:
        return self.query_one(f"#{id}", Panel)
