"""Settings: console looks and concurrency; and the state of the archive, its disk and its service."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions import SETTINGS_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, own, sentence
from tui.desk.settings import SettingRow, SettingsView
from tui.places.pick import Pick
from tui.places.place import Place
from tui.places.proof.proof import ProofPlace
from tui.places.settings.backups import BackupsPlace
from tui.places.settings.setting import SettingForm, fact_lines, setting_line
from tui.shell import shell_of
from tui.text.format import Line, header
from tui.widgets.lines import ChoiceList, Lines
from tui.widgets.panel import Panel
from tui.widgets.shown import tell


class SettingsPlace(Place):
    """All settings."""

    ACTIONS = SETTINGS_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(SETTINGS_ACTIONS)
    AUTO_FOCUS = "#settings"

    DEFAULT_CSS = """
    SettingsPlace #archive-panel { height: 1fr; }
    SettingsPlace #archive { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._view: SettingsView | None = None

    def content(self) -> ComposeResult:
        with Panel(id="settings-panel"):
            yield ChoiceList(id="settings")
        with Panel(id="archive-panel"):
            yield Lines(id="archive")

    async def load(self) -> None:
        view = await self.console.desk.settings.view()
        before, self._view = self._view, view
        self.show_top(lambda width, clock: header((own("Archivar"), own("Settings")), BLANK, clock, width))
        self.panel("settings-panel").head(own("Settings"))
        self.panel("archive-panel").head(own("Archive"))
        lines = self.query_one("#settings", ChoiceList)
        lines.styles.height = len(view.rows)
        lines.show(lambda width: [self._line(row, width) for row in view.rows])
        facts = [*view.facts, *((BLANK, own("! {}", text)) for text in self.console.keymap_troubles)]
        self.query_one("#archive", Lines).show(lambda width: fact_lines(facts, view.warnings, width))
        self.console.follow(view)
        if before is None or (before.service_running, before.has_keymap) != (view.service_running, view.has_keymap):
            self.refresh_bindings()

    def _line(self, row: SettingRow, width: int) -> Line:
        if row.name == "theme" and self.console.few_colours:
            row = replace(row, value=own("terminal's own"))
        return setting_line(row, width)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable starting a running service, and writing an existing keymap file."""
        if action == "start_service":
            return self._view is not None and not self._view.service_running
        return action != "write_keymap" or (self._view is not None and not self._view.has_keymap)

    # Changing ------------------------------------------------------------------------------------------------------------

    def action_change(self) -> None:
        if self._view is None:
            return
        row = self._view.rows[self.query_one("#settings", ChoiceList).cursor]
        if row.name == "theme":
            self._choose_theme(row)
        elif row.name == "mouse":
            self.console.work(self._switch(row))
        else:
            self.app.push_screen(SettingForm(row), self._changed)

    def _choose_theme(self, row: SettingRow) -> None:
        if self.console.few_colours:
            tell(self, own("This terminal has few colours, so its own are used."))
            return
        self.app.push_screen(ThemePick(sorted(self.app.available_themes), self.app.theme), self._theme)

    def _theme(self, name: str | None) -> None:
        self.console.end_preview(name)
        self.reload()

    async def _switch(self, row: SettingRow) -> None:
        await self.console.desk.settings.change(row.name, "off" if row.value == "on" else "on")
        self.reload()

    def _changed(self, changed: bool | None) -> None:
        if changed:
            self.reload()

    # Doing ---------------------------------------------------------------------------------------------------------------

    def action_start_service(self) -> None:
        self.console.work(self.start_service())

    def action_write_keymap(self) -> None:
        self.console.work(self._write_keymap())

    async def _write_keymap(self) -> None:
        path = await self.console.desk.settings.write_keymap(self.console.keymap_template())
        tell(self, own("Written: {}. It counts from the next start.", path))
        self.reload()

    async def action_proof(self) -> None:
        await self.open(ProofPlace())

    async def action_backups(self) -> None:
        await self.open(BackupsPlace())

    def action_back(self) -> None:
        self.app.pop_screen()


class ThemePick(Pick):
    """Themes; the one under the cursor is previewed at once."""

    def __init__(self, names: list[str], value: str) -> None:
        super().__init__(own("Theme"), [(name, sentence(name)) for name in names], value)

    def on_choice_list_moved(self) -> None:
        shell_of(self.app).preview_theme(self.value)
