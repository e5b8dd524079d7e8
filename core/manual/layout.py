"""A page of the manual as lines of a width, the same for the console and the command line.

No line is wider than the width and nothing is cut. A table without room for its longest words becomes a list: the
first cell, and below it the others with the names of their columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.manual.blocks import Block, CodeBlock, Heading, Items, Paragraph, Style, TableBlock, Text, TextRun
from core.text.cells import cell_len, chop_cells

#: Pieces of a line, each with its style.
Line = tuple[tuple[str, Style], ...]
_GAP = 2
_INDENT = 4
#: A first column up to this fraction (1/3) of the width is not wrapped.
_WHOLE = 3
_PLAIN = Style.PLAIN


def lines(blocks: Sequence[Block], width: int) -> list[Line]:
    """The lines of ``blocks``, each of at most ``width`` cells; an empty line between two blocks, none below a heading.

    The title has an empty line below it.
    """
    found: list[Line] = []
    before: Block | None = None
    for block in blocks:
        if before is not None and not (isinstance(before, Heading) and before.level > 1):
            found.append(())
        found += _block(block, max(width, 2))
        before = block
    return found


def plain(line: Line) -> str:
    """A line as text alone."""
    return "".join(piece for piece, _ in line)


def _block(block: Block, width: int) -> list[Line]:
    match block:
        case Heading():
            return _filled(block.text, width, Style.STRONG)
        case Paragraph():
            return _filled(block.text, width)
        case CodeBlock():
            return [((part, Style.CODE),) if part.strip() else () for line in block.lines for part in _kept(line, width)]
        case Items():
            return _items(block, width)
        case TableBlock():
            return _table(block, width)


def _kept(line: str, width: int) -> list[str]:
    """A line for typing: indented, and wrapped only at the width."""
    indent = _INDENT if width > 2 * _INDENT else 0
    return [" " * indent + part for part in chop_cells(line, width - indent) or [""]]


def _items(items: Items, width: int) -> list[Line]:
    found: list[Line] = []
    loose = any(len(item) > 1 for item in items.items)
    for number, (mark, item) in enumerate(zip(items.marks(), items.items, strict=True)):
        if number and loose:
            found.append(())
        indent = min(cell_len(mark) + 1, width - 2)
        first, *rest = lines(item, width - indent) or [()]
        found.append(((f"{mark} "[:indent].ljust(indent), _PLAIN), *first))
        found += [((" " * indent, _PLAIN), *line) if line else () for line in rest]
    return found


# Filling ---------------------------------------------------------------------------------------------------------------------


def _filled(text: Text, width: int, style: Style | None = None) -> list[Line]:
    """``text`` wrapped between words where possible; all of it in ``style`` if given."""
    found: list[Line] = []
    line: list[tuple[str, Style]] = []
    used = 0
    for word in _words(text, style):
        length = sum(cell_len(piece) for piece, _ in word)
        if line and used + 1 + length <= width:
            line += [(" ", _between(line[-1][1], word[0][1])), *word]
            used += 1 + length
            continue
        if line:
            found.append(_merged(line))
        *full, last = _chopped(word, width) if length > width else [word]
        found += [_merged(part) for part in full]
        line, used = list(last), sum(cell_len(piece) for piece, _ in last)
    return [*found, _merged(line)] if line else found


def _between(left: Style, right: Style) -> Style:
    return left if left is right else _PLAIN


def _words(text: Text, style: Style | None) -> Iterable[list[tuple[str, Style]]]:
    """Words as pieces of one style each; a word may go on from one run into the next."""
    word: list[tuple[str, Style]] = []
    for run in text:
        for number, part in enumerate(_leading(run).split(" ")):
            if number and word:
                yield word
                word = []
            if part:
                word.append((part, style or run.style))
    if word:
        yield word


def _leading(run: TextRun) -> str:
    """The text of a run; with the target of an external link."""
    outside = "://" in run.target and run.target != run.text
    return f"{run.text} ({run.target})" if outside else run.text


def _chopped(word: list[tuple[str, Style]], width: int) -> list[list[tuple[str, Style]]]:
    """A word wider than a line, in pieces of the width."""
    parts: list[list[tuple[str, Style]]] = [[]]
    room = width
    for piece, style in word:
        for character in chop_cells(piece, 1) if cell_len(piece) > room else [piece]:
            needed = cell_len(character)
            if needed > room:
                parts.append([])
                room = width
            parts[-1].append((character, style))
            room -= needed
    return parts


def _merged(line: Sequence[tuple[str, Style]]) -> Line:
    found: list[tuple[str, Style]] = []
    for piece, style in line:
        if found and found[-1][1] is style:
            found[-1] = (found[-1][0] + piece, style)
        else:
            found.append((piece, style))
    return tuple(found)


# Tables ----------------------------------------------------------------------------------------------------------------------


def _table(table: TableBlock, width: int) -> list[Line]:
    rows = [row for row in (table.head, *table.rows) if any(row)]
    columns = range(len(table.head))
    natural = [max(_natural(row[column]) for row in rows) for column in columns]
    least = [max(_longest_word(row[column]) for row in rows) for column in columns]
    if natural[0] <= width // _WHOLE:
        least[0] = natural[0]
    room = width - _GAP * (len(natural) - 1)
    if sum(least) > room:
        return _as_list(table, width)
    widths = _shares(natural, least, room)
    headed = any(table.head)
    styles = [Style.STRONG if headed and not number else None for number in range(len(rows))]
    cells = [[_filled(*cell, style) for cell in zip(row, widths, strict=True)] for row, style in zip(rows, styles, strict=True)]
    loose = any(len(cell) > 1 for row in cells for cell in row)
    found: list[Line] = []
    for number, row in enumerate(cells):
        if number and loose:
            found.append(())
        found += _side_by_side(row, widths)
        if headed and not number and not loose:
            found.append((("─" * (sum(widths) + _GAP * (len(widths) - 1)), _PLAIN),))
    return found


def _natural(text: Text) -> int:
    return sum(cell_len(_leading(run)) for run in text)


def _longest_word(text: Text) -> int:
    return max((sum(cell_len(piece) for piece, _ in word) for word in _words(text, None)), default=0)


def _shares(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Widths of columns: those of their texts if there is room, else such that all need about as many lines."""
    widths = [max(width, 1) for width in least]
    for _ in range(room - sum(widths)):
        short = [n for n in range(len(widths)) if widths[n] < natural[n]]
        if not short:
            break
        widths[max(short, key=lambda n: natural[n] / widths[n])] += 1
    return widths


def _side_by_side(row: Sequence[list[Line]], widths: Sequence[int]) -> list[Line]:
    found: list[Line] = []
    for number in range(max(map(len, row))):
        line: list[tuple[str, Style]] = []
        blanks = 0
        for column, cell in enumerate(row):
            pieces = cell[number] if number < len(cell) else ()
            if pieces:
                line += [(" " * blanks, _PLAIN)] if blanks else []
                line += pieces
                blanks = 0
            blanks += widths[column] - sum(cell_len(piece) for piece, _ in pieces) + _GAP
        found.append(_merged(line))
    return found


def _as_list(table: TableBlock, width: int) -> list[Line]:
    found: list[Line] = []
    for number, (first, *others) in enumerate(table.rows):
        if number:
            found.append(())
        found += _filled(first, width, Style.STRONG)
        for name, cell in zip(table.head[1:], others, strict=True):
            if cell:
                named = (*name, TextRun(": "), *cell) if name else cell
                indent = 2 if width > 4 else 0
                found += [((" " * indent, _PLAIN), *line) for line in _filled(named, width - indent)]
    return found
