"""Finding archived mail: a search has the index for itself until all is found, then only numbers of messages are kept."""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from core.archive.archive import Archive
from core.archive.search import query as language
from core.archive.search import search_index
from core.archive.search.hits import Hit, hits
from core.archive.search.query import Query, QueryError, Within
from core.archive.search.search import Order as CoreOrder
from core.archive.search.search import Search
from core.model import now
from tui.desk import present
from tui.desk.archive import message_row
from tui.desk.archive_views import MessageRow
from tui.desk.refusals import translated
from tui.desk.search_views import BadQuery, Order, Progress, Question, Results, Scope
from tui.desk.wording import advice

#: Queries that are kept.
KEPT = 50


class SearchDesk:
    """``Searching`` on an archive. ``see_to_indexing`` starts a service if there is none, and says why there is none."""

    def __init__(self, archive: Archive, see_to_indexing: Callable[[], str]) -> None:
        self._archive = archive
        self._see_to_indexing = see_to_indexing
        self._asked: list[str] = []

    @property
    def asked(self) -> Sequence[str]:
        return self._asked

    def find(self, question: Question) -> AsyncGenerator[Results, None]:
        return self._found(question)

    async def _found(self, question: Question) -> AsyncGenerator[Results, None]:
        with translated():
            try:
                asked = language.parse(question.text)
                query = scoped(asked, question.scope)
                search = await Search.open(self._archive)
                try:
                    places, own = await search.places(query), await search.places(asked)
                    found = Found(self._archive, places, question.scope, own)
                    self._remember(question.text)
                    async with aclosing(_filled(found, search, query, question.order)) as filled:
                        async for _ in filled:
                            yield found
                finally:
                    # It may be left in the middle, and what goes on there is of use to nobody.
                    search.interrupt()
                    await search.close()
            except QueryError as error:
                raise BadQuery(present.text(error.message), present.text(advice(error.hint)), error.position) from error

    def _remember(self, text: str) -> None:
        if text in self._asked:
            self._asked.remove(text)
        self._asked = [*self._asked, text][-KEPT:]

    async def progress(self) -> Progress:
        with translated():
            reached, behind, unreadable = await search_index.progress(self._archive)
        return Progress(reached, behind, self._see_to_indexing() if behind else "", unreadable)


class Found:
    """``Results``: the numbers of all messages that are listed, which the catalog is asked about when they are looked at."""

    def __init__(self, archive: Archive, places: frozenset[int], scope: Scope, folders: frozenset[int]) -> None:
        self._archive = archive
        self._places = places
        self._scope = scope
        self.folders = folders
        self.numbers = array("q")
        self.total = 0
        self.complete = False

    def __len__(self) -> int:
        return len(self.numbers)

    async def page(self, offset: int, limit: int) -> Sequence[MessageRow]:
        numbers = self.numbers[offset : offset + limit]
        with translated():
            found = {hit.id: hit for hit in await hits(self._archive, numbers, self._places)}
        today = now()
        return [
            message_row(hit, today, where(hit, self._scope)) if (hit := found.get(number)) else _gone(number)
            for number in numbers
        ]


async def _filled(found: Found, search: Search, query: Query, order: Order) -> AsyncGenerator[None, None]:
    """Fill ``found``, and tell whenever there is more in it, and at the end."""
    async with aclosing(search.batches(query, order=CoreOrder(order))) as batches:
        async for batch in batches:
            found.numbers.extend(batch)
            found.total = len(found)
            yield
    if order is Order.RELEVANCE:
        found.total = max(await search.count(query), len(found))
    found.complete = True
    yield


def scoped(query: Query, scope: Scope) -> Query:
    """``query`` within ``scope``."""
    return Query(query.text, (*query.terms, Within(scope.user, scope.folder))) if scope.user else query


def where(hit: Hit, scope: Scope) -> str:
    """Where a message lies, as short as it is clear: an archive's folders are mostly in one that is called as the mailbox."""
    if not hit.folder:
        return "in no folder any more"
    mailbox, slash, rest = hit.folder.partition("/")
    folder = rest if slash and "@" in mailbox else hit.folder
    return present.text(folder if scope.user else f"{hit.user}: {folder}")


def _gone(number: int) -> MessageRow:
    return MessageRow(number, "", "", "", "(not in the archive any more)", "", 0)
