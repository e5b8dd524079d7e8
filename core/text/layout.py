"""Layout of text in terminal columns: widths, cutting, wrapping, tables. Pure functions."""

from __future__ import annotations

from core.text.codepoints import is_joiner

#: Columns up to this width are never shortened, so that times, states and numbers stay whole.
_WHOLE = 20
#: The least width of wrapped text.
_NARROWEST = 12


def cells(text: str) -> int:
    """The number of columns of a terminal that ``text`` takes."""
    if text.isascii():
        return len(text)
    from core.text.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns; an ellipsis marks the cut."""
    if cells(text) <= width:
        return text
    return text[: _fitting(text[: _window(width)], width - 1)].rstrip() + "…" if width > 1 else "…"[:width]


def shortened(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns; the middle of a path is removed, as its ends matter most."""
    if cells(text) <= width:
        return text
    room = max(width - 1, 1)
    head = text[: _fitting(text[: _window(room)], (room + 1) // 2)]
    # Reversed, the end is a beginning.
    tail = text[: -_window(room) - 1 : -1]
    tail = tail[: _fitting(tail, room // 2)][::-1]
    return f"{head}…{tail}"


def _window(room: int) -> int:
    """Characters examined to fill ``room`` columns: only few share one."""
    return 8 * room + 8


def _fitting(text: str, room: int) -> int:
    """The number of characters of ``text`` that fit into ``room`` columns."""
    end = len(text)
    while (excess := cells(text[:end]) - room) > 0:
        # None takes more than two columns.
        end -= (excess + 1) // 2
    return end


def wrapped(text: str, width: int | None, indent: int = 0) -> list[str]:
    """``text`` in lines of at most ``width`` columns, broken at blanks where there are any; all but the first indented."""
    if width is None or cells(text) <= width:
        return [text]
    lines: list[str] = []
    room, at = width, 0
    while at < len(text):
        part = text[at : at + _window(room)]
        end = max(_fitting(part, room), 1)
        if at + end < len(text):
            blank = part.rfind(" ", 0, end + 1)
            end = blank if blank > 0 and part[:blank].strip() else _between_characters(text[at : at + end + 1], end)
        lines.append(text[at : at + end].rstrip())
        at += end
        while text.startswith(" ", at):
            at += 1
        room = max(width - indent, _NARROWEST) if indent else width
    return [lines[0], *(" " * indent + line for line in lines[1:])]


def _between_characters(text: str, end: int) -> int:
    """``end``, or an earlier position that separates no mark from its letter and no joined characters."""
    whole = end
    while 1 < whole < len(text) and (not cells(text[whole]) or is_joiner(text[whole - 1])):
        whole -= 1
    return whole if whole > 1 else end


def columns(rows: list[list[str]], width: int | None, right: frozenset[int] = frozenset()) -> list[str]:
    """The lines of a table, its head first. Columns in ``right`` are aligned right.

    With a ``width`` no line is longer: the last column continues on the next line, the widest of the others are shortened.
    """
    while len(rows[0]) > 1 and not any(row[-1] for row in rows[1:]):
        rows = [row[:-1] for row in rows]
    last = len(rows[0]) - 1
    widths = [max(cells(row[column]) for row in rows) for column in range(last + 1)]
    if width is not None:
        # The last column may be wrapped, but not too narrowly.
        wanted = min(widths[last], max(width // 3, _NARROWEST))
        while sum(widths[:last]) + 2 * last + wanted > width:
            widest = max(range(last), key=lambda column: widths[column], default=0)
            if not last or widths[widest] <= _WHOLE:
                break
            widths[widest] -= 1
    lines = []
    for row in rows:
        before = ""
        for column in range(last):
            cell = shortened(row[column], widths[column])
            blanks = " " * (widths[column] - cells(cell))
            before += (blanks + cell if column in right else cell + blanks) + "  "
        end = row[last]
        if last in right:
            end = " " * (widths[last] - cells(end)) + end
        indent = cells(before)
        room = None if width is None else max(width - indent, _NARROWEST)
        first, *others = wrapped(end, room) if end else [""]
        lines.append((before + first).rstrip())
        lines += [" " * indent + line for line in others]
    return lines
