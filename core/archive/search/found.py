"""Messages that a query finds, as a selection for export and restore."""

from __future__ import annotations

from dataclasses import replace

from core.archive.archive import Archive
from core.archive.read.selection import Selection
from core.errors import InputError


async def found_by(archive: Archive, selection: Selection, query: str) -> Selection:
    """Of ``selection`` what ``query`` finds, where it asks for it; all when that is empty. What is not indexed is not found.

    Raises ``QueryError``, and ``InputError`` when nothing is found: nothing is not all.
    """
    if not query.strip():
        return selection
    # Here alone: with the index comes all that reads mail.
    from core.archive.search.search import matching

    chosen = set(selection.ids)
    numbers, folders = await matching(archive, query)
    found = [number for number in numbers if not chosen or number in chosen]
    if not found:
        raise InputError(f"Nothing is found by {query}.", "archivar search shows what a query finds.")
    # The very message may lie in folders, and in archives of others, that were not asked for.
    return replace(selection, ids=tuple(found), folders=folders)
