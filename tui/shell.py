"""The console as places and pages need it, without the application itself: what is above them imports them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, cast

from textual.app import App

from tui.bindings import Action
from tui.desk.desk import Desk
from tui.desk.present import Safe
from tui.desk.settings import SettingsView


class Shell(Protocol):
    """The application behind every screen. ``begin`` makes an archive where there is none, None where that is not done."""

    begin: Callable[[], Awaitable[None]] | None
    few_colours: bool

    @property
    def desk(self) -> Desk:
        """The door to the archive; places exist only while it is open."""

    @property
    def keymap_troubles(self) -> tuple[Safe, ...]:
        """What in the keymap file could not be followed."""

    def keymap_template(self) -> str:
        """A keymap file with the present keys."""

    def key(self, action: Action) -> Safe:
        """The key of an action, as people call it."""

    def reload(self) -> None:
        """Load the present place soon."""

    def opened(self) -> None:
        """A page is there: what was typed for it meanwhile goes to it."""

    def work(self, job: Coroutine[Any, Any, None], *, opens: bool = False) -> None:
        """Do ``job`` in the background; what the core refuses is shown. It ``opens`` a page: what is typed is kept for that."""

    def follow(self, view: SettingsView) -> None:
        """Go by settings from now on, as far as they are the console's."""

    def preview_theme(self, name: str) -> None:
        """Show a theme without keeping it."""

    def end_preview(self, name: str | None) -> None:
        """Keep the theme ``name``, or go back to the one before."""

    def leave(self, busy: int) -> None:
        """Leave the console while ``busy`` runs wait or go on; asks first when a job of its own would stop with it."""

    async def action_go(self, name: str) -> None:
        """Go to a place."""

    def action_help(self) -> None:
        """Show the keys of the place in front."""


def shell_of(app: App[Any]) -> Shell:
    """The console that ``app`` is."""
    return cast("Shell", app)
