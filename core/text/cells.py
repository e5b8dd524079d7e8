"""Columns that text takes in a terminal, for Rich, Textual and this program alike.

Rich gives spacing vowel signs (category Mc: Hindi, Tamil, Bengali, Burmese ...) no column. The C library's ``wcwidth``, and
with it tmux, xterm and the terminals made of VTE, give them one: a line of Hindi would push the frames of a screen to the
right. So Rich's table is corrected here, at the one place from which all its functions, and Textual's, take it. Importing
this module does it.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import rich.cells
from rich._unicode_data import load as _load
from rich.cells import CellTable, cell_len, chop_cells

__all__ = ("cell_len", "chop_cells")


@lru_cache(maxsize=8)
def _as_terminals_count(unicode_version: str = "auto") -> CellTable:
    """The table of a version of Unicode in which spacing marks have a column."""
    table = _load(unicode_version)
    widths: list[tuple[int, int, int]] = []
    for start, end, width in table.widths:
        if width:
            widths.append((start, end, width))
            continue
        for codepoint in range(start, end + 1):
            if unicodedata.category(chr(codepoint)) == "Mc":
                continue
            if widths and widths[-1][1] == codepoint - 1 and widths[-1][2] == 0:
                widths[-1] = (widths[-1][0], codepoint, 0)
            else:
                widths.append((codepoint, codepoint, 0))
    return table._replace(widths=widths)


rich.cells.load_cell_table = _as_terminals_count  # type: ignore[attr-defined]
rich.cells.get_character_cell_size.cache_clear()
rich.cells.cached_cell_len.cache_clear()
