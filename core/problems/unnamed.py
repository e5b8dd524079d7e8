"""Codes without a kind of their own: sentences not yet converted, and those of older versions."""

from __future__ import annotations

from core.problems.code import Code, Do

#: An error with its sentence and advice at the place that raises it.
UNNAMED = Code("unnamed", "{message}", "{hint}")
#: A problem of an earlier version, of which only the sentence is known.
EARLIER = Code(
    "earlier",
    "{message}",
    f"It is tried again in the next run. If it stays, look into the server's log at the time of the run. {Do.LIST_MISSING}",
)
