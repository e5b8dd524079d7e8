"""Codes for what has no kind of its own: sentences that are not yet given one, and those that older versions kept."""

from __future__ import annotations

from core.problems.code import Code, Do

#: An error whose sentence and advice stand where it is raised.
UNNAMED = Code("unnamed", "{message}", "{hint}")
#: A problem that a version before this one kept: only its sentence is known.
EARLIER = Code(
    "earlier",
    "{message}",
    f"It is tried again in the next run. If it stays, look into the server's log at the time of the run. {Do.LIST_MISSING}",
)
