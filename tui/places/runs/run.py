"""Run: one run live, and its result at its end. Closing the place does not affect the run."""

from __future__ import annotations

from time import monotonic
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions import RUN_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Safe, Tone, blanks, joined, own
from tui.desk.runs.run_mailboxes import LiveMailboxes, MailboxRow, ProblemRow, RunMailboxes
from tui.desk.runs.runs import RunView
from tui.places.confirm import Confirm
from tui.places.page import Page
from tui.places.place import BESIDE, Place
from tui.text.details import mailbox_details, note_details, problem_details
from tui.text.format import Line, MailboxTable, ProblemTable, Span, bar, fit, header, join, percent, wrap
from tui.widgets.lines import ChoiceList, Compose, Lines
from tui.widgets.panel import Panel

#: Seconds between two updates of the list for each mailbox at work in sight: a line is 200 bytes over SSH.
LINE_SECONDS = 0.1
#: Problems searched for the chosen one.
SEARCHED = 1000


class RunPlace(Place):
    """One run."""

    ACTIONS = RUN_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(RUN_ACTIONS)
    AUTO_FOCUS = "#mailboxes"

    def __init__(self, run: int) -> None:
        super().__init__()
        self._run = run
        self._view: RunView | None = None
        #: The mailboxes as displayed.
        self._rows: RunMailboxes[Any] = LiveMailboxes(())
        self._listed = 0.0
        #: The state that the shown keys are for.
        self._keys: tuple[bool, ...] = ()
        #: The details of a mailbox while they are shown.
        self._details: tuple[Page, MailboxRow] | None = None

    def content(self) -> ComposeResult:
        with Panel(id="overall-panel"):
            yield Lines(id="overall", can_focus=False)
        with Panel(id="mailboxes-panel"):
            yield Lines(id="mailboxes-header", can_focus=False)
            yield ChoiceList(id="mailboxes")
        with Panel(id="problems-panel"):
            yield ChoiceList(id="problems")

    @property
    def restless(self) -> bool:
        return self._view is not None and self._view.active

    async def load(self) -> None:
        self.show(await self.console.desk.run(self._run))

    def show(self, view: RunView) -> None:
        """Show ``view``."""
        before, self._view = self._view, view
        self.show_top(
            lambda width, clock: header((own("Archivar"), own("run {}", view.id), view.profile), view.state.shown, clock, width)
        )
        width = max(self.size.width - BESIDE, 10)
        overall = self.query_one("#overall", Lines)
        overall.styles.height = len(overall_lines(view, width))
        overall.show(lambda width: overall_lines(view, width))
        self.panel("overall-panel").head(view.profile, own("goes on without this window") if view.active else BLANK)
        self._show_mailboxes(view, before)
        done = own(" ({})", view.mailboxes_done) if view.mailboxes_done else BLANK
        self.panel("mailboxes-panel").head(own("Mailboxes{}", done))
        self._show_problems(view, before, width)
        self._renew_details()
        if self._keys != (keys := _keys(view)):
            self._keys = keys
            self.refresh_bindings()

    def _show_mailboxes(self, view: RunView, before: RunView | None) -> None:
        """Keep the chosen mailbox chosen; before any choice the first is in sight.

        With many at work the list is updated less often than the rest.
        """
        mailboxes = self.query_one("#mailboxes", ChoiceList)
        spared = LINE_SECONDS * min(view.mailboxes.active, mailboxes.size.height)
        if before is not None and view.active and monotonic() - self._listed < spared:
            return
        self._listed = monotonic()
        chosen = self._rows[mailboxes.cursor] if mailboxes.touched and mailboxes.cursor < len(self._rows) else None
        self._rows = view.mailboxes
        mailboxes.cursor = (self._rows.find(chosen) if chosen else 0) or 0
        mailboxes.show(lambda width: MailboxTable(view.mailboxes, width))
        indent = Span(blanks(len(ChoiceList.MARK)))
        titles = self.query_one("#mailboxes-header", Lines)
        titles.show(lambda width: [(indent, *MailboxTable(view.mailboxes, width - len(ChoiceList.MARK)).header)])

    def _show_problems(self, view: RunView, before: RunView | None, width: int) -> None:
        """Keep the chosen problem chosen: while the run is active the newest is on top, so others move down."""
        panel, problems = self.panel("problems-panel"), self.query_one("#problems", ChoiceList)
        if not problems.touched:
            problems.cursor = 0
        elif before and (chosen := _item(before, problems.cursor)) and chosen != _item(view, problems.cursor):
            there = (at for at in range(SEARCHED) if _item(view, at) == chosen)
            problems.cursor = next(there, problems.cursor)
        table = ProblemTable(view.problems, view.notes, width)
        panel.display = bool(len(table))
        more = view.problem_count - len(view.problems)
        rest = own("and {:,} more: archivar watch {} --json", more, view.id) if more > 0 else BLANK
        panel.head(own("Problems ({:,})", view.problem_count) if view.problem_count else own("Warnings"), rest)
        # With many mailboxes they need the room more.
        most = self.size.height // (3 if len(view.mailboxes) <= MailboxTable.FEW else 5)
        problems.styles.height = max(min(len(table), most), 1)
        problems.show(lambda width: ProblemTable(view.problems, view.notes, width))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable cancelling once it is requested, and hide it when the run is finished."""
        view = self._view
        if action == "details":
            return view is not None and bool(view.mailboxes or view.problems or view.notes)
        if action != "cancel":
            return True
        if view is None or not view.active:
            return False
        return None if view.cancelling else True

    async def action_details(self) -> None:
        """Open the chosen item of the focused panel."""
        view, problems = self._view, self.query_one("#problems", ChoiceList)
        if view is None:
            return
        # Not has_focus, which is set a moment after the next key.
        if self.focused is problems or not self._rows:
            title, compose = _problem_page(view, problems.cursor)
            await self.app.push_screen(Page(title, compose))
            return
        row = self._rows[self.query_one("#mailboxes", ChoiceList).cursor]
        page = Page(row.mailbox, self._mailbox_page(row))
        self._details = (page, row)
        await self.app.push_screen(page)

    def _mailbox_page(self, row: MailboxRow) -> Compose:
        view = self._view
        assert view is not None
        problems = row.problems or [problem for problem in view.problems if view.active and problem.key == row.key]
        return lambda width: mailbox_details(row, problems, view.active, width)

    def _renew_details(self) -> None:
        """Update a mailbox's details with the run."""
        if self._details is None:
            return
        page, before = self._details
        rows = self._view.mailboxes if self._view else self._rows
        at = rows.find(before)
        if not page.is_attached or at is None:
            self._details = None
            return
        page.show(self._mailbox_page(rows[at]))

    async def action_cancel(self) -> None:
        if view := self._view:
            question = own("Cancel run {} of {}?", view.id, view.profile)
            text = own("What it has archived is kept, and the next run carries on where this one stops.")
            await self.app.push_screen(Confirm(question, text, own("cancel the run"), own("let it go on")), self._answered)

    def _answered(self, yes: bool | None) -> None:
        if yes:
            self.console.work(self._cancel())

    async def _cancel(self) -> None:
        await self.console.desk.cancel(self._run)
        self.reload()

    def action_back(self) -> None:
        self.app.pop_screen()


def _keys(view: RunView) -> tuple[bool, ...]:
    """The state that the available keys depend on."""
    return view.active, view.cancelling, bool(view.mailboxes or view.problems or view.notes)


def _item(view: RunView, index: int) -> Safe | ProblemRow | None:
    """The warning or problem at this index of the list."""
    if index < len(view.notes):
        return view.notes[index]
    index -= len(view.notes)
    return view.problems[index] if index < len(view.problems) else None


def _problem_page(view: RunView, index: int) -> tuple[Safe, Compose]:
    """Title and text of a warning or problem in the list."""
    item = _item(view, index)
    if isinstance(item, ProblemRow):
        return joined(" · ", item.place), lambda width: problem_details(item, width)
    return own("Warning"), lambda width: note_details(item or BLANK, width)


def overall_lines(view: RunView, width: int) -> list[Line]:
    """The whole run: its state, then bar and numbers while active, or its result."""
    state = view.state.shown
    lines: list[Line] = [
        (Span(state, view.state.tone), Span(own("  ")), Span(join(view.facts, width - len(state) - 2, own(" · ")), Tone.PLAIN)),
    ]
    if view.active:
        share = percent(view.fraction) if view.fraction is not None else BLANK
        lines.append((Span(bar(view.fraction, width - 6), Tone.BUSY), Span(fit(share, 6, right=True), Tone.STRONG)))
        lines.append((Span(join(view.counts or (own("Waiting for the service to begin"),), width, own(" · "))),))
    for sentence in view.summary:
        lines += [(Span(text),) for text in wrap(sentence, width)]
    return lines
