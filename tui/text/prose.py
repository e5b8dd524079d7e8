"""Prose as lines of a given width: paragraphs, and values with a name. No character of a text is markup."""

from __future__ import annotations

from collections.abc import Sequence

from tui.desk.present import BLANK, Safe, Tone, blanks, cell_len, own
from tui.text.format import Line, Span, fit, wrap


def paragraph(text: Safe, width: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    """``text`` wrapped."""
    return [(Span(part, tone),) for part in wrap(text, width)]


def named(values: Sequence[tuple[Safe, Safe]], width: int) -> list[Line]:
    """Values after their names, which stand in a column of their own; none is cut."""
    column = min(max((cell_len(name) for name, _ in values), default=0) + 2, max(width // 2, 1))
    lines: list[Line] = []
    for name, value in values:
        first, *rest = wrap(value, max(width - column, 2)) or [BLANK]
        lines.append((Span(own("{}{}", fit(name, column - 1), own(" ")), Tone.MUTED), Span(first)))
        lines += [(Span(blanks(column)), Span(part)) for part in rest]
    return lines
