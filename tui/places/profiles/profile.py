"""One profile: its description, its next start, and its last runs."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions import PROFILE_ACTIONS
from tui.bindings import bindings
from tui.desk.home import ProfileRow, ProfileView
from tui.desk.present import BLANK, Tone, blanks, own
from tui.desk.refusals import NoProfile
from tui.desk.runs.runs import RunRow
from tui.places.place import BESIDE
from tui.places.profiles.profile_work import ProfileWork
from tui.places.runs.run import RunPlace
from tui.text.format import Line, Span, fit, header, join, wrap
from tui.widgets.lines import ChoiceList, Lines
from tui.widgets.panel import Panel
from tui.widgets.shown import tell

LABEL = 11
#: Cells for the state of a run, also of a dry run with errors.
STATE = 23


class ProfilePlace(ProfileWork):
    """One profile. ``key`` is its true name."""

    ACTIONS = PROFILE_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(PROFILE_ACTIONS)
    AUTO_FOCUS = "#runs"

    def __init__(self, key: str) -> None:
        super().__init__()
        self._key = key
        self._view: ProfileView | None = None
        self._copying = False

    def content(self) -> ComposeResult:
        with Panel(id="facts-panel"):
            yield Lines(id="facts", can_focus=False)
        with Panel(id="runs-panel"):
            yield ChoiceList(id="runs")

    async def load(self) -> None:
        try:
            view = await self.console.desk.profile(self._key)
        except NoProfile as trouble:
            # Renamed or deleted elsewhere: the page is useless.
            tell(self, trouble.message)
            self.close_place()
            return
        self.show(view)

    def saved(self, key: str) -> None:
        self._key = self._key if self._copying else key
        self._copying = False
        self.reload()

    async def _copy(self, key: str) -> None:
        self._copying = True
        await super()._copy(key)

    async def _edit(self, key: str) -> None:
        self._copying = False
        await super()._edit(key)

    def show(self, view: ProfileView) -> None:
        """Show ``view``."""
        before, self._view = self._view, view
        row = view.row
        self.show_top(lambda width, clock: header((own("Archivar"), row.name), row.state.shown, clock, width))
        facts = self.query_one("#facts", Lines)
        facts.show(lambda width: fact_lines(view, width))
        height = len(fact_lines(view, max(self.size.width - BESIDE, 10)))
        facts.styles.height = min(height, max(self.size.height - 10, 4))
        self.panel("facts-panel").head(row.name, own("next start {}", row.next_start) if row.next_start else BLANK)
        runs = view.runs
        self.query_one("#runs", ChoiceList).show(lambda width: [run_line(run, width) for run in runs] or [_NONE])
        self.panel("runs-panel").head(own("Last runs"))
        if before is None or bool(before.runs) != bool(runs) or before.row.scheduled != row.scheduled:
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable opening without a run."""
        return bool(self._view and self._view.runs) if action == "open" else True

    @property
    def restless(self) -> bool:
        return self._view is not None and self._view.row.active

    @property
    def chosen(self) -> ProfileRow | None:
        return self._view.row if self._view else None

    def gone(self) -> None:
        self.close_place()

    async def action_open(self) -> None:
        if self._view and self._view.runs:
            runs = self._view.runs
            await self.app.push_screen(RunPlace(runs[min(self.query_one("#runs", ChoiceList).cursor, len(runs) - 1)].id))

    def action_back(self) -> None:
        self.app.pop_screen()


_NONE: Line = (Span(own("It has not run yet: r runs it."), Tone.MUTED),)


def fact_lines(view: ProfileView, width: int) -> list[Line]:
    """Labels with their sentences, then warnings."""
    lines: list[Line] = []
    for label, text in view.facts:
        first, *rest = wrap(text, max(width - LABEL, 10))
        lines.append((Span(fit(label, LABEL), Tone.MUTED), Span(first)))
        lines += [(Span(blanks(LABEL)), Span(one)) for one in rest]
    for warning in view.warnings:
        first, *rest = wrap(warning, max(width - 2, 10))
        lines += [(Span(own("! "), Tone.WARN), Span(first)), *((Span(own("  ")), Span(one)) for one in rest)]
    return lines


def run_line(run: RunRow, width: int) -> Line:
    """A run: number, state, time, and result."""
    room = max(width - 8 - STATE - 18, 8)
    return (
        Span(own("{:>6}  ", run.id), Tone.MUTED),
        Span(own("{} ", fit(run.state.shown, STATE - 1)), run.state.tone),
        Span(fit(run.when, 18)),
        Span(fit(join(run.facts, room), room)),
    )
