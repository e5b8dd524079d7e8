"""Forms that begin a job of the console."""

from __future__ import annotations

from tui.places.place import Place
from tui.places.runs.job import JobPlace
from tui.places.transfer.saving import SavingForm
from tui.widgets.form import Form


class JobForm(SavingForm[int | None]):
    """The number of the job that was begun, or None after escape."""

    async def begin(self, form: Form) -> int | None:
        """Begin the form's job; its number, or None when a fault was shown in the form."""
        raise NotImplementedError

    def action_save(self) -> None:
        self.attempt(lambda: self.begin(self.query_one(Form)))

    def action_close(self) -> None:
        self.dismiss(None)


async def ask_for_job(place: Place, form: JobForm) -> None:
    """Open ``form`` over ``place``, and show the job once it has begun."""

    def begun(job: int | None) -> None:
        if job is not None:
            place.app.push_screen(JobPlace(job))

    await place.open(form, begun)
