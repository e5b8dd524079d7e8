"""Search in all archives by a query: pages by date or relevance, and counts.

One statement asks the index for the text and the catalog for places, so that moves count at once. A page ends with a cursor
from which the next one continues, whatever has come since.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from enum import StrEnum
from typing import Any

from core.archive.archive import Archive
from core.archive.search import query as language
from core.archive.search.hits import Hit, hits, meant
from core.archive.search.index_row import digest
from core.archive.search.paging import Pages, Total
from core.archive.search.query import Query
from core.archive.search.query_terms import Beginning
from core.archive.search.resolving import Terms
from core.archive.search.search_index import Index, discard, missing
from core.archive.search.statement import LAST, SearchStatement, between, expression, numbered
from core.db.database import Row
from core.errors import DamagedError
from core.values import dataclass

#: By relevance, the number of newest results that are ranked, and the number that can be paged through.
RANKED, KEPT = 20_000, 1_000
#: Batch sizes when all results are read, each ten times the one before: a query may cost much however little it finds.
_FIRST, _MOST = 100, 50_000

logger = logging.getLogger("archivar.search")


class Order(StrEnum):
    NEWEST = "newest"
    RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The beginning of the next page: after a row id, or, by relevance, within the row ids that were ranked at first."""

    after: int
    ranked: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultPage:
    """A page of results; ``next`` is None on the last one."""

    hits: tuple[Hit, ...]
    next: Cursor | None


class Search:
    """Searches of one archive. Other processes may index at the same time."""

    def __init__(self, archive: Archive, index: Index) -> None:
        self._archive = archive
        self._index = index
        #: Held while the index is made anew: later searches wait for the new one.
        self._beginning = asyncio.Lock()

    @classmethod
    async def open(cls, archive: Archive) -> Search:
        """Open the index beside the catalog. Raises ``StorageError``, ``BusyError``."""
        try:
            return cls(archive, await _attached(archive))
        except DamagedError as error:
            return cls(archive, await _anew(archive, error))

    async def close(self) -> None:
        await self._index.close()

    def interrupt(self) -> None:
        """Stop the running statement, for a search whose caller has left; ``close`` follows."""
        self._index.database.interrupt()

    @property
    def index(self) -> Index:
        return self._index

    async def page(
        self, query: Query, *, order: Order = Order.NEWEST, after: Cursor | None = None, limit: int = 50
    ) -> ResultPage:
        """Up to ``limit`` messages. Raises ``QueryError`` for an unknown user.

        By relevance only the newest 20,000 results are ranked, and the best 1,000 shown.
        """
        statement = await self._statement(query, order)
        if order is Order.RELEVANCE:
            return await self._best(statement, after, limit)
        rows = await Pages(self._read, statement).newest(after.after if after else LAST, limit + 1)
        more = Cursor(rows[limit - 1][0]) if len(rows) > limit else None
        return ResultPage(await self._hits([row[1:] for row in rows[:limit]], statement), more)

    async def _best(self, statement: SearchStatement, after: Cursor | None, limit: int) -> ResultPage:
        if after is None:
            rows = await self._read(statement.best(), statement.between(0, LAST, limit=RANKED, kept=KEPT))
            ranked = tuple(row[0] for row in rows)
        else:
            ranked = after.ranked
        found = await self._hits(await self._texts(ranked[:limit]), statement)
        rest = ranked[limit:]
        return ResultPage(found, Cursor(0, rest) if rest else None)

    async def _texts(self, numbers: Sequence[int]) -> list[Row]:
        """Message and digest of row ids, in their order."""
        marks = ",".join("?" * len(numbers))
        rows = await self._read(f"SELECT id, message_id, digest FROM doc WHERE id IN ({marks})", numbers)
        found = {row[0]: row[1:] for row in rows}
        return [found[number] for number in numbers if number in found]

    async def count(self, query: Query) -> int:
        """The number of messages that a query finds. Raises ``QueryError``."""
        statement = await self._statement(query)
        rows = await self._read(statement.count(), statement.between(0, LAST))
        return int(rows[0][0])

    async def total(self, query: Query) -> Total:
        """The same as far as the newest of the messages that a word of the query finds tell it. Raises ``QueryError``."""
        return await Pages(self._read, await self._statement(query)).total()

    async def ids(self, query: Query) -> AsyncIterator[int]:
        """The ids of all messages that a query finds, the newest first. Raises ``QueryError``."""
        async for batch in self.batches(query):
            for number in batch:
                yield number

    async def batches(self, query: Query, *, order: Order = Order.NEWEST) -> AsyncGenerator[Sequence[int], None]:
        """The same in batches that grow, so that the first come soon; by relevance the best 1,000 at once.

        Raises ``QueryError``.
        """
        statement = await self._statement(query, order)
        if order is Order.RELEVANCE:
            rows = await self._read(statement.best(), statement.between(0, LAST, limit=RANKED, kept=KEPT))
            yield [row[0] for row in await self._texts([row[0] for row in rows])]
            return
        pages = Pages(self._read, statement)
        after, limit = LAST, _FIRST
        while rows := await pages.newest(after, limit):
            yield [row[1] for row in rows]
            if len(rows) < limit:
                return
            after, limit = rows[-1][0], min(limit * 10, _MOST)

    async def places(self, query: Query) -> frozenset[int]:
        """The ids of the folders that a query names; empty when it names none. Raises ``QueryError``."""
        return (await self._statement(query)).folders or frozenset()

    async def behind(self) -> int:
        """The number of messages that are not indexed yet (``missing``), and so cannot be found."""
        reached = await self._read("SELECT reached FROM state", ())
        return await missing(self._archive.database, reached[0][0] if reached else 0)

    # -----------------------------------------------------------------------------------------------------------------------

    async def _statement(self, query: Query, order: Order = Order.NEWEST) -> SearchStatement:
        statement = SearchStatement()
        for term in await Terms(self._read).resolved(query.terms, ranked=order is Order.RELEVANCE):
            await self._collect(term, statement)
        statement.finish()
        return statement

    async def _collect(self, term: language.Node, statement: SearchStatement) -> None:
        if isinstance(term, language.All):
            for one in term.terms:
                await self._collect(one, statement)
        elif isinstance(term, language.Where):
            # Several terms mean one and the same place: in that folder and of that user.
            statement.lies_in(await meant(self._archive, term))
        elif isinstance(term, language.Not) and (excluded := expression(term.term)):
            statement.excluded.append(excluded)
        elif wanted := expression(term):
            statement.wanted.append(wanted)
        elif isinstance(term, language.Dated):
            statement.dated(term)
        else:
            statement.conditions.append(await self._condition(term, statement))

    async def _condition(self, term: language.Node, statement: SearchStatement) -> str:
        """The SQL condition on ``doc`` for a term outside the full-text expression."""
        match term:
            case language.Not():
                return f"NOT ({await self._condition(term.term, statement)})"
            case language.All() | language.Any():
                parts = [await self._condition(one, statement) for one in term.terms]
                return f"({(' AND ' if isinstance(term, language.All) else ' OR ').join(parts)})"
            case language.WordPart():
                raise TypeError("resolved before")
            case language.Words():
                return statement.matched(expression(term))
            case Beginning():
                return statement.begun(term)
            case language.Attached():
                return "doc.attachments > 0"
            case language.Sized():
                over, under = term.over, term.under
                return f"doc.size > {over}" if over is not None else f"doc.size < {under}"
            case language.Dated():
                return " AND ".join(between(term))
            case language.Numbered():
                return numbered(term, statement)
            case language.OfUser() | language.InFolder() | language.Within():
                return statement.placed(await meant(self._archive, term))

    async def _hits(self, rows: Sequence[Row], statement: SearchStatement) -> tuple[Hit, ...]:
        index = self._index
        found = {hit.id: hit for hit in await hits(self._archive, [row[0] for row in rows], statement.folders or ())}
        if any(number not in found or digest(found[number].sha256) != known for number, known in rows):
            logger.warning("the search index is made anew: the catalog has other numbers than it knows")
            async with self._beginning:
                if index is self._index:
                    await index.clear()
            return ()
        return tuple(found[number] for number, _ in rows)

    async def _read(self, sql: str, values: Any) -> list[Row]:
        async with self._beginning:
            index = self._index
        try:
            return await index.database.read(sql, values)
        except DamagedError as error:
            async with self._beginning:
                # Several searches may have met the same damage.
                if index is self._index:
                    await index.close()
                    self._index = await _anew(self._archive, error)
            return await self._index.database.read(sql, values)


async def matching(archive: Archive, text: str) -> tuple[list[int], frozenset[int]]:
    """The ids of all messages that the query ``text`` finds, the newest first, each once; and the folders that it names.

    Raises ``QueryError``.
    """
    query = language.parse(text)
    search = await Search.open(archive)
    try:
        return [number async for number in search.ids(query)], await search.places(query)
    finally:
        await search.close()


async def _attached(archive: Archive) -> Index:
    index = await Index.open(archive)
    try:
        await index.database.read("ATTACH DATABASE ? AS catalog", (archive.database.uri,))
    except BaseException:
        await index.close()
        raise
    return index


async def _anew(archive: Archive, error: DamagedError) -> Index:
    logger.warning("the search index is damaged and is made anew: %s", error)
    discard(archive.home.search)
    return await _attached(archive)
