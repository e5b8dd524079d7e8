"""Forms that try to save what was typed: one attempt at a time, and closed once by the one that succeeds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.shell import Shell, shell_of

R = TypeVar("R")


class SavingForm(ModalScreen[R]):
    """A form over a place. What is typed during an attempt waits for its end: for the form, or for what comes then."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        # Before the line in which it is pressed, so that the attempt has begun when the next key is looked at.
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
        """True while an attempt is under way, as places have it for their pages."""
        return self._attempting

    def attempt(self, save: Callable[[], Awaitable[R | None]]) -> None:
        """Do ``save`` in the background, and close with its result; None: what is wrong was told, and the form stays."""
        if not self._attempting:
            self._attempting = True
            self.run_worker(self._attempt(save), exit_on_error=False)

    async def _attempt(self, save: Callable[[], Awaitable[R | None]]) -> None:
        result = None
        try:
            result = await save()
        finally:
            # After a success nothing is begun any more by what still arrives here.
            self._attempting = result is not None
            if result is not None and self.is_attached and self in self.app.screen_stack:
                while self.app.screen is not self:
                    self.app.pop_screen()
                self.dismiss(result)
            self.console.opened()
