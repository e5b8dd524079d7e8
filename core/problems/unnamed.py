"""Problems that older versions kept, without a code."""

from __future__ import annotations

from core.problems.code import Code, Do, Face, Reason

#: A problem of an earlier version, of which only the sentence is known.
EARLIER = Code(
    "earlier",
    "{message}",
    f"It is tried again in the next run. If it stays, look into the server's log at the time of the run. {Do.LIST_MISSING}",
)


def told(reason: Reason, face: Face) -> str:
    """Sentence and remedy in one; of an earlier problem the sentence alone, which may have its remedy already."""
    sentence = reason.sentence(face)
    return sentence if reason.code == EARLIER else f"{sentence} {reason.remedy(face)}".strip()
