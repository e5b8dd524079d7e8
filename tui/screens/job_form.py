"""Forms that begin a job of the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.screens.job import JobPlace
from tui.screens.place import Place
from tui.widgets.form import Form

if TYPE_CHECKING:
    from tui.console import Console


class JobForm(ModalScreen[int | None]):
    """The number of the job that was begun, or None after escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("enter", "begin", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._beginning = False

    @property
    def console(self) -> Console:
        return cast("Console", self.app)

    async def begin(self, form: Form) -> int | None:
        """Begin what the form says; the number of the job, or None when what is wrong with it was told in the form."""
        raise NotImplementedError

    def on_form_done(self, event: Form.Done) -> None:
        event.stop()
        self.action_begin()

    def action_begin(self) -> None:
        if not self._beginning:
            self._beginning = True
            self.run_worker(self._begin(), exit_on_error=False)

    async def _begin(self) -> None:
        try:
            job = await self.begin(self.query_one(Form))
        finally:
            self._beginning = False
        if job is not None:
            self.dismiss(job)

    def action_close(self) -> None:
        self.dismiss(None)


async def ask_for_job(place: Place, form: JobForm) -> None:
    """Open ``form`` over ``place``, and show the job when it has begun."""

    def begun(job: int | None) -> None:
        if job is not None:
            place.app.push_screen(JobPlace(job))

    await place.open(form, begun)
