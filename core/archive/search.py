"""Finding mail in all archives by a query: pages, the newest or the best first, and how many there are.

The text is sought in the index, where mail lies is asked of the catalog in the same statement, so that moves count at once.
A page ends with a cursor from which the next one goes on, whatever has come meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from core.archive import query as language
from core.archive.archive import Archive
from core.archive.query import Query, QueryError
from core.archive.reading import STORED, Stored
from core.archive.search_index import Index, digest, discard, floor
from core.db.database import Row
from core.errors import DamagedError

#: By relevance, so many of the newest messages that are found are put in order, and so many can be paged through.
RANKED, KEPT = 20_000, 1_000
LAST = 2**63 - 1
#: What is found in these columns counts for more: subject, sender, recipients, copies, body, files.
_WEIGHTS = "4.0, 3.0, 2.0, 1.5, 1.0, 2.0"
_CHUNK = 1_000

logger = logging.getLogger("archivar.search")


class Order(StrEnum):
    NEWEST = "newest"
    RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True)
class Hit(Stored):
    """A message that was found, and one place where it lies: the wanted one, if a user or a folder was asked for.

    ``user`` and ``folder`` are empty when it lies nowhere any more.
    """

    user: str
    folder: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins: after a text, or, by relevance, with the texts that were put in order at first."""

    after: int
    ranked: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """``next`` is None when there are no more."""

    hits: tuple[Hit, ...]
    next: Cursor | None


class Search:
    """Searches of one archive. Other processes may index meanwhile."""

    def __init__(self, archive: Archive, index: Index) -> None:
        self._archive = archive
        self._index = index

    @classmethod
    async def open(cls, archive: Archive) -> Search:
        """Open the index beside the catalog. Raises ``StorageError``, ``BusyError``."""
        try:
            return cls(archive, await _attached(archive))
        except DamagedError as error:
            return cls(archive, await _anew(archive, error))

    async def close(self) -> None:
        await self._index.close()

    @property
    def index(self) -> Index:
        return self._index

    async def page(self, query: Query, *, order: Order = Order.NEWEST, after: Cursor | None = None, limit: int = 50) -> Page:
        """Up to ``limit`` messages. Raises ``QueryError`` for a user that there is not.

        By relevance only the newest 20,000 that are found are compared, and the best 1,000 shown.
        """
        statement = await self._statement(query)
        if order is Order.RELEVANCE:
            return await self._best(statement, after, limit)
        rows = await self._read(statement.newest(), statement.paged(after.after if after else LAST, limit + 1))
        more = Cursor(rows[limit - 1][0]) if len(rows) > limit else None
        return Page(await self._hits([row[1:] for row in rows[:limit]], statement), more)

    async def _best(self, statement: _Statement, after: Cursor | None, limit: int) -> Page:
        if after is None:
            rows = await self._read(statement.best(), {**statement.paged(LAST, RANKED), "kept": KEPT})
            ranked = tuple(row[0] for row in rows)
        else:
            ranked = after.ranked
        marks = ",".join("?" * min(limit, len(ranked)))
        sql = f"SELECT id, message_id, digest FROM doc WHERE id IN ({marks})"
        found = {row[0]: row[1:] for row in await self._read(sql, ranked[:limit])}
        hits = await self._hits([found[number] for number in ranked[:limit] if number in found], statement)
        rest = ranked[limit:]
        return Page(hits, Cursor(0, rest) if rest else None)

    async def count(self, query: Query) -> int:
        """How many messages a query finds. Raises ``QueryError``."""
        statement = await self._statement(query)
        rows = await self._read(statement.count(), statement.values)
        return int(rows[0][0])

    async def ids(self, query: Query) -> AsyncIterator[int]:
        """The numbers of all messages that a query finds, the newest first. Raises ``QueryError``."""
        statement = await self._statement(query)
        after = LAST
        while rows := await self._read(statement.newest(), statement.paged(after, _CHUNK)):
            for row in rows:
                yield row[1]
            after = rows[-1][0]

    async def behind(self) -> int:
        """Messages that are not indexed yet, and so cannot be found."""
        return await self._index.behind()

    # -----------------------------------------------------------------------------------------------------------------------

    async def _statement(self, query: Query) -> _Statement:
        statement = _Statement()
        for term in query.terms:
            await self._collect(term, statement)
        await statement.finish(self._place)
        return statement

    async def _collect(self, term: language.Node, statement: _Statement) -> None:
        if isinstance(term, language.All):
            for one in term.terms:
                await self._collect(one, statement)
        elif isinstance(term, language.OfUser | language.InFolder):
            statement.places.append(term)
        elif isinstance(term, language.Not) and (excluded := expression(term.term)):
            statement.excluded.append(excluded)
        elif wanted := expression(term):
            statement.wanted.append(wanted)
        elif isinstance(term, language.Dated):
            statement.dated(term)
        else:
            statement.conditions.append(await self._condition(term, statement))

    async def _condition(self, term: language.Node, statement: _Statement) -> str:
        """A term that is no part of the text's own expression, as a condition on ``doc``."""
        match term:
            case language.Not():
                return f"NOT ({await self._condition(term.term, statement)})"
            case language.All() | language.Any():
                parts = [await self._condition(one, statement) for one in term.terms]
                return f"({(' AND ' if isinstance(term, language.All) else ' OR ').join(parts)})"
            case language.Words():
                return f"doc.id IN (SELECT rowid FROM text WHERE text MATCH {statement.value(expression(term))})"
            case language.Attached():
                return "doc.attachments > 0"
            case language.Sized():
                over, under = term.over, term.under
                return f"doc.size > {over}" if over is not None else f"doc.size < {under}"
            case language.Dated():
                return " AND ".join(_between(term))
            case language.Numbered():
                return _numbered(term, statement)
            case language.OfUser() | language.InFolder():
                return _EXISTS.format(await self._place(term, statement))

    async def _place(self, term: language.OfUser | language.InFolder, statement: _Statement) -> str:
        """The folders that are meant, as a condition on a placement ``p``. Raises ``QueryError``."""
        catalog = self._archive.database
        if isinstance(term, language.OfUser):
            rows = await catalog.read(
                "SELECT id FROM user WHERE casefold(name) = :name OR id = (SELECT user_id FROM address WHERE address = :name)",
                {"name": term.name.casefold()},
            )
            if not rows:
                raise QueryError(f"There is no user {term.name}.", "archivar user list shows them.", term.position)
            owner = statement.value(rows[0][0])
            return f"p.folder_id IN (SELECT id FROM catalog.folder WHERE owner = {owner})"
        paths = await catalog.read("SELECT id, path FROM folder")
        ending = term.name if term.prefix else f"{term.name}/"
        meant = [number for number, path in paths if f"/{ending}" in f"/{path.casefold()}/"]
        if not meant:
            raise QueryError(f"There is no folder {term.name}.", "archivar folders USER shows them.", term.position)
        return f"p.folder_id IN (SELECT value FROM json_each({statement.value(str(meant))}))"

    async def _hits(self, rows: Sequence[Row], statement: _Statement) -> tuple[Hit, ...]:
        numbers = [row[0] for row in rows]
        marks = ",".join(map(str, numbers))
        found = await self._read(f"SELECT {STORED} FROM catalog.message WHERE id IN ({marks})", ())
        places = dict[int, tuple[str, str]]()
        for number, user, folder in await self._read(
            f"{_PLACES} WHERE p.message_id IN ({marks}) AND p.until_seq IS NULL ORDER BY {statement.preferred} p.id DESC",
            statement.place_values,
        ):
            places[number] = (user, folder)
        details = {row[0]: row for row in found}
        if any(number not in details or digest(details[number][1]) != known for number, known in rows):
            logger.warning("the search index is made anew: the catalog has other numbers than it knows")
            await self._index.clear()
            return ()
        return tuple(Hit(*(*details[number], *places.get(number, ("", "")))) for number in numbers)

    async def _read(self, sql: str, values: Any) -> list[Row]:
        try:
            return await self._index.database.read(sql, values)
        except DamagedError as error:
            await self._index.close()
            self._index = await _anew(self._archive, error)
            return await self._index.database.read(sql, values)


class _Statement:
    """A query as SQL: an expression for the index, conditions on its documents, and values for all of it."""

    def __init__(self) -> None:
        self.wanted: list[str] = []
        self.excluded: list[str] = []
        self.places: list[language.OfUser | language.InFolder] = []
        self.conditions: list[str] = []
        self.values: dict[str, Any] = {}
        self.place_values: dict[str, Any] = {}
        self.preferred = ""
        self._low, self._high = 0, LAST

    def value(self, value: Any) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def dated(self, term: language.Dated) -> None:
        if term.first:
            self._low = max(self._low, floor(_seconds(term.first)))
        if term.end:
            self._high = min(self._high, floor(_seconds(term.end)))

    async def finish(self, place: Any) -> None:
        """All places are asked of one and the same placement: in that folder and of that user."""
        if self.places:
            before = set(self.values)
            place_condition = " AND ".join([await place(term, self) for term in self.places])
            self.conditions.append(_EXISTS.format(place_condition))
            self.place_values = {name: value for name, value in self.values.items() if name not in before}
            self.preferred = f"({place_condition}),"
        if self.excluded and not self.wanted:
            for one in self.excluded:
                self.conditions.append(f"doc.id NOT IN (SELECT rowid FROM text WHERE text MATCH {self.value(one)})")
        if self.wanted:
            joined = " AND ".join(f"({one})" for one in self.wanted)
            self.values["match"] = f"({joined})" + "".join(f" NOT ({one})" for one in self.excluded)
        self.values |= {"low": self._low, "high": self._high}

    def paged(self, after: int, limit: int) -> dict[str, Any]:
        """The values for up to ``limit`` texts with a number under ``after``."""
        return {**self.values, "high": min(self._high, after), "limit": limit}

    @property
    def _from(self) -> str:
        conditions = "".join(f" AND {one}" for one in self.conditions)
        if self.wanted:
            return (
                "FROM text CROSS JOIN doc ON doc.id = text.rowid WHERE text MATCH :match "
                f"AND text.rowid >= :low AND text.rowid < :high{conditions}"
            )
        return f"FROM doc WHERE doc.id >= :low AND doc.id < :high{conditions}"

    @property
    def _key(self) -> str:
        return "text.rowid" if self.wanted else "doc.id"

    def newest(self) -> str:
        return f"SELECT {self._key}, doc.message_id, doc.digest {self._from} ORDER BY {self._key} DESC LIMIT :limit"

    def best(self) -> str:
        rank = f"bm25(text, {_WEIGHTS})" if self.wanted else "0"
        return (
            f"SELECT id FROM (SELECT {self._key} AS id, {rank} AS place {self._from} "
            f"ORDER BY {self._key} DESC LIMIT :limit) ORDER BY place, id DESC LIMIT :kept"
        )

    def count(self) -> str:
        if self.wanted and not self.conditions:
            return "SELECT count(*) FROM text WHERE text MATCH :match AND rowid >= :low AND rowid < :high"
        return f"SELECT count(*) {self._from}"


_EXISTS = "EXISTS (SELECT 1 FROM catalog.placement p WHERE p.message_id = doc.message_id AND p.until_seq IS NULL AND {})"
_PLACES = (
    "SELECT p.message_id, user.name, folder.path FROM catalog.placement p JOIN catalog.folder ON folder.id = p.folder_id "
    "JOIN catalog.user ON user.id = folder.owner"
)


async def matching(archive: Archive, text: str) -> AsyncIterator[int]:
    """The numbers of all messages that the query ``text`` finds, the newest first, each once. Raises ``QueryError``."""
    query = language.parse(text)
    search = await Search.open(archive)
    try:
        async for number in search.ids(query):
            yield number
    finally:
        await search.close()


async def _attached(archive: Archive) -> Index:
    index = await Index.open(archive)
    try:
        catalog = f"{archive.database.path.absolute().as_uri()}?mode=ro"
        await index.database.read("ATTACH DATABASE ? AS catalog", (catalog,))
    except BaseException:
        await index.close()
        raise
    return index


async def _anew(archive: Archive, error: DamagedError) -> Index:
    logger.warning("the search index is damaged and is made anew: %s", error)
    discard(archive.home.search)
    return await _attached(archive)


def expression(term: language.Node) -> str:
    """A term as an expression of the index; empty when not all of it is about text.

    Nothing but letters and digits of what was typed gets into it, and these in quotes.
    """
    match term:
        case language.Words():
            column = f"{term.column} : " if term.column else ""
            return f'{column}"{" ".join(term.words)}"{" *" if term.prefix else ""}'
        case language.All() | language.Any():
            without = [expression(one.term) for one in term.terms if isinstance(one, language.Not)]
            parts = [expression(one) for one in term.terms if not isinstance(one, language.Not)]
            # The index leaves something out of what it finds: not of nothing, and not of either one or the other.
            if not parts or not all(parts + without) or (without and isinstance(term, language.Any)):
                return ""
            joined = (" AND " if isinstance(term, language.All) else " OR ").join(f"({one})" for one in parts)
            return f"({joined})" + "".join(f" NOT ({one})" for one in without)
    return ""


def _numbered(term: language.Numbered, statement: _Statement) -> str:
    conditions = []
    if term.id.isdigit() and len(term.id) < 19:
        conditions.append(f"doc.message_id = {int(term.id)}")
    if len(term.id) >= 8:
        low, high = (statement.value(bytes.fromhex(term.id.ljust(64, filler))) for filler in "0f")
        conditions.append(f"doc.message_id IN (SELECT id FROM catalog.message WHERE sha256 BETWEEN {low} AND {high})")
    return f"({' OR '.join(conditions)})"


def _between(term: language.Dated) -> list[str]:
    found = [f"doc.id >= {floor(_seconds(term.first))}"] if term.first else []
    return found + ([f"doc.id < {floor(_seconds(term.end))}"] if term.end else [])


def _seconds(day: date) -> int:
    """The beginning of a day in local time, in seconds since 1970."""
    try:
        return max(int(datetime.combine(day, time()).astimezone().timestamp()), 0)
    except (OverflowError, ValueError, OSError):
        return 0 if day.year < 1971 else 253_402_300_800
