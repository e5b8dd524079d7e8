"""Statistics: charts of mail over time, and lists of users, folders, senders' domains and sizes."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.actions import STATISTICS_ACTIONS
from tui.bindings import bindings
from tui.desk.present import BLANK, Tone, blanks, cell_len, own, sentence
from tui.desk.statistics import HEIGHT, Chart, ListKind, ListRow, StatisticsView
from tui.places.place import Place
from tui.text.format import Line, Span, cut, fit, header
from tui.text.strip import strip_lines
from tui.widgets.lines import Lines
from tui.widgets.panel import Panel

#: Blanks between the charts.
_APART = 4
#: Cells of the numbers of a list, and the least of its names.
_NUMBER, _NAME = 10, 24


class StatisticsPlace(Place):
    """All statistics."""

    ACTIONS = STATISTICS_ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(STATISTICS_ACTIONS)
    AUTO_FOCUS = "#list"

    DEFAULT_CSS = """
    StatisticsPlace #list-panel { height: 1fr; }
    StatisticsPlace #list { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._view: StatisticsView | None = None
        self._period = 0
        self._kind = 0

    def content(self) -> ComposeResult:
        yield Lines(id="strip", can_focus=False)
        with Panel(id="charts-panel"):
            yield Lines(id="charts", can_focus=False)
        with Panel(id="list-panel"):
            yield Lines(id="list")

    async def load(self) -> None:
        self._view = await self.console.desk.statistics.view()
        self.show_top(lambda width, clock: header((own("Archivar"), own("Statistics")), BLANK, clock, width))
        self._show()

    def _show(self) -> None:
        view = self._view
        if view is None:
            return
        strip = self.query_one("#strip", Lines)
        strip.styles.height = len(strip_lines(view.facts, self.size.width - 1))
        strip.show(lambda width: strip_lines(view.facts, width))
        period = list(view.charts)[self._period]
        self.panel("charts-panel").head(own("Messages a {}", sentence(period.value)), own("days are those of UTC"))
        charts = self.query_one("#charts", Lines)
        charts.styles.height = HEIGHT + 2
        charts.show(lambda width: chart_lines(view.charts[period], width))
        title, rows = view.lists[list(ListKind)[self._kind]]
        self.panel("list-panel").head(title)
        self.query_one("#list", Lines).show(lambda width: list_lines(rows, width))

    def on_resize(self) -> None:
        self._show()

    def action_back(self) -> None:
        self.close_place()

    def action_next_period(self) -> None:
        self._period = (self._period + 1) % len(self._view.charts) if self._view is not None else 0
        self._show()

    def action_next_list(self) -> None:
        self._kind = (self._kind + 1) % len(ListKind)
        self._show()


def chart_lines(charts: tuple[Chart, Chart], width: int) -> list[Line]:
    """Two charts beside each other, each under its title."""
    half = (width - _APART) // 2
    sides = []
    for chart in charts:
        wide = max(min(half // max(len(chart.values), 1), 3), 1)
        sides.append([fit(line, half) for line in (cut(chart.title, half), *chart.lines(wide))])
    return [(Span(left), Span(blanks(_APART)), Span(right)) for left, right in zip(*sides, strict=True)]


def list_lines(rows: tuple[ListRow, ...], width: int) -> list[Line]:
    """A line for each row: messages, size, name, and a bar."""
    if not rows:
        return [(Span(own("No mail yet."), Tone.MUTED),)]
    rest = width - 2 * _NUMBER - 2
    name = max(min(max(cell_len(row.name) for row in rows), rest * 2 // 3), min(_NAME, rest))
    return [
        (
            Span(fit(row.messages, _NUMBER, right=True)),
            Span(fit(row.size, _NUMBER, right=True), Tone.MUTED),
            Span(own("  {}", fit(row.name, name))),
            Span(own(" {}", row.bar(max(rest - name - 1, 0)))),
        )
        for row in rows
    ]
