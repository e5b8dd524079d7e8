"""Places in which something of the archive is selected: it can be given back from there."""

from __future__ import annotations

from tui.desk.archive import MailSelection
from tui.places.place import Place
from tui.places.runs.job_form import ask_for_job
from tui.places.transfer.exporting import ExportForm
from tui.places.transfer.restoring import RestorePlace


class SelectedPlace(Place):
    """``selection`` says what is meant."""

    def selection(self) -> MailSelection | None:
        """What of the archive is meant where one stands; None where nothing is."""
        raise NotImplementedError

    def action_export(self) -> None:
        if selection := self.selection():
            self.console.work(self._export(selection), opens=True)

    async def _export(self, selection: MailSelection) -> None:
        exports = self.console.desk.exports
        form = ExportForm(selection, await exports.weigh(selection), list(exports.formats()))
        await ask_for_job(self, form)

    async def action_restore(self) -> None:
        if selection := self.selection():
            await self.app.push_screen(RestorePlace(selection))
