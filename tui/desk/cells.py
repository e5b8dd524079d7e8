"""Columns of text, measured as terminals do; importing it puts Rich and Textual right as well."""

from __future__ import annotations

from core.text.cells import cell_len, chop_cells

__all__ = ("cell_len", "chop_cells")
