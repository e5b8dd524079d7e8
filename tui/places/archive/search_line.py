"""The line in which a search is typed."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.widgets.inputs import SearchLine

#: Cells of the label before the line.
LABEL = 28


class QueryLine(SearchLine):
    """Enter stands at the foot, since nothing is sought before."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Search")]
