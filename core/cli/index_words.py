"""The state of the search index in words, and for JSON."""

from __future__ import annotations

from core.archive.search.search_index import IndexState
from core.text.format import counted


def not_yet(behind: int) -> str:
    are = "is" if behind == 1 else "are"
    return f"{counted(behind, 'message')} {are} not indexed yet and cannot be found: archivar index does it now."


def sentence(state: IndexState) -> str:
    """The state of the index, in sentences."""
    parts = [not_yet(state.behind) if state.behind else "All mail can be found."]
    if state.unreadable:
        parts.append(unreadable(state.unreadable))
    if state.partly:
        parts.append(f"{counted(state.partly, 'message')} could be read in part only: archivar index --problems.")
    return " ".join(parts)


def unreadable(count: int) -> str:
    """The sentence about messages that are found by the catalog's columns alone."""
    are = "is" if count == 1 else "are"
    return (
        f"{counted(count, 'message')} {are} not readable by search, and found by subject, people and place alone: "
        "archivar index --problems."
    )


def as_json(state: IndexState) -> dict[str, int]:
    return {"behind": state.behind, "partly_read": state.partly, "not_read": state.unreadable, "failed": state.failed}
