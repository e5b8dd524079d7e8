"""A search in the archive: a line for the query, and its results below."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static

from tui.actions import SEARCH_ACTIONS
from tui.bindings import bindings
from tui.desk import present
from tui.desk.archive.archive import MailSelection
from tui.desk.archive.message import MessageRow
from tui.desk.archive.search import EVERYTHING, BadQuery, IndexProgress, Question, Results, SearchOrder, SearchScope
from tui.desk.present import BLANK, Safe, blanks, cell_len, joined, own
from tui.desk.refusals import Refused
from tui.places.archive.archive_list import MessageList
from tui.places.archive.search_line import LABEL, QueryLine
from tui.places.page import Page
from tui.text.format import cut, header
from tui.text.mail import messages
from tui.text.syntax import syntax_lines
from tui.widgets.inputs import SearchBar
from tui.widgets.paged import PAGE
from tui.widgets.shown import shown, tell

BEGIN = own(
    "Type what to find, then press enter. A few words are enough:\n\n"
    "    offer steel                 both words, anywhere in the mail\n"
    "    from:anna after:2024-05     by whom, and when\n"
    "    filename:pdf larger:5MB     attachments, and size\n\n"
)


class SearchPlace(MessageList):
    """A search that begins within ``scope``."""

    where = True
    ACTIONS = SEARCH_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(SEARCH_ACTIONS)
    AUTO_FOCUS = "QueryLine"

    DEFAULT_CSS = """
    SearchPlace #wrong { display: none; height: auto; max-height: 4; padding: 0 1; }
    """

    def __init__(self, scope: SearchScope = EVERYTHING) -> None:
        super().__init__()
        self._begun_in = self._scope = scope
        self._order = SearchOrder.NEWEST
        #: The running search, the last finished one, and the index's progress then.
        self._sought: Question | None = None
        self._question: Question | None = None
        self._results: Results | None = None
        self._progress = IndexProgress(0, 0)
        self._reached = 0
        self._all = False
        #: The position of an error in the query.
        self._at: int | None = None
        self._trouble = BLANK
        #: The position in the history of queries, and the text being typed before.
        self._back = 0
        self._draft = ""

    def content(self) -> ComposeResult:
        yield SearchBar(own("words, from:, subject:, after:2024-05 …"), id="search", line=QueryLine)
        yield Static(id="wrong", classes="wrong")
        yield from self.list_panels()

    @property
    def search(self) -> SearchBar:
        return self.query_one("#search", SearchBar)

    @property
    def typing(self) -> bool:
        """True when the line has the focus, or will have it once the place is in front."""
        return self.focused in (self.search.line, None)

    async def load(self) -> None:
        self.show_top(lambda width, clock: header((own("Archive"), own("Search")), BLANK, clock, width))
        self.search.call(cut(own("Search {}", self._scope.short), LABEL))
        self._progress = await self.console.desk.search.progress()
        self._show_state()

    @property
    def restless(self) -> bool:
        return bool(self._progress.behind)

    # Results -------------------------------------------------------------------------------------------------------------

    def _show_state(self) -> None:
        """Show the head of the list, and a text while there is no result."""
        found = self._results
        if self._sought is not None and (found is None or self._sought is not self._question):
            title = own("Searching …")
        elif found is None:
            title = own("Search")
        else:
            title = self._count(found)
            if self.marked:
                title = own("{}, {}", title, self.marked)
        self.panel("list-panel").head(title, joined(" · ", [own("in {}", self._scope.words), *self._pending()]))
        if not self.rows.total:
            self.show_rows(self._empty())
        self.refresh_bindings()

    def _count(self, found: Results) -> Safe:
        if not found.complete:
            return own("{:,} found so far, still searching", len(found))
        if self._question is not None and self._question.order is SearchOrder.RELEVANCE:
            best = own(", the best {:,} of them", len(found)) if found.total > len(found) else BLANK
            return own("{:,} found{}, by relevance", found.total, best)
        return own("{:,} found, newest first", found.total) if found.total else own("Nothing found")

    def _pending(self) -> list[Safe]:
        """Remarks on messages that cannot be found yet, or could be found now."""
        if self._progress.behind:
            nobody = own(", and nobody indexes them") if self._progress.fault else BLANK
            return [own("{} cannot be found yet{}", messages(self._progress.behind), nobody)]
        if self._results is not None and self._progress.unreadable:
            return [own("{} not readable by search", messages(self._progress.unreadable))]
        key = own("enter") if self.typing else self.console.key(AGAIN)
        return [own("more came, {} searches again", key)] if self._more else []

    @property
    def _more(self) -> bool:
        """True when more was indexed since the search."""
        return self._results is not None and self._results.complete and self._progress.reached > self._reached

    def _empty(self) -> Safe:
        syntax = own("  {}  shows all that can be asked", self.console.key(SYNTAX))
        if self._sought is not None and self._sought is not self._question:
            return own("Searching …")
        if self._results is None or self._question is None:
            text = joined("", (BEGIN, syntax))
        elif not self._results.complete:
            return own("Searching …")
        else:
            sought = present.text(self._question.text)
            text = own("Nothing is found in {} for: {}\n\n{}", self._question.scope.words, sought, syntax)
            if self._question.scope != EVERYTHING:
                text = own("{}\n  {}  searches everybody's mail", text, self.console.key(WIDEN))
        if self._progress.behind:
            text = own("{}\n\n! {} cannot be found yet: the index is being made.", text, messages(self._progress.behind))
            if self._progress.fault:
                text = own("{}\n! It is not being made: {}", text, self._progress.fault)
        return text

    def _look(self, *, order: SearchOrder | None = None, scope: SearchScope | None = None) -> None:
        """Search for the line's text; a running search is cancelled."""
        self._order, self._scope = order or self._order, scope or self._scope
        self._sought = Question(self.search.value, self._scope, self._order)
        self._say(BLANK)
        self._show_state()
        self.run_worker(self._find(self._sought), group="search", exclusive=True, exit_on_error=False)

    async def _find(self, question: Question) -> None:
        desk = self.console.desk.search
        try:
            reached = (await desk.progress()).reached
            async with aclosing(desk.find(question)) as found:
                async for results in found:
                    if not self.is_there:
                        return
                    if results is not self._results:
                        await self._take(question, results, reached)
                    else:
                        self.rows.grow(len(results))
                    self._show_state()
        except Refused as trouble:
            if self._sought is question and self.is_there:
                self._refuse(question, trouble)

    async def _take(self, question: Question, results: Results, reached: int) -> None:
        """Show other results from now on."""
        known = await results.page(0, PAGE)
        if not self.is_there:
            return
        before = self._question
        if before is not None and (before.text != question.text or question.scope not in (before.scope, EVERYTHING)):
            self._all = False
            self.forget_marks()
        self._question, self._results, self._reached = question, results, reached
        self.rows.cursor = 0
        self.rows.fill(len(results), self.fetch, self.line, known)
        self.show_rows(self._empty())

    def _refuse(self, question: Question, trouble: Refused) -> None:
        """Show an error; earlier results stay."""
        self._sought = None
        if self._question is not None:
            self._order, self._scope = self._question.order, self._question.scope
            self.search.call(cut(own("Search {}", self._scope.short), LABEL))
        if isinstance(trouble, BadQuery):
            line = self.search.line
            # Searches drop leading blanks.
            self._at = trouble.position + len(line.value) - len(line.value.lstrip())
            at = cell_len(line.value[: self._at]) - line.scroll_offset.x
            if not 0 <= at < line.size.width:
                line.cursor_position = self._at
            self.set_focus(line)
        self._say(joined(" ", filter(None, (trouble.message, trouble.hint))))
        self._show_state()

    def _say(self, trouble: Safe) -> None:
        """Show the error below the line, at its position if known."""
        self._trouble = trouble
        if not trouble:
            self._at = None
        # The line scrolls only when it is drawn.
        self.call_after_refresh(self._show_wrong)

    def _show_wrong(self) -> None:
        wrong = self.query_one("#wrong", Static)
        wrong.display = bool(self._trouble)
        text = own("! {}", self._trouble)
        if self._at is not None:
            line = self.search.line
            at = line.region.x - wrong.content_region.x + cell_len(line.value[: self._at]) - line.scroll_offset.x
            text = own("{}^\n{}", blanks(max(min(at, self.size.width - 3), 0)), text)
        wrong.update(shown(text))

    async def fetch(self, offset: int, limit: int) -> Sequence[MessageRow]:
        return await self._results.page(offset, limit) if self._results is not None else ()

    def on_resize(self, event: events.Resize) -> None:
        if self._trouble:
            self.call_after_refresh(self._show_wrong)

    # The line ------------------------------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._at is not None and event.value != "":
            # The error stays until the next search, but its position has moved.
            self._at = None
            self._show_wrong()
        self.refresh_bindings()

    @property
    def _shown_already(self) -> bool:
        """True when the list shows the results of the line's text."""
        asked = self._question
        same = asked is not None and asked.text == self.search.value and self._sought in (None, asked) and not self._trouble
        return same and bool(self.rows.total) and not self._more

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._shown_already:
            self.set_focus(self.rows)
        else:
            self._back = 0
            self._look()

    def on_key(self, event: events.Key) -> None:
        if not self.typing or event.key not in ("up", "down"):
            return
        event.stop()
        if event.key == "down" and not self._back:
            if self.rows.total:
                self.set_focus(self.rows)
            return
        self._recall(1 if event.key == "up" else -1)

    def _recall(self, step: int) -> None:
        """Put an earlier query into the line."""
        asked = self.console.desk.search.asked
        if not self._back:
            self._draft = self.search.line.value
            # Not the query that is there already.
            asked = asked[:-1] if asked and asked[-1] == self._draft.strip() else asked
        self._back = min(max(self._back + step, 0), len(asked))
        value = asked[-self._back] if self._back else self._draft
        self.search.line.value = value
        self.search.line.cursor_position = len(value)

    # Doing ---------------------------------------------------------------------------------------------------------------

    def on_descendant_focus(self) -> None:
        self._show_state()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions on messages outside the list."""
        if action in ("open", "export", "restore"):
            return self.among_rows and bool(self.rows.total)
        if action == "search_archive":
            return not self.typing
        if action == "all":
            return self.among_rows and bool(self.rows.total) and not self._all
        if action == "again":
            return self.among_rows and self._more
        if action == "widen":
            return self._begun_in != EVERYTHING
        return super().check_action(action, parameters)

    def label(self, action: str) -> Safe:
        """The effect of the next press."""
        if action == "submit":
            return own("To the list") if self._shown_already else BLANK
        if action == "order":
            return own("Newest first") if self._order is SearchOrder.RELEVANCE else BLANK
        if action == "widen" and self._scope == EVERYTHING:
            return own("Only {}", cut(self._begun_in.short, 12))
        return own("To the line") if action == "back" and self.among_rows else BLANK

    def action_open(self) -> None:
        self.open_message()

    def action_search_archive(self) -> None:
        self.search.line.cursor_position = len(self.search.line.value)
        self.set_focus(self.search.line)

    def action_syntax(self) -> None:
        self.app.push_screen(Page(own("How to search"), syntax_lines))

    def action_order(self) -> None:
        self._turn(order=SearchOrder.NEWEST if self._order is SearchOrder.RELEVANCE else SearchOrder.RELEVANCE)

    def action_widen(self) -> None:
        self._turn(scope=self._begun_in if self._scope == EVERYTHING else EVERYTHING)

    def _turn(self, *, order: SearchOrder | None = None, scope: SearchScope | None = None) -> None:
        """Change order or scope; a search is repeated at once."""
        if self.search.value and self._question is not None:
            self._look(order=order, scope=scope)
        else:
            self._order, self._scope = order or self._order, scope or self._scope
            self._show_state()
        self.search.call(cut(own("Search {}", self._scope.short), LABEL))

    def action_again(self) -> None:
        if self._question is not None:
            self.search.line.value = self._question.text
            self._look()

    def action_back(self) -> None:
        if self.typing:
            self.app.pop_screen()
        else:
            self.action_search_archive()

    # Marks ---------------------------------------------------------------------------------------------------------------

    def is_marked(self, row: MessageRow) -> bool:
        return self._all or super().is_marked(row)

    @property
    def marked(self) -> Safe:
        return own("all {:,} marked", self._results.total) if self._all and self._results else super().marked

    def show_marks(self) -> None:
        super().show_marks()
        self._show_state()

    def action_all(self) -> None:
        self._marks.clear()
        self._all = True
        self.show_marks()

    def action_mark(self) -> None:
        if self._all:
            self._all = False
            tell(self, own("All that was found was marked; now only this one is."))
        super().action_mark()

    def action_unmark(self) -> None:
        self._all = False
        super().action_unmark()

    def within(self) -> MailSelection:
        """The scope of the search: results are selected within it."""
        if self._question is None or self._results is None:
            return MailSelection()
        scope = self._question.scope
        return MailSelection(scope.user, scope.folder, folders=self._results.folders)

    def selection(self) -> MailSelection:
        """All results, or the marked messages, or the chosen one, within the scope of the search."""
        asked, found = self._question, self._results
        if not self._all or asked is None or found is None:
            within = self.within()
            return replace(super().selection(), user=within.user, folder=within.folder, folders=within.folders)
        words = own("{} found in {} for: {}", messages(found.total), asked.scope.words, present.text(asked.text))
        return MailSelection(asked.scope.user, asked.scope.folder, asked.text, words=words)


AGAIN, SYNTAX, WIDEN = (
    next(one for one in SEARCH_ACTIONS if one.id == name) for name in ("search-again", "search-syntax", "search-widen")
)
