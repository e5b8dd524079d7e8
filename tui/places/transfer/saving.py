"""Forms that try to save: one attempt at a time, closed by the successful one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.shell import Shell, shell_of

R = TypeVar("R")


class SavingForm(ModalScreen[R]):
    """A form over a place. Keys during an attempt wait for its end: for the form, or for the next page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        # Takes precedence over the line, so that the attempt has begun before the next key.
        Binding("enter", "save", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._attempting = False

    @property
    def console(self) -> Shell:
        return shell_of(self.app)

    @property
    def opening(self) -> bool:
        """True during an attempt, as ``opening`` of a place is for its pages."""
        return self._attempting

    def attempt(self, save: Callable[[], Awaitable[R | None]]) -> None:
        """Run ``save`` in the background, and close with its result; with None a fault was shown, and the form stays."""
        if not self._attempting:
            self._attempting = True
            self.run_worker(self._attempt(save), exit_on_error=False)

    async def _attempt(self, save: Callable[[], Awaitable[R | None]]) -> None:
        result = None
        try:
            result = await save()
        finally:
            # After a success, late keys start nothing.
            self._attempting = result is not None
            if result is not None and self.is_attached and self in self.app.screen_stack:
                while self.app.screen is not self:
                    self.app.pop_screen()
                self.dismiss(result)
            self.console.opened()
