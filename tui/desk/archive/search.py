"""Search in archived mail: questions, results in a fixed order, and the progress of the index."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.archive.archive import Archive
from core.archive.search import query as language
from core.archive.search import search_index
from core.archive.search.hits import Hit, hits
from core.archive.search.query import Query, QueryError, Within
from core.archive.search.search import Order as CoreOrder
from core.archive.search.search import Search
from core.model import now
from tui.desk import face, present
from tui.desk.archive.message import MessageRow, message_row
from tui.desk.present import BLANK, Safe
from tui.desk.refusals import Refused, translated

EVERYBODY, EVERY = present.own("everybody's mail"), present.own("everything")


class SearchOrder(StrEnum):
    """The order of results: the newest first, or the best match."""

    NEWEST = "newest"
    RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True)
class SearchScope:
    """The scope of a search: ``user`` is an id, ``folder`` a true path with its subfolders; empty means all.

    ``words`` describe it, and ``short`` in a word or two.
    """

    user: str = ""
    folder: str = ""
    words: Safe = EVERYBODY
    short: Safe = EVERY


EVERYTHING = SearchScope()


@dataclass(frozen=True, slots=True)
class Question:
    """A search: text, scope and order."""

    text: str
    scope: SearchScope = EVERYTHING
    order: SearchOrder = SearchOrder.NEWEST


class BadQuery(Refused):
    """The query is invalid; ``position`` is the place in its text, counted from 0."""

    def __init__(self, message: Safe, hint: Safe, position: int) -> None:
        super().__init__(message, hint)
        self.position = position


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """The progress of the index: ``reached`` grows with it, ``behind`` messages cannot be found yet.

    ``fault`` is the reason why they are not indexed, if known; ``unreadable`` messages are found by subject, people and place
    alone, counted once none is ``behind``.
    """

    reached: int
    behind: int
    fault: Safe = BLANK
    unreadable: int = 0


#: Queries that are remembered.
KEPT = 50


class SearchDesk:
    """Searches in archived mail."""

    def __init__(self, archive: Archive, see_to_indexing: Callable[[], str]) -> None:
        self._archive = archive
        self._see_to_indexing = see_to_indexing
        self._asked: list[str] = []
        #: The number of unreadable messages, and the state of the index's files in which they were counted.
        self._unreadable: tuple[Any, int] = (None, 0)

    @property
    def asked(self) -> Sequence[str]:
        """The queries since the start of the console, the last one last."""
        return self._asked

    async def find(self, question: Question) -> AsyncGenerator[Results, None]:
        """Yield the results as soon as there are any, and again, the same object, whenever it has more.

        Closing it stops the search.

        Raises ``BadQuery`` and ``Refused``.
        """
        with translated():
            try:
                asked = language.parse(question.text)
                query = scoped(asked, question.scope)
                search = await Search.open(self._archive)
                try:
                    places, own = await search.places(query), await search.places(asked)
                    found = Results(self._archive, places, question.scope, own)
                    self._remember(question.text)
                    async with aclosing(search.batches(query, order=CoreOrder(question.order))) as batches:
                        async for batch in batches:
                            found.numbers.extend(batch)
                            found.total = len(found)
                            yield found
                    if question.order is SearchOrder.RELEVANCE:
                        found.total = max(await search.count(query), len(found))
                    found.complete = True
                    yield found
                finally:
                    # It may be closed in the middle; the rest of the search is useless then.
                    search.interrupt()
                    await search.close()
            except QueryError as error:
                sentence, remedy = present.text(face.sentence(error.reason)), present.text(face.remedy(error.reason))
                raise BadQuery(sentence, remedy, error.position) from error

    def _remember(self, text: str) -> None:
        if text in self._asked:
            self._asked.remove(text)
        self._asked = [*self._asked, text][-KEPT:]

    async def progress(self) -> IndexProgress:
        """The progress of the index; starts a service when there is something to index. May raise ``Refused``."""
        with translated():
            reached, behind = await search_index.progress(self._archive)
        if behind:
            return IndexProgress(reached, behind, present.sentence(self._see_to_indexing()))
        return IndexProgress(reached, 0, present.sentence(present.BLANK), await asyncio.to_thread(self._count_unreadable))

    def _count_unreadable(self) -> int:
        """The number of unreadable messages, counted again only after the index was written. Blocking."""
        written = search_index.written(self._archive.home)
        if written != self._unreadable[0]:
            self._unreadable = (written, search_index.unreadable(self._archive.home))
        return self._unreadable[1]


class Results:
    """The ids of all listed messages; the catalog is read for a page when it is shown."""

    def __init__(self, archive: Archive, places: frozenset[int], scope: SearchScope, folders: frozenset[int]) -> None:
        self._archive = archive
        self._places = places
        self._scope = scope
        self.folders = folders
        self.numbers = array("q")
        self.total = 0
        self.complete = False

    def __len__(self) -> int:
        """The number of listed messages."""
        return len(self.numbers)

    async def page(self, offset: int, limit: int) -> Sequence[MessageRow]:
        """A page of them. May raise ``Refused``."""
        numbers = self.numbers[offset : offset + limit]
        with translated():
            found = {hit.id: hit for hit in await hits(self._archive, numbers, self._places)}
        today = now()
        return [
            message_row(hit, today, where(hit, self._scope)) if (hit := found.get(number)) else _gone(number)
            for number in numbers
        ]


def scoped(query: Query, scope: SearchScope) -> Query:
    """``query`` within ``scope``."""
    return Query(query.text, (*query.terms, Within(scope.user, scope.folder))) if scope.user else query


def where(hit: Hit, scope: SearchScope) -> Safe:
    """The place of a message, shortened: most folders of an archive are in one named like the mailbox."""
    if not hit.folder:
        return present.own("in no folder any more")
    mailbox, slash, rest = hit.folder.partition("/")
    folder = rest if slash and "@" in mailbox else hit.folder
    return present.text(folder if scope.user else f"{hit.user}: {folder}")


def _gone(number: int) -> MessageRow:
    return MessageRow(
        number,
        present.BLANK,
        present.BLANK,
        present.BLANK,
        present.own("(not in the archive any more)"),
        present.BLANK,
        0,
    )
