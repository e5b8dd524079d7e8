"""A list of any length whose rows are fetched when they come into view: only shown pages are in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from tui.desk.present import Tone, own
from tui.text.format import Line, Span
from tui.widgets.lines import ChoiceList

R = TypeVar("R")
#: Rows fetched at once: more than any screen has.
PAGE = 100

Fetch = Callable[[int, int], Awaitable[Sequence[R]]]


class PagedChoice(ChoiceList, Generic[R]):
    """Lines to choose from; ``fill`` sets their number, their source and their looks."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._total = 0
        self._fetch: Fetch[R] | None = None
        self._row_line: Callable[[R, int], Line] | None = None
        self._pages: dict[int, Sequence[R]] = {}
        self._wanted: set[int] = set()
        self._filling = 0

    def fill(self, total: int, fetch: Fetch[R], line: Callable[[R, int], Line], known: Sequence[R] = (), page: int = 0) -> None:
        """Show ``total`` rows. ``fetch(offset, limit)`` gets them; ``known`` are those of ``page``, if given."""
        self._total, self._fetch, self._row_line = total, fetch, line
        self._pages = {page: known} if known else {}
        self._wanted.clear()
        self._filling += 1
        self.redraw()

    def grow(self, total: int) -> None:
        """Add rows at the end; the shown ones stay."""
        if total != self._total:
            last, self._total = self._total // PAGE, total
            # It may have been fetched before it was full.
            self._pages.pop(last, None)
            self._wanted.discard(last)
            self.redraw()

    def redraw(self) -> None:
        """Draw the lines of known rows again."""
        self.show(lambda width: _Rows(self, width))

    @property
    def total(self) -> int:
        return self._total

    def row(self, index: int) -> R | None:
        """The row at ``index``; None while it is not fetched."""
        page = self._pages.get(index // PAGE)
        if page is None:
            self._want(index // PAGE)
            return None
        return page[index % PAGE] if index % PAGE < len(page) else None

    @property
    def chosen(self) -> R | None:
        """The row under the cursor."""
        return self.row(self.cursor) if self._total else None

    def line(self, index: int, width: int) -> Line:
        row = self.row(index)
        if row is None or self._row_line is None:
            return (Span(own("…"), Tone.MUTED),)
        return self._row_line(row, width)

    def _want(self, page: int) -> None:
        if page in self._wanted or self._fetch is None:
            return
        self._wanted.add(page)
        self.run_worker(self._load(page, self._fetch, self._filling), exit_on_error=False)

    async def _load(self, page: int, fetch: Fetch[R], filling: int) -> None:
        rows = await fetch(page * PAGE, PAGE)
        if filling == self._filling:
            self._pages[page] = rows
            self.redraw()
            if page == self.cursor // PAGE:
                # The chosen row is known only now.
                self.post_message(self.Moved())


class _Rows(Generic[R]):
    """The lines of a list for one width."""

    def __init__(self, owner: PagedChoice[R], width: int) -> None:
        self._owner = owner
        self._width = width

    def __len__(self) -> int:
        return self._owner.total

    def __getitem__(self, index: int) -> Line:
        return self._owner.line(index, self._width)
