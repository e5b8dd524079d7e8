"""The console's interface for places and pages, without the application, which imports them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, cast

from textual.app import App

from tui.bindings import Action
from tui.desk.desk import Desk
from tui.desk.present import Safe
from tui.desk.settings import SettingsView


class Shell(Protocol):
    """The application behind every screen. ``begin`` makes a missing archive, None where that is not possible."""

    begin: Callable[[], Awaitable[None]] | None
    few_colours: bool

    @property
    def desk(self) -> Desk:
        """The access to the archive; places exist only while it is open."""

    @property
    def keymap_troubles(self) -> tuple[Safe, ...]:
        """The faults of the keymap file."""

    def keymap_template(self) -> str:
        """A keymap file with the present keys."""

    def key(self, action: Action) -> Safe:
        """The key of an action, for display."""

    def reload(self) -> None:
        """Load the present place soon."""

    def opened(self) -> None:
        """Deliver the keys typed for a page that is now open."""

    def work(self, job: Coroutine[Any, Any, None], *, opens: bool = False) -> None:
        """Run ``job`` in the background; a ``Refused`` is shown. With ``opens`` it opens a page: typed keys are kept for it."""

    def follow(self, view: SettingsView) -> None:
        """Apply settings, as far as they are the console's."""

    def preview_theme(self, name: str) -> None:
        """Show a theme without saving it."""

    def end_preview(self, name: str | None) -> None:
        """Save the theme ``name``, or go back to the one before."""

    def leave(self, busy: int) -> None:
        """Close the console while ``busy`` runs are queued or active; asks first when its own jobs would stop."""

    async def action_go(self, name: str) -> None:
        """Go to a place."""

    def action_help(self) -> None:
        """Show the keys of the place in front."""


def shell_of(app: App[Any]) -> Shell:
    """The console that ``app`` is."""
    return cast("Shell", app)
