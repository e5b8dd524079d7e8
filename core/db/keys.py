"""Keys of several columns as a table of a query: what ``IN`` is for one column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

#: Values or keys in one statement. SQLite takes up to 32,766 parameters since 3.32; shorter lists keep statements short.
PIECE = 500


def keyed(keys: Sequence[tuple[Any, ...]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Common table expressions of a table ``w`` with the columns a, b, c, each with its parameters; none for no keys."""
    for start in range(0, len(keys), PIECE):
        some = keys[start : start + PIECE]
        marks = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
        columns = ", ".join("abc"[: len(some[0])])
        yield f"WITH w ({columns}) AS (VALUES {marks})", [value for key in some for value in key]
