"""A list of lines drawn on demand: of any length, composing only visible lines, sending only changed cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.desk.present import Safe, Tone, cell_len, own
from tui.text.format import Line, Span, fit

#: Cells of a line while the width of a list is not known.
UNSEEN = 40


class LineSource(Protocol):
    """Lines of one width, made on access."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Line: ...


#: Makes the source for a width in cells.
Compose = Callable[[int], LineSource]


def _nothing(_width: int) -> LineSource:
    return []


class Lines(ScrollView):
    """Shows the result of ``compose``, which is called again when the width changes."""

    DEFAULT_CSS = """
    Lines {
        height: 1fr; background: transparent; overflow-x: hidden; overflow-y: auto;
        scrollbar-size-vertical: 1; scrollbar-gutter: stable;
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--cursor", *(f"lines--{tone}" for tone in Tone)}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "edge(0)", show=False),
        Binding("end,G", "edge(1)", show=False),
    ]

    def __init__(self, *, id: str | None = None, can_focus: bool = True) -> None:
        super().__init__(id=id)
        self.can_focus = can_focus
        self._compose_source: Compose = _nothing
        self._source: LineSource = []
        self._unseen: LineSource = []
        self._shown: dict[int, Line] = {}

    def show(self, compose: Compose) -> None:
        """Replace the content; equal lines are not sent again."""
        self._compose_source = compose
        self._rebuild()

    @property
    def text_width(self) -> int:
        return self.width_within(self.scrollable_content_region.width)

    def width_within(self, cells: int) -> int:
        """Cells of the text in a list of ``cells`` without its scroll bar."""
        return max(cells, 1)

    def _rebuild(self) -> None:
        if not self.is_mounted:
            return
        if not self.size.width:
            # Never painted: only the number of lines must be known before the first layout, for keys that come before it.
            self._unseen = self._compose_source(UNSEEN)
            return
        self._unseen = []
        self._source = self._compose_source(self.text_width)
        size = Size(self.text_width, len(self._source))
        if size != self.virtual_size:
            self.virtual_size = size
            self.refresh()
        else:
            self._refresh_changes()

    def _refresh_changes(self) -> None:
        top = self.scroll_offset.y
        for index in range(top, top + self.size.height):
            before, after = self._shown.get(index), self._line(index)
            if before is None:
                # The screen's content is unknown: it may have been painted before a change of size was reported.
                self.refresh(Region(0, index - top, self.size.width, 1))
            elif before != after:
                # One region: Textual sends a line from its left edge for each.
                self.refresh(Region(0, index - top, changed_until(before, after), 1))

    def _line(self, index: int) -> Line:
        return self._source[index] if index < len(self._source) else ()

    def render_line(self, y: int) -> Strip:
        index = self.scroll_offset.y + y
        line = self._line(index)
        if len(self._shown) > 4 * max(self.size.height, 1):
            self._shown.clear()
        self._shown[index] = line
        return self._strip(line, {tone: self._style(tone) for tone in {span.tone for span in line}})

    def _style(self, tone: Tone) -> Style:
        return self.rich_style + self.get_component_rich_style(f"lines--{tone}", partial=True)

    def _strip(self, line: Line, styles: dict[Tone, Style]) -> Strip:
        strip = Strip([Segment(span.text, styles[span.tone]) for span in line])
        return strip.adjust_cell_length(self.size.width, self.rich_style).simplify()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._shown.clear()

    def on_resize(self, _event: events.Resize) -> None:
        self._shown.clear()
        self._rebuild()

    def action_move(self, step: int) -> None:
        self._scroll(self.scroll_offset.y + step)

    def _scroll(self, top: int) -> None:
        # Forced: before the next layout there is no scroll bar yet, and without one the toolkit does not scroll at all.
        self.scroll_to(y=top, animate=False, force=True)

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(self.size.height - 1, 1))

    def action_edge(self, end: int) -> None:
        self._scroll(self.max_scroll_y if end else 0)


class ChoiceList(Lines):
    """Items of which one is chosen: marked with ``▸``, and with a bar while focused.

    An item has one line, or ``per_item`` of its source.
    """

    MARK = own("▸ ")
    REST = own("· ")
    #: The chosen item is marked, with a dot, also without focus.
    keeps_mark = False

    class Moved(Message):
        """Another item is chosen."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        #: True when the user went to an item, and not back to the beginning.
        self.touched = False
        self._drawn = 0

    def width_within(self, cells: int) -> int:
        return max(cells - len(self.MARK), 1)

    @property
    def per_item(self) -> int:
        """Lines of each item."""
        return int(getattr(self._source or self._unseen, "per_item", 1))

    @property
    def items(self) -> int:
        """The number of items."""
        return len(self._source or self._unseen) // self.per_item

    def choose(self, index: int) -> None:
        """Choose an item; an index out of range is corrected."""
        before, self.cursor = self.cursor, min(max(index, 0), max(self.items - 1, 0))
        top, first = self.scroll_offset.y, self.cursor * self.per_item
        end = first + self.per_item
        if first < top or self.per_item > self.size.height:
            self._scroll(first)
        elif end > top + self.size.height:
            self._scroll(end - self.size.height)
        self._redraw_cursor()
        if before != self.cursor:
            self.post_message(self.Moved())

    def _redraw_cursor(self) -> None:
        """Redraw the line of the cursor whole, since the bar is as long as the line."""
        if self._drawn != self.cursor:
            for item in (self._drawn, self.cursor):
                self._refresh_item(item)
            self._drawn = self.cursor

    def _refresh_item(self, item: int) -> None:
        for index in range(item * self.per_item, (item + 1) * self.per_item):
            self.refresh_line(index)

    def on_focus(self) -> None:
        self._refresh_item(self.cursor)

    def on_blur(self) -> None:
        self._refresh_item(self.cursor)

    def _line(self, index: int) -> Line:
        line = super()._line(index)
        mark = own("  ")
        if index == self.cursor * self.per_item and self.can_focus:
            mark = self.MARK if self.has_focus else self.REST if self.keeps_mark else mark
        return (Span(mark), *line) if line else line

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        chosen = (self.scroll_offset.y + y) // self.per_item == self.cursor
        if not chosen or not len(self._source) or not self.has_focus:
            return strip
        # One style for the whole line: otherwise each tone would have to be readable on this background in every theme.
        style = self.rich_style + self.get_component_rich_style("lines--cursor", partial=True)
        return Strip([Segment(fit(Safe(strip.text), self.size.width), style)], self.size.width)

    def _rebuild(self) -> None:
        super()._rebuild()
        self.choose(self.cursor)

    def action_move(self, step: int) -> None:
        self.touched = True
        self.choose(self.cursor + step)

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max((self.size.height - 1) // self.per_item, 1))

    def action_edge(self, end: int) -> None:
        self.touched = bool(end)
        self.choose(self.items - 1 if end else 0)


def changed_until(before: Line, after: Line) -> int:
    """The cell up to which (exclusive) two lines differ; pieces of characters of several widths are taken whole."""
    widths = [cell_len(span.text) for span in after]
    end = sum(widths)
    if [cell_len(span.text) for span in before] != widths:
        return max(end, sum(cell_len(span.text) for span in before))
    for old, new, width in zip(reversed(before), reversed(after), reversed(widths), strict=True):
        if old != new:
            return end - _same_at_end(old, new, width)
        end -= width
    return end


def _same_at_end(old: Span, new: Span, width: int) -> int:
    if old.tone != new.tone or not len(old.text) == len(new.text) == width:
        return 0
    pairs = zip(reversed(old.text), reversed(new.text), strict=True)
    return next(index for index, (one, other) in enumerate(pairs) if one != other)
