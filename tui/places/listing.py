"""A place with a long list: fetched in pages, with the details of the chosen line below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.widgets import Static

from tui.bindings import Action
from tui.desk.present import BLANK, Safe, Tone, blanks, joined, own
from tui.places.place import Place
from tui.text.format import Line, Span, cut, fit, header, wrap
from tui.widgets.lines import Lines
from tui.widgets.paged import PAGE, PagedChoice
from tui.widgets.panel import Panel
from tui.widgets.shown import shown

R = TypeVar("R")

#: A column of a list: text of the cell, tone, width in cells, True for alignment to the right.
Cell = tuple[Safe, Tone, int, bool]


class ListingPlace(Place, Generic[R]):
    """``EMPTY`` is the text of an empty list. The chosen row stays chosen while others come before it."""

    EMPTY: ClassVar[Safe] = BLANK
    DETAIL_LINES: ClassVar[int] = 4
    #: The actions that need a chosen line.
    NEEDING: ClassVar[tuple[str, ...]] = ()
    AUTO_FOCUS = "#rows"

    DEFAULT_CSS = """
    ListingPlace #list-panel { height: 1fr; }
    ListingPlace #rows-header { height: 1; }
    ListingPlace #rows { height: 1fr; }
    ListingPlace #empty { display: none; height: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[object, ...] = ()
        self._filter: tuple[str, ...] = ()

    def content(self) -> ComposeResult:
        with Panel(id="list-panel"):
            yield Lines(id="rows-header", can_focus=False)
            yield PagedChoice[R](id="rows")
            yield Static(id="empty")
        with Panel(id="detail-panel"):
            yield Lines(id="detail", can_focus=False)

    # Defined by each list ------------------------------------------------------------------------------------------------

    def words(self) -> Sequence[Safe]:
        """The texts of the top line."""
        return ()

    def titles(self, total: int) -> tuple[Safe, Safe]:
        """The texts on the panel, above and below."""
        return BLANK, BLANK

    async def count(self) -> int:
        raise NotImplementedError

    async def page(self, offset: int, limit: int) -> Sequence[R]:
        raise NotImplementedError

    async def position(self, row: R) -> int:
        """The present index of a row."""
        raise NotImplementedError

    def heading(self, width: int) -> Line:
        return ()

    def line(self, row: R, width: int) -> Line:
        raise NotImplementedError

    def sentences(self, row: R) -> Sequence[Safe]:
        """The details of a row."""
        return ()

    def empty(self) -> Safe:
        return self.EMPTY

    # Showing it ----------------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> PagedChoice[R]:
        return self.query_one("#rows", PagedChoice)

    async def load(self) -> None:
        self.show_top(lambda width, clock: header((own("Archivar"), *self.words()), BLANK, clock, width))
        rows, cursor, asked = self.rows, self.rows.cursor, self._filter
        total = await self.count()
        at = await self.position(chosen) if (chosen := rows.chosen) is not None and self._shown else 0
        # Keys pressed since move on from there.
        at = min(max(at + rows.cursor - cursor, 0), max(total - 1, 0))
        page = at // PAGE
        known = await self.page(page * PAGE, PAGE)
        if asked != self._filter:
            return
        found = (total, page, tuple(known))
        if found != self._shown:
            first, self._shown = not self._shown, found
            rows.cursor = at
            rows.fill(total, self.page, self.line, known, page)
            self.query_one("#rows-header", Lines).show(lambda width: [(Span(own("  ")), *self.heading(width - 2))])
            for name in ("#rows", "#rows-header"):
                self.query_one(name).display = bool(total)
            self.panel("detail-panel").display = bool(total)
            empty = self.query_one("#empty", Static)
            empty.display = not total
            empty.update(shown(self.empty()))
            if first and total:
                rows.focus()
            self.refresh_bindings()
        self.panel("list-panel").head(*self.titles(total))
        self._show_detail()

    def look_anew(self, *filters: str) -> None:
        """Apply another filter and begin at the first line."""
        self._filter = filters
        self._shown = ()
        self.rows.cursor = 0
        self.reload()

    def on_choice_list_moved(self) -> None:
        self._show_detail()

    def _show_detail(self) -> None:
        row = self.rows.chosen
        sentences = self.sentences(row) if row is not None else ()
        detail = self.query_one("#detail", Lines)
        detail.styles.height = self.DETAIL_LINES
        detail.show(lambda width: _at_most(self.DETAIL_LINES, [text for one in sentences for text in wrap(one, width)], width))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action not in self.NEEDING or bool(self.rows.total)

    def action_back(self) -> None:
        self.app.pop_screen()

    def filter_words(self, *filters: tuple[Action, Safe]) -> Safe:
        """The keys of filters with their present values."""
        return joined(" · ", (own("{} {}", self.console.key(action), word) for action, word in filters))


def _at_most(count: int, texts: Sequence[Safe], width: int) -> list[Line]:
    """``texts`` as lines; an ellipsis when there are more than ``count``."""
    if len(texts) > count:
        texts = [*texts[: count - 1], cut(own("{}{}", texts[count - 1], blanks(width)), width)]
    return [(Span(text),) for text in texts]


def cells(cells: Sequence[Cell]) -> Line:
    """A line of cells, without those of no width."""
    spans: list[Span] = []
    for text, tone, width, right in cells:
        if width:
            spans.append(Span(own("{}{}", own("  ") if spans else BLANK, fit(text, width, right=right)), tone))
    return tuple(spans)
