"""The messages of a query as a selection for export and restore."""

from __future__ import annotations

from dataclasses import replace

from core.archive.archive import Archive
from core.archive.read.selection import Selection
from core.errors import InputError
from core.problems.search import NOTHING_FOUND


async def found_by(archive: Archive, selection: Selection, query: str) -> Selection:
    """``selection`` narrowed to the results of ``query``; unchanged for an empty query. Unindexed messages are not found.

    Raises ``QueryError``, and ``InputError`` for no result, since an empty selection means everything.
    """
    if not query.strip():
        return selection
    # Imported only here: the index brings all modules that read mail.
    from core.archive.search.search import matching

    chosen = set(selection.ids)
    numbers, folders = await matching(archive, query)
    found = [number for number in numbers if not chosen or number in chosen]
    if not found:
        raise InputError(NOTHING_FOUND(query=query))
    # A found message may also lie in folders, and in archives of other users, that were not asked for.
    return replace(selection, ids=tuple(found), folders=folders)
