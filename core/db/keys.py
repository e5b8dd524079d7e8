"""Lists of values for a query: of one column for ``IN``, of several columns as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

#: Values or keys in one statement. SQLite takes up to 32,766 parameters since 3.32; shorter lists keep statements short.
PIECE = 500
#: Longer lists for ``IN`` are filled up to a multiple of this: a statement of another length must be compiled anew, which takes
#: as long as its work.
STEP = 50


def listed(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield ``values`` in lists for ``IN``; a list may name its last value several times."""
    for start in range(0, len(values), PIECE):
        piece = values[start : start + PIECE]
        missing = -len(piece) % STEP if len(piece) > STEP else 0
        yield [*piece, *[piece[-1]] * missing] if missing else piece


def keyed(keys: Sequence[tuple[Any, ...]]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Common table expressions of a table ``w`` with the columns a, b, c, each with its parameters; none for no keys."""
    for start in range(0, len(keys), PIECE):
        some = keys[start : start + PIECE]
        marks = ", ".join([f"({', '.join('?' * len(some[0]))})"] * len(some))
        columns = ", ".join("abc"[: len(some[0])])
        yield f"WITH w ({columns}) AS (VALUES {marks})", [value for key in some for value in key]
