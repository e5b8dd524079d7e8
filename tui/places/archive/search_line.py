"""The search line."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from tui.widgets.inputs import SearchLine

#: Cells of the label before the line.
LABEL = 28


class QueryLine(SearchLine):
    """The line's enter key is in the footer, since nothing is searched before."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "submit", "Search")]
