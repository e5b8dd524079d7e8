"""A job of the console: its progress, its end, and its problems."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions import JOB_ACTIONS
from tui.bindings import bindings
from tui.desk.jobs import JobView
from tui.desk.present import BLANK, Tone, own
from tui.places.confirm import Confirm
from tui.places.place import BESIDE, Place
from tui.text import prose
from tui.text.format import Line, Span, bar, bullets, fit, header, join, percent
from tui.widgets.lines import Lines
from tui.widgets.panel import Panel


class JobPlace(Place):
    """The job of this number."""

    ACTIONS = JOB_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(JOB_ACTIONS)
    AUTO_FOCUS = "#troubles"

    DEFAULT_CSS = """
    JobPlace #job-panel { height: auto; }
    JobPlace #job { height: 3; }
    JobPlace #trouble-panel { height: 1fr; }
    JobPlace #troubles { height: 1fr; }
    """

    def __init__(self, key: int) -> None:
        super().__init__()
        self._key = key
        self._view: JobView | None = None

    def content(self) -> ComposeResult:
        with Panel(id="job-panel"):
            yield Lines(id="job", can_focus=False)
        with Panel(id="trouble-panel"):
            yield Lines(id="troubles")

    @property
    def restless(self) -> bool:
        return self._view is None or self._view.active

    async def load(self) -> None:
        jobs = self.console.desk.jobs
        view = jobs.view(self._key)
        before, self._view = self._view, view
        jobs.seen(self._key)
        self.show_top(lambda width, clock: header((own("Archivar"), view.kind), view.state.shown, clock, width))
        self.panel("job-panel").head(view.kind, own("goes on while the console is open") if view.active else BLANK)
        width = max(self.size.width - BESIDE, 10)
        job = self.query_one("#job", Lines)
        job.styles.height = len(job_lines(view, width))
        job.show(lambda width: job_lines(view, width))
        problems = self.panel("trouble-panel")
        problems.display = bool(view.problems)
        more = view.problem_count - len(view.problems)
        problems.head(own("Problems ({:,})", view.problem_count), own("and {:,} more", more) if more > 0 else BLANK)
        self.query_one("#troubles", Lines).show(lambda width: bullets(view.problems, width))
        if before is None or (before.active, before.stopping) != (view.active, view.stopping):
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable stopping of a finished or stopping job."""
        if action != "stop":
            return True
        if self._view is None or not self._view.active:
            return False
        return None if self._view.stopping else True

    async def action_stop(self) -> None:
        if view := self._view:
            text = own("{}\n\nWhat it did stays. {}", view.title, view.again)
            await self.app.push_screen(Confirm(own("Stop it?"), text, own("stop it"), own("let it go on")), self._answered)

    def _answered(self, yes: bool | None) -> None:
        if yes:
            self.console.desk.jobs.stop(self._key)
            self.reload()

    def action_back(self) -> None:
        self.app.pop_screen()


def job_lines(view: JobView, width: int) -> list[Line]:
    """The work and its state, then bar, numbers and current item while active, or its result."""
    lines = [*prose.paragraph(view.title, width, Tone.STRONG), (Span(view.state.shown, view.state.tone),)]
    if view.active:
        share = percent(view.fraction) if view.fraction is not None else BLANK
        lines.append((Span(bar(view.fraction, width - 6), Tone.BUSY), Span(fit(share, 6, right=True), Tone.STRONG)))
        lines.append((Span(join(view.facts, width, own(" · "))),))
        lines.append((Span(fit(view.where, width), Tone.MUTED),))
    for sentence in view.result:
        lines += [(), *prose.paragraph(sentence, width)] if sentence == view.result[0] else prose.paragraph(sentence, width)
    return lines
