"""Backups: the settings of scheduled ones, the last one and the next, and backups by hand."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions import BACKUPS_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Tone, own
from tui.desk.transfer.backups import BackupsView
from tui.places.place import Place
from tui.places.runs.job import JobPlace
from tui.places.settings.setting import LABEL, SettingForm, fact_lines, setting_line
from tui.text import prose
from tui.text.format import header
from tui.widgets.lines import ChoiceList, Lines
from tui.widgets.panel import Panel

BACKUP = own(
    "To which folder on this machine? Best on another disk. Of an earlier backup there only what is new is copied, and runs go "
    "on meanwhile. The key to stored passwords is in it, so keep it as safe as the archive."
)
ABOUT = own(
    "With a folder the service backs up by itself, beside runs, and verifies the whole copy. Only what is new is copied. The "
    "key to stored passwords is in it, so keep it as safe as the archive. Where systemd runs the service, print its unit anew "
    "afterwards, so that it may write there."
)


class BackupsPlace(Place):
    """The settings and the state of backups."""

    ACTIONS = BACKUPS_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(BACKUPS_ACTIONS)
    AUTO_FOCUS = "#backup-settings"

    DEFAULT_CSS = """
    BackupsPlace #backups-panel { height: 1fr; }
    BackupsPlace #backups { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._view: BackupsView | None = None

    def content(self) -> ComposeResult:
        with Panel(id="backup-settings-panel"):
            yield ChoiceList(id="backup-settings")
        with Panel(id="backups-panel"):
            yield Lines(id="backups")

    async def load(self) -> None:
        view = await self.console.desk.backups.view()
        before, self._view = self._view, view
        self.show_top(lambda width, clock: header((own("Archivar"), own("Settings"), own("Backups")), BLANK, clock, width))
        self.panel("backup-settings-panel").head(own("By itself"))
        self.panel("backups-panel").head(own("Backups"))
        lines = self.query_one("#backup-settings", ChoiceList)
        lines.styles.height = len(view.rows)
        lines.show(lambda width: [setting_line(row, width, max(15, width - LABEL - 40)) for row in view.rows])
        self.query_one("#backups", Lines).show(
            lambda width: [
                *fact_lines(view.facts, view.bad, width, Tone.BAD),
                (),
                *prose.paragraph(ABOUT, width),
            ]
        )
        if before is None or before.place != view.place:
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable making the scheduled backup while no folder is set."""
        return action != "now" or (self._view is not None and bool(self._view.place))

    def action_change(self) -> None:
        if self._view is not None:
            row = self._view.rows[self.query_one("#backup-settings", ChoiceList).cursor]
            self.app.push_screen(SettingForm(row), self._changed)

    def _changed(self, changed: bool | None) -> None:
        if changed:
            self.reload()

    def action_now(self) -> None:
        self.console.work(self._now(), opens=True)

    async def _now(self) -> None:
        await self.open(JobPlace(await self.console.desk.backups.begin_scheduled()))

    def action_backup(self) -> None:
        self.console.work(self._ask_for_folder(), opens=True)

    async def _ask_for_folder(self) -> None:
        backups = self.console.desk.backups
        where, when = await backups.last()
        last = own("\n\nThe last one was made {}, to {}.", when, where) if where else BLANK

        async def begin(directory: str) -> None:
            await self.open(JobPlace(await backups.begin(directory)))

        await self.ask_until_taken(own("Backup"), own("{}{}", BACKUP, last), begin, where)

    def action_back(self) -> None:
        self.app.pop_screen()
