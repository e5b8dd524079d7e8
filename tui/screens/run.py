"""Run: one run live, and its result when it is over. Leaving the place leaves the run alone."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions import Action, bindings
from tui.format import Line, MailboxTable, Span, bar, fit, header, join, percent, problem_lines, wrap
from tui.gateway.views import RunView, Tone
from tui.screens.confirm import Confirm
from tui.screens.place import BESIDE, Place
from tui.widgets.lines import Lines
from tui.widgets.panel import Panel

ACTIONS = (
    Action("cancel", "cancel", ("c",), "Cancel", "Stop this run; what it has archived is kept. Asks first"),
    Action("back", "back", ("escape", "q"), "Back", "Back to Home; the run goes on without this place"),
)


class RunPlace(Place):
    """One run."""

    ACTIONS = ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)
    AUTO_FOCUS = "#mailboxes"

    def __init__(self, run: int) -> None:
        super().__init__()
        self._run = run
        self._view: RunView | None = None

    def content(self) -> ComposeResult:
        with Panel(id="overall-panel"):
            yield Lines(id="overall", can_focus=False)
        with Panel(id="mailboxes-panel"):
            yield Lines(id="mailboxes-header", can_focus=False)
            yield Lines(id="mailboxes")
        with Panel(id="problems-panel"):
            yield Lines(id="problems")

    @property
    def restless(self) -> bool:
        return self._view is not None and self._view.active

    async def load(self) -> None:
        self.show(await self.console.gateway.run(self._run))

    def show(self, view: RunView) -> None:
        """Show ``view``."""
        before, self._view = self._view, view
        self.show_top(lambda width, clock: header(("Archivar", f"run {view.id}", view.profile), str(view.state), clock, width))
        width = max(self.size.width - BESIDE, 10)
        overall = self.query_one("#overall", Lines)
        overall.styles.height = len(overall_lines(view, width))
        overall.show(lambda width: overall_lines(view, width))
        self.panel("overall-panel").head(view.profile, "goes on without this window" if view.active else "")
        self.query_one("#mailboxes-header", Lines).show(lambda width: [MailboxTable(view.mailboxes, width).header])
        self.query_one("#mailboxes", Lines).show(lambda width: MailboxTable(view.mailboxes, width))
        done = f" ({view.mailboxes_done})" if view.mailboxes_done else ""
        self.panel("mailboxes-panel").head(f"Mailboxes{done}")
        self._show_problems(view, width)
        if before is None or (before.active, before.cancelling) != (view.active, view.cancelling):
            self.refresh_bindings()

    def _show_problems(self, view: RunView, width: int) -> None:
        more = view.problem_count - len(view.problems)
        lines = problem_lines(view.problems, view.notes, more, width)
        panel, problems = self.panel("problems-panel"), self.query_one("#problems", Lines)
        panel.display = bool(lines)
        panel.head(f"Problems ({view.problem_count:,})" if view.problem_count else "Warnings")
        # Many mailboxes need the room more.
        most = self.size.height // (3 if len(view.mailboxes) <= MailboxTable.FEW else 5)
        problems.styles.height = max(min(len(lines), most), 1)
        problems.show(lambda width: problem_lines(view.problems, view.notes, more, width))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what goes on can be cancelled, and only once: the key is dim then, and gone when the run is over."""
        if action != "cancel":
            return True
        if self._view is None or not self._view.active:
            return False
        return None if self._view.cancelling else True

    async def action_cancel(self) -> None:
        if view := self._view:
            question = f"Cancel run {view.id} of {view.profile}?"
            text = "What it has archived is kept, and the next run carries on where this one stops."
            await self.app.push_screen(Confirm(question, text, "cancel the run", "let it go on"), self._answered)

    def _answered(self, yes: bool | None) -> None:
        if yes:
            self.console.work(self._cancel())

    async def _cancel(self) -> None:
        await self.console.gateway.cancel(self._run)
        self.reload()

    def action_back(self) -> None:
        self.app.pop_screen()


def overall_lines(view: RunView, width: int) -> list[Line]:
    """The whole run: its state, then bar and numbers while it goes on, or how it ended."""
    state = str(view.state)
    lines: list[Line] = [
        (Span(state, view.state.tone), Span("  "), Span(join(view.facts, width - len(state) - 2, " · "), Tone.PLAIN)),
    ]
    if view.active:
        share = percent(view.fraction) if view.fraction is not None else ""
        lines.append((Span(bar(view.fraction, width - 6), Tone.BUSY), Span(fit(share, 6, right=True), Tone.STRONG)))
        lines.append((Span(join(view.counts or ("Waiting for the service to begin",), width, " · ")),))
    for sentence in view.summary:
        lines += [(Span(text),) for text in wrap(sentence, width)]
    return lines
