"""An application that reports failures and continues: refusals in a box, and the place of a fault, never values."""

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

#: A worker reports to its own widget, which does not handle faults: the application must get it.
Worker.StateChanged.bubble = True
#: Errors of a job whose page was closed before its end.
GONE = (NoMatches, MountError, NoScreen)


class Failing(App[None]):
    """``note`` logs the place of a fault in the program."""

    def __init__(self, note: Callable[[str], None], **options: Any) -> None:
        super().__init__(**options)
        self._note = note

    def watch_again(self) -> None:
        """Restart the polling of the archive after a failure."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show the failure of a job; the polling restarts after it."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            if isinstance(event.worker.error, GONE) and not event.worker.node.is_attached:
                return
            self._tell(event.worker.error)
            if event.worker.name == "watch":
                self.watch_again()

    async def _dispatch_action(self, namespace: DOMNode, action_name: str, params: Any) -> bool:
        # A fault in a key's action is reported, and the console continues: otherwise it would end the place's message loop.
        try:
            return await super()._dispatch_action(namespace, action_name, params)
        except (ActionError, SkipAction):
            raise
        except Exception as error:
            self._tell(error)
            return True

    def push_screen(self, screen: Any, callback: Any = None, *args: Any, **options: Any) -> Any:
        # The callback of a box may have a fault too, or belong to a closed place.
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
        # Kept in the program: on its way to the terminal a text would be kept by tmux, and by session recorders.
        self._clipboard = text

    def _tell(self, error: BaseException) -> None:
        """Show a refusal, or that there is a fault, whose traceback is logged."""
        if isinstance(error, Refused):
            if self.screen_stack:
                self.push_screen(Trouble(error.message, error.hint))
            return
        self._note(way(error))
        # Failures while the console closes can only be logged.
        if self.screen_stack and not isinstance(self.screen, Trouble):
            self.push_screen(Trouble(own("This did not work: the console has a fault."), fault(error)))

    def _fatal_error(self) -> None:
        # Textual's own handler shows all local values, which may contain mail or a password.
        error = sys.exception()
        text = "The console has a fault and was closed. Runs go on without it; archivar shows them again.\n"
        if error:
            self._note(way(error))
        self.panic(Panel(Text(text + (fault(error) if error else "")), title="Archivar", expand=False))
