"""A strip of facts as lines."""

from __future__ import annotations

from tui.desk.present import cell_len, own
from tui.desk.strip import Fact
from tui.text.format import Line, Span, cut

#: Between two facts.
BETWEEN = own("   ")


def strip_lines(facts: tuple[Fact, ...], width: int) -> list[Line]:
    """The facts in order, as many on a line as there is room for."""
    lines: list[list[Span]] = []
    room = 0
    for fact in facts:
        said = cut(fact.text, max(width - 1, 4))
        needed = cell_len(said) + len(BETWEEN)
        if needed > room:
            lines.append([Span(own(" "))])
            room = width - 1 + len(BETWEEN)
        else:
            lines[-1].append(Span(BETWEEN))
        lines[-1].append(Span(said, fact.tone))
        room -= needed
    return [tuple(spans) for spans in lines]
