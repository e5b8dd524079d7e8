"""Places with a selection of archived mail, for export and restore."""

from __future__ import annotations

from tui.desk.archive.archive import MailSelection
from tui.places.place import Place
from tui.places.runs.job_form import ask_for_job
from tui.places.transfer.exporting import ExportForm
from tui.places.transfer.restoring import RestorePlace


class SelectedPlace(Place):
    """``selection`` is the selected mail."""

    def selection(self) -> MailSelection | None:
        """The selected mail; None without any."""
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
