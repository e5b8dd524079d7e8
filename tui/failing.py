"""An application that tells what fails and goes on: in a box what the core refuses, and of a fault its place, never values."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

from rich.panel import Panel
from rich.text import Text
from textual.actions import ActionError, SkipAction
from textual.app import App
from textual.css.query import NoMatches
from textual.dom import DOMNode, NoScreen
from textual.widget import MountError
from textual.worker import Worker, WorkerState

from tui.desk.present import own
from tui.desk.refusals import Refused, fault, way
from tui.places.trouble import Trouble

#: A worker tells the widget that it belongs to, which knows no answer to a fault: the application has to hear of it.
Worker.StateChanged.bubble = True
#: What a job meets when it comes back to a page that was left meanwhile.
GONE = (NoMatches, MountError, NoScreen)


class Failing(App[None]):
    """``note`` writes where in the program a fault was to a log."""

    def __init__(self, note: Callable[[str], None], **options: Any) -> None:
        super().__init__(**options)
        self._note = note

    def watch_again(self) -> None:
        """The watch over the archive has failed: begin it anew."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A job that failed becomes a message; the watch begins anew behind it."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            if isinstance(event.worker.error, GONE) and not event.worker.node.is_attached:
                return
            self._tell(event.worker.error)
            if event.worker.name == "watch":
                self.watch_again()

    async def _dispatch_action(self, namespace: DOMNode, action_name: str, params: Any) -> bool:
        # A fault behind a key is told, and the console goes on: left alone it would end the place's loop of messages.
        try:
            return await super()._dispatch_action(namespace, action_name, params)
        except (ActionError, SkipAction):
            raise
        except Exception as error:
            self._tell(error)
            return True

    def push_screen(self, screen: Any, callback: Any = None, *args: Any, **options: Any) -> Any:
        # What a box answers to may have a fault too, or may be a place that is gone.
        return super().push_screen(screen, self._guarded(callback) if callback else None, *args, **options)

    def _guarded(self, callback: Callable[[Any], Any]) -> Callable[[Any], Awaitable[None]]:
        async def answered(answer: Any) -> None:
            try:
                done = callback(answer)
                if isinstance(done, Awaitable):
                    await done
            except Exception as error:
                self._tell(error)

        return answered

    def copy_to_clipboard(self, text: str) -> None:
        # Kept in the program: on its way to the terminal a text passes tmux, which keeps it, and whatever records the session.
        self._clipboard = text

    def _tell(self, error: BaseException) -> None:
        """Show what the core refused, or that there is a fault, of which the log has the way."""
        if isinstance(error, Refused):
            if self.screen_stack:
                self.push_screen(Trouble(error.message, error.hint))
            return
        self._note(way(error))
        # Of what fails while the console closes only the log can tell.
        if self.screen_stack and not isinstance(self.screen, Trouble):
            self.push_screen(Trouble(own("This did not work: the console has a fault."), fault(error)))

    def _fatal_error(self) -> None:
        # Textual's own shows a traceback with all local values, in which there may be mail or a password.
        error = sys.exception()
        text = "The console has a fault and was closed. Runs go on without it; archivar shows them again.\n"
        if error:
            self._note(way(error))
        self.panic(Panel(Text(text + (fault(error) if error else "")), title="Archivar", expand=False))
