"""Prose as lines of a given width: headings, paragraphs, steps, lines that stay as they are, and values with a name.

The marks of ``page`` are for texts of our own. What comes from outside goes through ``paragraph`` and ``named``, where no
character means anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tui.desk.present import BLANK, Safe, Tone, blanks, cell_len, chop_cells, joined, own
from tui.text.format import Line, Span, fit, wrap

_STEP = re.compile(r"(\d+\.|-) ")


def page(text: Safe, width: int) -> list[Line]:
    """A text of our own: blocks between empty lines, of which ``width`` cells are filled.

    ``# `` begins a heading, ``1. `` and ``- `` a step, four blanks lines that stay as they are. An empty line stays, but not
    after a heading.
    """
    lines: list[Line] = []
    heading = False
    for apart, block in _blocks(map(Safe, text.splitlines())):
        if lines and apart and not heading:
            lines.append(())
        heading = block.startswith("# ")
        if heading:
            lines += paragraph(Safe(block[2:]), width, Tone.STRONG)
        elif block.startswith("    "):
            lines += [(Span(part),) for line in block.split("\n") for part in _as_it_is(Safe(line), width)]
        elif step := _STEP.match(block):
            lines += _hanging(Safe(step[1]), Safe(block[step.end() :]), width)
        else:
            lines += paragraph(block, width)
    return lines


def _blocks(lines: Iterable[Safe]) -> Iterable[tuple[bool, Safe]]:
    """What is wrapped together, and whether an empty line stands before it."""
    apart = False
    block: list[Safe] = []
    for line in lines:
        if block and (not line or _STEP.match(line)):
            yield (apart, joined("\n", block))
            apart, block = False, []
        if line:
            block.append(line)
        else:
            apart = True
    if block:
        yield (apart, joined("\n", block))


def _as_it_is(line: Safe, width: int) -> list[Safe]:
    """Broken only where the width ends: what is to be typed must not be cut."""
    return [Safe(" " * 4 + part) for part in chop_cells(line[4:], max(width - 4, 2))]


def _hanging(mark: Safe, text: Safe, width: int) -> list[Line]:
    indent = len(mark) + 1
    first, *rest = wrap(text, max(width - indent, 2)) or [BLANK]
    return [(Span(own("{} {}", mark, first)),), *((Span(own("{}{}", blanks(indent), part)),) for part in rest)]


def paragraph(text: Safe, width: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    """``text`` wrapped, without any marks."""
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
