"""What is done to a profile, on Home and on its own page."""

from __future__ import annotations

from tui.desk.comparisons import COMPARISONS
from tui.desk.draft import Draft
from tui.desk.home import ProfileRow
from tui.places.confirm import Confirm
from tui.places.pick import Pick
from tui.places.place import Place
from tui.places.runs.job import JobPlace
from tui.places.runs.run import RunPlace
from tui.places.wizard.wizard import WizardPlace


class ProfileWork(Place):
    """Actions on the profile that is ``chosen``. Whoever has it says which that is."""

    @property
    def chosen(self) -> ProfileRow | None:
        """The profile that is meant."""
        return None

    def saved(self, key: str) -> None:
        """A profile was saved under this key."""
        self.reload()

    def gone(self) -> None:
        """The chosen profile was deleted."""
        self.reload()

    async def action_new(self) -> None:
        self.console.work(self._new(), opens=True)

    async def _new(self) -> None:
        await self._open(await self.console.desk.drafts.new("mailbox"))

    def expect(self, draft: Draft) -> None:
        """A profile is made or changed from here or from a place above; it may be saved."""

    async def _open(self, draft: Draft, page: str = "") -> None:
        for place in self.app.screen_stack:
            if isinstance(place, ProfileWork):
                place.expect(draft)
        await self.open(WizardPlace(draft, self.saved, page))

    async def action_run_profile(self) -> None:
        if (row := self.chosen) is None:
            return
        if row.deletes and not row.active:
            text = f"{row.deletes} Each is proved to be in the archive before."
            self.app.push_screen(Confirm(f"Run {row.name}?", text, "run it", "leave it"), lambda yes: self._answered(yes, row))
        else:
            self.console.work(self._run(row), opens=True)

    def _answered(self, yes: bool | None, row: ProfileRow) -> None:
        if yes:
            self.console.work(self._run(row), opens=True)

    async def _run(self, row: ProfileRow) -> None:
        run = await self.console.desk.start(row.key)
        await self.open(RunPlace(run))

    async def action_compare(self) -> None:
        if (row := self.chosen) is None:
            return
        if (job := self.console.desk.comparing(row.key)) is not None:
            await self.open(JobPlace(job))
            return

        def take(how: str | None) -> None:
            if how is not None:
                self.console.work(self._compare(row, how), opens=True)

        await self.open(Pick(f"Compare {row.name} with the archive", COMPARISONS, COMPARISONS[0][0]), take)

    async def _compare(self, row: ProfileRow, how: str) -> None:
        await self.open(JobPlace(await self.console.desk.compare(row.key, how)))

    async def action_edit(self) -> None:
        if row := self.chosen:
            self.console.work(self._edit(row.key), opens=True)

    async def _edit(self, key: str) -> None:
        await self._edit_at(key, "")

    async def _edit_at(self, key: str, page: str) -> None:
        await self._open(await self.console.desk.drafts.edit(key), page)

    async def action_copy(self) -> None:
        if row := self.chosen:
            self.console.work(self._copy(row.key), opens=True)

    async def _copy(self, key: str) -> None:
        await self._open(await self.console.desk.drafts.copy(key))

    async def action_automatic(self) -> None:
        if (row := self.chosen) is None:
            return
        if row.scheduled:
            self.console.work(self._automatic(row))
            return
        text = "It has no schedule yet, so it is started by hand. The page Name of the profile says when it starts."
        question = Confirm(f"Give {row.name} a schedule?", text, "choose one", "leave it")
        self.app.push_screen(question, lambda yes: self._schedule(yes, row))

    def _schedule(self, yes: bool | None, row: ProfileRow) -> None:
        if yes:
            self.console.work(self._edit_at(row.key, "Name"), opens=True)

    async def _automatic(self, row: ProfileRow) -> None:
        await self.console.desk.set_automatic(row.key, not row.automatic)
        said = "is started by hand from now on" if row.automatic else "starts by itself from now on"
        self.notify(f"{row.name} {said}.", markup=False)
        self.reload()

    async def action_delete(self) -> None:
        if (row := self.chosen) is None:
            return
        text = "What it archived stays in the archive. Its password and its schedule are forgotten."
        question = Confirm(f"Delete the profile {row.name}?", text, "delete it", "keep it")
        self.app.push_screen(question, lambda yes: self._delete(yes, row))

    def _delete(self, yes: bool | None, row: ProfileRow) -> None:
        if yes:
            self.console.work(self._remove(row))

    async def _remove(self, row: ProfileRow) -> None:
        await self.console.desk.drafts.remove(row.key)
        self.notify(f"{row.name} is deleted. What it archived stays.", markup=False)
        self.gone()

    async def action_result(self) -> None:
        if (row := self.chosen) is None:
            return
        if row.last_run is None:
            self.notify(f"{row.name} has not run yet. r runs it.", markup=False)
            return
        await self.app.push_screen(RunPlace(row.last_run))
