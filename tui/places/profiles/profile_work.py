"""Actions on a profile, on Home and on its own page."""

from __future__ import annotations

from tui.desk.home import ProfileRow
from tui.desk.present import own
from tui.desk.profiles.draft import ProfileDraft
from tui.desk.runs.comparisons import COMPARISONS
from tui.places.confirm import Confirm
from tui.places.pick import Pick
from tui.places.place import Place
from tui.places.runs.job import JobPlace
from tui.places.runs.run import RunPlace
from tui.places.wizard.wizard import WizardPlace
from tui.widgets.shown import tell


class ProfileWork(Place):
    """Actions on the profile that is ``chosen``, which subclasses define."""

    @property
    def chosen(self) -> ProfileRow | None:
        """The chosen profile."""
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

    def expect(self, draft: ProfileDraft) -> None:
        """Expect a profile to be saved from here or from a place above."""

    async def _open(self, draft: ProfileDraft, page: str = "") -> None:
        for place in self.app.screen_stack:
            if isinstance(place, ProfileWork):
                place.expect(draft)
        await self.open(WizardPlace(draft, self.saved, page))

    async def action_run_profile(self) -> None:
        if (row := self.chosen) is None:
            return
        if row.deletes and not row.active:
            text = own("{} Each is proved to be in the archive before.", row.deletes)
            self.app.push_screen(
                Confirm(own("Run {}?", row.name), text, own("run it"), own("leave it")), lambda yes: self._answered(yes, row)
            )
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

        await self.open(Pick(own("Compare {} with the archive", row.name), COMPARISONS, COMPARISONS[0][0]), take)

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
        text = own("It has no schedule yet, so it is started by hand. The page Name of the profile says when it starts.")
        question = Confirm(own("Give {} a schedule?", row.name), text, own("choose one"), own("leave it"))
        self.app.push_screen(question, lambda yes: self._schedule(yes, row))

    def _schedule(self, yes: bool | None, row: ProfileRow) -> None:
        if yes:
            self.console.work(self._edit_at(row.key, "Name"), opens=True)

    async def _automatic(self, row: ProfileRow) -> None:
        await self.console.desk.set_automatic(row.key, not row.automatic)
        said = own("is started by hand from now on") if row.automatic else own("starts by itself from now on")
        tell(self, own("{} {}.", row.name, said))
        self.reload()

    async def action_delete(self) -> None:
        if (row := self.chosen) is None:
            return
        text = own("What it archived stays in the archive. Its password and its schedule are forgotten.")
        question = Confirm(own("Delete the profile {}?", row.name), text, own("delete it"), own("keep it"))
        self.app.push_screen(question, lambda yes: self._delete(yes, row))

    def _delete(self, yes: bool | None, row: ProfileRow) -> None:
        if yes:
            self.console.work(self._remove(row))

    async def _remove(self, row: ProfileRow) -> None:
        await self.console.desk.drafts.remove(row.key)
        tell(self, own("{} is deleted. What it archived stays.", row.name))
        self.gone()

    async def action_result(self) -> None:
        if (row := self.chosen) is None:
            return
        if row.last_run is None:
            tell(self, own("{} has not run yet. r runs it.", row.name))
            return
        await self.app.push_screen(RunPlace(row.last_run))
