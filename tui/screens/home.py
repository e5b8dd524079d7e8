"""Home: the saved profiles, their last runs, and what needs attention."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from tui.actions import Action, bindings
from tui.format import Line, ProfileTable, Span, bullets, header, service
from tui.gateway.views import HomeView, ProfileRow, Tone
from tui.screens.place import BESIDE, Place
from tui.screens.run import RunPlace
from tui.widgets.lines import Choice, Lines
from tui.widgets.panel import Panel

ACTIONS = (
    Action("run", "run_profile", ("enter", "r"), "Run", "Run the profile and watch it; watch it if it is running"),
    Action("result", "result", ("o",), "Last result", "Open the profile's last run"),
    Action("quit", "quit_console", ("q",), "Quit", "Leave the console; runs go on without it"),
)
NO_PROFILES = (
    "No profiles yet. A profile says which mailbox is archived and where to. Write one as a file, then:",
    "    archivar profile apply FILE.toml",
    "This page shows it as soon as it is saved. archivar profile apply --help tells what stands in the file.",
)


class HomePlace(Place):
    """The first place."""

    ACTIONS = ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)
    AUTO_FOCUS = "#profiles"

    def __init__(self) -> None:
        super().__init__()
        self._view: HomeView | None = None
        self._usable = False

    def content(self) -> ComposeResult:
        with Panel(id="profiles-panel"):
            yield Lines(id="profiles-header", can_focus=False)
            yield Choice(id="profiles")
            yield Static(Content("\n".join(NO_PROFILES)), id="no-profiles")
        with Panel(id="attention-panel"):
            yield Lines(id="attention")

    async def load(self) -> None:
        self.show(await self.console.gateway.home())

    def show(self, view: HomeView) -> None:
        """Show ``view``; the chosen profile stays chosen wherever it now stands."""
        chosen = self.chosen
        self._view = view
        self.show_top(lambda width, clock: header(("Archivar", view.path), f"service {service(view)}", clock, width))
        profiles = self.query_one("#profiles", Choice)
        keys = [row.key for row in view.profiles]
        if chosen and chosen.key in keys:
            profiles.cursor = keys.index(chosen.key)
        profiles.show(lambda width: ProfileTable(view.profiles, width))
        self.query_one("#profiles-header", Lines).show(lambda width: [_headed(ProfileTable(view.profiles, width - 2).header)])
        self.panel("profiles-panel").head(f"Profiles ({len(view.profiles)})")
        for name in ("#profiles", "#profiles-header"):
            self.query_one(name).display = bool(view.profiles)
        self.query_one("#no-profiles").display = not view.profiles
        self._show_attention(view.attention)
        self._see_to_keys(bool(view.profiles))

    def _show_attention(self, found: tuple[str, ...]) -> None:
        attention = self.query_one("#attention", Lines)
        count = f" ({len(found)})" if found else ""
        self.panel("attention-panel").head(f"Needs attention{count}")
        attention.show(lambda width: bullets(found, width) if found else [(Span("✔ ", Tone.GOOD), Span("Nothing."))])
        lines = len(bullets(found, max(self.size.width - BESIDE, 10)))
        attention.styles.height = max(min(lines, self.size.height // 3), 1)

    def _see_to_keys(self, profiles: bool) -> None:
        if profiles != self._usable:
            self._usable = profiles
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is done to a profile needs one."""
        return self._usable or action not in ("run_profile", "result")

    @property
    def restless(self) -> bool:
        return self._view is not None and self._view.busy > 0

    @property
    def chosen(self) -> ProfileRow | None:
        """The profile under the cursor."""
        if self._view is None or not self._view.profiles:
            return None
        return self._view.profiles[min(self.query_one("#profiles", Choice).cursor, len(self._view.profiles) - 1)]

    async def action_run_profile(self) -> None:
        if profile := self.chosen:
            self.console.work(self._run(profile))

    async def _run(self, profile: ProfileRow) -> None:
        run = await self.console.gateway.start(profile.key)
        await self.app.push_screen(RunPlace(run))

    async def action_result(self) -> None:
        if (profile := self.chosen) is None:
            return
        if profile.last_run is None:
            self.notify(f"{profile.name} has not run yet. Enter runs it.", markup=False)
            return
        await self.app.push_screen(RunPlace(profile.last_run))

    async def action_quit_console(self) -> None:
        self.console.leave(self._view.busy if self._view else 0)


def _headed(line: Line) -> Line:
    return (Span("  "), *line)
